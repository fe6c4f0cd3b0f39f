import { describe, expect, test } from '@jest/globals';

import { auditPlan } from '../../lib/audit/index.js';
import { demoCorpus } from '../../lib/corpus/demo/index.js';
import { type FoldPlan, planFolds } from '../../lib/folds/index.js';
import {
  corpusOf,
  cremadLike,
  emodbLike,
  iemocapLike,
  mspImprovLike,
  ravdessLike,
  saveeLike,
} from '../folds/small-corpora.js';

const corpus = demoCorpus();
const plan = planFolds({ corpus });

/** The plan with its first fold changed. */
const withFirst = (change: (first: FoldPlan['folds'][number]) => void): FoldPlan => {
  const copy = structuredClone(plan);
  change(copy.folds[0]!);
  return copy;
};

test('a clean plan: no leak, and what was looked at', () => {
  const { leaks, faults, checked, notChecked, folds } = auditPlan(plan, { corpus });
  expect(leaks).toEqual([]);
  expect(faults).toEqual([]);
  expect(folds).toHaveLength(4);
  expect(folds[0]).toEqual({ fold: 1, train: 160, validation: 80, test: 80, leaks: 0 });
  expect(checked.join()).toContain('speakers');
  expect(notChecked.join()).toContain('the audio was not read');
});

test.each([
  ['ravdess-6fold', ravdessLike()],
  ['ravdess-6fold-emobox', ravdessLike()],
  ['ravdess-5fold', ravdessLike()],
  ['iemocap-5fold', iemocapLike()],
  ['iemocap-10fold', iemocapLike()],
  ['msp-improv-6fold', mspImprovLike()],
  ['savee-4fold', saveeLike()],
  ['emodb-10fold', emodbLike()],
  ['cremad-5fold', cremadLike()],
  ['demo-4fold', demoCorpus()],
])('%s is clean under every validation', (protocol, own) => {
  for (const validation of ['next-fold', 'none', 'speaker'] as const) {
    const made = planFolds({ corpus: own, protocol, validation });
    expect(auditPlan(made, { corpus: own }).leaks).toEqual([]);
  }
});

describe('leaks', () => {
  test('an utterance in two parts, and its speaker with it', () => {
    const moved = plan.folds[0]!.test[0]!;
    const leaky = withFirst(({ train }) => train.push(moved));
    const { leaks } = auditPlan(leaky, { corpus });
    expect(leaks).toContainEqual({ kind: 'utterance', fold: 1, id: moved, parts: ['train', 'test'] });
    expect(leaks).toContainEqual({ kind: 'speaker', fold: 1, speaker: 'f1', parts: { train: 1, test: 40 } });
    expect(leaks.every(({ fold }) => fold === 1)).toBe(true);
  });

  test('every speaker that is shared is told, not the first alone', () => {
    const leaky = withFirst((first) => {
      first.train.push(first.test.pop()!, first.test.shift()!);
    });
    const speakers = auditPlan(leaky, { corpus }).leaks.flatMap((leak) =>
      leak.kind === 'speaker' ? [leak.speaker] : [],
    );
    expect(speakers.sort()).toEqual(['f1', 'm1']);
  });

  test('without the corpus, ids tell the speakers where they can', () => {
    const leaky = withFirst((first) => {
      first.train.push(first.test.pop()!);
    });
    const told = auditPlan(leaky);
    expect(told.leaks.map(({ kind }) => kind)).toEqual(['speaker']);
    expect(told.checked.join()).toContain('told from the ids');
    const unknown = auditPlan({ ...leaky, corpus: 'mine' });
    expect(unknown.leaks).toEqual([]);
    expect(unknown.notChecked.join()).toContain('speakers: the ids do not tell them');
  });

  test('one recording under two speakers, equal or near; pairs within a part are none', () => {
    const [first] = plan.folds;
    const hashes = new Map([
      [first!.train[0]!, 'same'],
      [first!.test[0]!, 'same'],
      [first!.train[1]!, 'twin'],
      [first!.train[2]!, 'twin'],
    ]);
    const near = {
      ids: [first!.test[3]!, first!.train[3]!] as [string, string],
      distance: 0.02,
      offset: 0,
      overlap: 1,
    };
    const leaks = auditPlan(
      { ...plan, folds: [first!] },
      { corpus, samplesSha256: hashes, nearDuplicates: [near] },
    ).leaks;
    expect(leaks).toEqual([
      {
        kind: 'recording',
        fold: 1,
        ids: [first!.train[0], first!.test[0]],
        parts: ['train', 'test'],
        match: 'identical',
      },
      {
        kind: 'recording',
        fold: 1,
        ids: [first!.train[3], first!.test[3]],
        parts: ['train', 'test'],
        match: 'near',
        distance: 0.02,
      },
    ]);
  });

  test('a pair of identical recordings is told once, though their fingerprints agree too', () => {
    const [first] = plan.folds;
    const ids = [first!.train[0]!, first!.test[0]!] as [string, string];
    const leaks = auditPlan(
      { ...plan, folds: [first!] },
      {
        samplesSha256: new Map(ids.map((id) => [id, 'same'])),
        nearDuplicates: [{ ids, distance: 0, offset: 0, overlap: 1 }],
      },
    ).leaks;
    expect(leaks).toHaveLength(1);
  });
});

describe('what a reader must weigh', () => {
  test('texts of the test part that training heard, in one sentence for all folds', () => {
    const texts = auditPlan(plan, { corpus }).warnings.filter((sentence) => sentence.startsWith('Texts'));
    expect(texts).toHaveLength(1);
    expect(texts[0]).toContain('320 of 320 test utterances');
    expect(texts[0]).toContain('in all 4 folds');
  });

  test('a conversation of which training heard the other half', () => {
    const own = iemocapLike();
    const warned = (validation: 'next-fold' | 'none') =>
      auditPlan(planFolds({ corpus: own, protocol: 'iemocap-10fold', validation }), {
        corpus: own,
      }).warnings.some((sentence) => sentence.startsWith('Sessions'));
    expect(warned('next-fold')).toBe(false);
    expect(warned('none')).toBe(true);
  });

  test('utterances that are tested twice, or never, or are not there', () => {
    const twice = structuredClone(plan);
    twice.folds[1]!.test.push(twice.folds[0]!.test[0]!);
    expect(auditPlan(twice).warnings.join()).toContain('1 utterances are tested in more than one fold');
    const fewer = { ...plan, folds: plan.folds.slice(0, 3) };
    expect(auditPlan(fewer, { corpus }).warnings.join()).toContain(
      '80 utterances of the corpus are tested in no fold',
    );
    const partial = { ...corpus, utterances: corpus.utterances.slice(1) };
    expect(auditPlan(plan, { corpus: partial }).warnings.join()).toContain(
      '1 utterances of the plan are not in this copy',
    );
  });

  test('classes that a part lacks', () => {
    const rows = ['a', 'b', 'c', 'd'].flatMap((speaker) => [{ speaker }, { speaker, emotion: 'anger' }]);
    const own = corpusOf([...rows, { speaker: 'a', emotion: 'calm' }, { speaker: 'c', emotion: 'calm' }]);
    const made = planFolds({ corpus: own, protocol: 'loso' });
    expect(auditPlan(made, { corpus: own }).warnings).toEqual(expect.arrayContaining(made.warnings!));
  });
});

test('5531 utterances in ten folds: planned and audited in well under a second', () => {
  const large = iemocapLike(139);
  expect(large.utterances.length).toBeGreaterThanOrEqual(5531);
  const started = performance.now();
  const made = planFolds({ corpus: large, protocol: 'iemocap-10fold', validation: 'speaker' });
  const planned = performance.now();
  auditPlan(made, { corpus: large, samplesSha256: new Map(large.utterances.map(({ id }) => [id, id])) });
  // Measured near 0.1 s each on one core; the bound leaves room for a busy machine.
  expect(planned - started).toBeLessThan(3000);
  expect(performance.now() - planned).toBeLessThan(3000);
});
