import { existsSync } from 'node:fs';
import path from 'node:path';

import { describe, expect, test } from '@jest/globals';

import { demoCorpus } from '../../lib/corpus/demo/index.js';
import { readCorpus } from '../../lib/corpus/index.js';
import { DataError, type SerError, UsageError } from '../../lib/errors.js';
import { planFolds, planHash, protocolsFor } from '../../lib/folds/index.js';
import { corpusOf, ravdessLike, speakersOf } from './small-corpora.js';

const actors = (...numbers: number[]): string[] =>
  numbers.map((number) => `Actor_${String(number).padStart(2, '0')}`);

/** The lists of the design notes, written out again: a slip in the protocol cannot hide in a shared constant. */
const PUBLISHED: Record<string, string[][]> = {
  'ravdess-6fold': [1, 5, 9, 13, 17, 21].map((first) => actors(first, first + 1, first + 2, first + 3)),
  'ravdess-6fold-emobox': [
    actors(1, 11, 20, 21),
    actors(4, 10, 12, 14),
    actors(8, 9, 19, 23),
    actors(3, 5, 7, 24),
    actors(2, 15, 16, 18),
    actors(6, 13, 17, 22),
  ],
  'ravdess-5fold': [
    actors(2, 5, 14, 15, 16),
    actors(3, 6, 7, 13, 18),
    actors(10, 11, 12, 19, 20),
    actors(8, 17, 21, 23, 24),
    actors(1, 4, 9, 22),
  ],
};

function refusal(run: () => unknown): SerError {
  try {
    run();
  } catch (error) {
    return error as SerError;
  }
  throw new Error('the plan was not refused');
}

describe.each(Object.entries(PUBLISHED))('%s', (protocol, lists) => {
  const corpus = ravdessLike();

  test('tests the published speakers, validates on the next fold, trains on the rest', () => {
    const plan = planFolds({ corpus, protocol });
    expect(plan.folds.map((fold) => speakersOf(corpus, fold.test))).toEqual(lists);
    expect(plan.folds.map((fold) => fold.fold)).toEqual(lists.map((_, index) => index + 1));
    plan.folds.forEach((fold, index) => {
      expect(speakersOf(corpus, fold.validation)).toEqual(lists[(index + 1) % lists.length]);
      expect(fold.train.length + fold.validation.length + fold.test.length).toBe(corpus.utterances.length);
    });
    expect(plan.folds.flatMap((fold) => fold.test).sort()).toEqual(corpus.utterances.map(({ id }) => id));
  });

  test('without validation trains on all but the test part', () => {
    const plan = planFolds({ corpus, protocol, validation: 'none' });
    for (const fold of plan.folds) {
      expect(fold.validation).toEqual([]);
      expect(fold.train.length + fold.test.length).toBe(corpus.utterances.length);
    }
  });
});

describe('plans', () => {
  const corpus = demoCorpus();

  test('are deterministic, hashed, and independent of the order of utterances', () => {
    const plan = planFolds({ corpus });
    const shuffled = planFolds({ corpus: { ...corpus, utterances: [...corpus.utterances].reverse() } });
    expect(shuffled).toEqual(plan);
    expect(plan.hash).toMatch(/^[0-9a-f]{64}$/);
    expect(plan.hash).toBe(planHash(plan));
    expect(planFolds({ corpus, validation: 'none' }).hash).not.toBe(plan.hash);
    const reordered = {
      folds: plan.folds,
      hash: plan.hash,
      validation: plan.validation,
      protocol: plan.protocol,
      corpus: plan.corpus,
    };
    expect(planHash(reordered)).toBe(plan.hash);
  });

  test('of the demo corpus test a man and a woman per fold', () => {
    const plan = planFolds({ corpus });
    expect(plan.protocol).toBe('demo-4fold');
    expect(plan.folds.map((fold) => speakersOf(corpus, fold.test))).toEqual([
      ['f1', 'm1'],
      ['f2', 'm2'],
      ['f3', 'm3'],
      ['f4', 'm4'],
    ]);
    expect(plan.folds[0]).toMatchObject({ fold: 1 });
    expect(plan.folds[0]!.train).toHaveLength(160);
    expect(plan.warnings).toBeUndefined();
  });

  test('keep the folds asked for, with their numbers', () => {
    const all = planFolds({ corpus });
    const some = planFolds({ corpus, folds: [2, 4] });
    expect(some.folds).toEqual([all.folds[1], all.folds[3]]);
    expect(refusal(() => planFolds({ corpus, folds: [5] }))).toBeInstanceOf(UsageError);
    expect(refusal(() => planFolds({ corpus, folds: [] }))).toBeInstanceOf(UsageError);
  });

  test('leave one speaker out, in natural order', () => {
    const small = corpusOf(
      ['s10', 's2', 's1'].flatMap((speaker) => [{ speaker }, { speaker, emotion: 'anger' }]),
    );
    const plan = planFolds({ corpus: small, protocol: 'loso' });
    expect(plan.folds.map((fold) => speakersOf(small, fold.test))).toEqual([['s1'], ['s2'], ['s10']]);
  });

  test('leave one session out', () => {
    const rows = [1, 2, 3].flatMap((session) =>
      ['a', 'b'].flatMap((letter) =>
        ['neutral', 'anger'].map((emotion) => ({
          speaker: `${session}${letter}`,
          session: `S${session}`,
          emotion,
        })),
      ),
    );
    const small = corpusOf(rows);
    const plan = planFolds({ corpus: small, protocol: 'leave-one-session-out' });
    expect(plan.folds.map((fold) => speakersOf(small, fold.test))).toEqual([
      ['1a', '1b'],
      ['2a', '2b'],
      ['3a', '3b'],
    ]);
  });
});

describe('group-K', () => {
  test('spreads RAVDESS evenly: five or four actors, both genders in each', () => {
    const corpus = ravdessLike();
    const plan = planFolds({ corpus, protocol: 'group-5' });
    const sizes = plan.folds.map((fold) => speakersOf(corpus, fold.test).length).sort();
    expect(sizes).toEqual([4, 5, 5, 5, 5]);
    for (const fold of plan.folds) {
      const men = speakersOf(corpus, fold.test).filter(
        (speaker) => Number(speaker.slice(-2)) % 2 === 1,
      ).length;
      expect(men).toBeGreaterThanOrEqual(2);
      expect(men).toBeLessThanOrEqual(3);
    }
  });

  test('balances unequal speakers by count and class', () => {
    const rows = [40, 30, 20, 10, 10, 10].flatMap((count, speaker) =>
      Array.from({ length: count }, (_, index) => ({
        speaker: `s${speaker}`,
        emotion: index % 2 ? 'anger' : 'neutral',
      })),
    );
    const corpus = corpusOf(rows);
    const plan = planFolds({ corpus, protocol: 'group-3' });
    expect(plan.folds.map((fold) => fold.test.length)).toEqual([40, 40, 40]);
  });

  test('gives each group a speaker even where one speaker dominates', () => {
    const corpus = corpusOf(
      ['a', 'a', 'a', 'a', 'b', 'c'].flatMap((speaker) => [{ speaker }, { speaker, emotion: 'anger' }]),
    );
    const plan = planFolds({ corpus, protocol: 'group-3' });
    expect(plan.folds.map((fold) => speakersOf(corpus, fold.test)).sort()).toEqual([['a'], ['b'], ['c']]);
  });

  test('copes with thousands of speakers, where one fold each is refused', () => {
    const rows = Array.from({ length: 3000 }, (_, index) => ({
      speaker: `s${index}`,
      emotion: index % 3 ? 'anger' : 'neutral',
    }));
    const corpus = corpusOf(rows);
    const plan = planFolds({ corpus });
    expect(plan.protocol).toBe('group-5');
    expect(plan.folds.map((fold) => fold.test.length)).toEqual([600, 600, 600, 600, 600]);
    expect(refusal(() => planFolds({ corpus, protocol: 'loso' })).message).toContain(
      '3000 speakers would be as many folds',
    );
  });

  test('needs as many speakers as groups', () => {
    const error = refusal(() => planFolds({ corpus: demoCorpus(), protocol: 'group-9' }));
    expect(error).toBeInstanceOf(DataError);
    expect(error.message).toContain('needs 9 speakers or more, the corpus has 8');
  });
});

describe("a manifest's own split", () => {
  const row = (speaker: string, split: 'train' | 'validation' | 'test') =>
    ['neutral', 'anger'].map((emotion) => ({ speaker, split, emotion }));

  test('is one fold; without validation its validation part trains', () => {
    const corpus = corpusOf([...row('a', 'train'), ...row('b', 'validation'), ...row('c', 'test')]);
    const [fold] = planFolds({ corpus }).folds;
    expect([fold!.train, fold!.validation, fold!.test].map((part) => speakersOf(corpus, part))).toEqual([
      ['a'],
      ['b'],
      ['c'],
    ]);
    const [merged] = planFolds({ corpus, validation: 'none' }).folds;
    expect(speakersOf(corpus, merged!.train)).toEqual(['a', 'b']);
  });

  test('is refused where a speaker is in two parts, by name', () => {
    const corpus = corpusOf([...row('a', 'train'), ...row('b', 'validation'), ...row('a', 'test')]);
    const error = refusal(() => planFolds({ corpus }));
    expect(error).toBeInstanceOf(DataError);
    expect(error.code).toBe('E_LEAK');
    expect(error.message).toContain('a in train and test');
  });

  test('is refused without validation rows, with the cure, and where rows have no split', () => {
    const error = refusal(() => planFolds({ corpus: corpusOf([...row('a', 'train'), ...row('c', 'test')]) }));
    expect(error.cure).toContain('--validation none');
    const partial = corpusOf([...row('a', 'train'), ...row('c', 'test'), { speaker: 'd' }]);
    expect(refusal(() => planFolds({ corpus: partial, protocol: 'manifest-split' })).message).toContain(
      '1 utterances have no split',
    );
  });
});

describe('refusals', () => {
  test('an unknown protocol names those that fit and the nearest', () => {
    const error = refusal(() => planFolds({ corpus: ravdessLike(), protocol: 'ravdess-6folds' }));
    expect(error).toBeInstanceOf(UsageError);
    expect(error.message).toContain('ravdess-6fold, ravdess-6fold-emobox, ravdess-5fold, loso, group-5');
    expect(error.cure).toBe('Did you mean ravdess-6fold?');
    expect(refusal(() => planFolds({ corpus: demoCorpus(), protocol: 'group-1' }))).toBeInstanceOf(
      UsageError,
    );
  });

  test('a protocol of another corpus names those that fit', () => {
    const error = refusal(() => planFolds({ corpus: demoCorpus(), protocol: 'ravdess-6fold' }));
    expect(error).toBeInstanceOf(DataError);
    expect(error.cure).toContain('demo-4fold');
    expect(protocolsFor(demoCorpus())).toEqual(['demo-4fold', 'loso', 'group-5']);
  });

  test('two folds leave nobody to validate: --validation none', () => {
    const corpus = corpusOf(['a', 'b'].flatMap((speaker) => [{ speaker }, { speaker, emotion: 'anger' }]));
    const error = refusal(() => planFolds({ corpus, protocol: 'loso' }));
    expect(error.code).toBe('E_NO_VALIDATION');
    expect(error.cure).toContain('--validation none');
    expect(planFolds({ corpus, protocol: 'loso', validation: 'none' }).folds).toHaveLength(2);
  });

  test('one speaker cannot be planned at all', () => {
    const corpus = corpusOf([{ speaker: 'a' }, { speaker: 'a', emotion: 'anger' }]);
    expect(refusal(() => planFolds({ corpus })).message).toContain('2 speakers or more, the corpus has 1');
  });

  test('missing actors are named', () => {
    const corpus = ravdessLike();
    const partial = {
      ...corpus,
      utterances: corpus.utterances.filter(({ speaker }) => Number(speaker.slice(-2)) > 4),
    };
    const error = refusal(() => planFolds({ corpus: partial, protocol: 'ravdess-6fold' }));
    expect(error.code).toBe('E_TOO_FEW_SPEAKERS');
    expect(error.message).toContain('Actor_01, Actor_02, Actor_03, Actor_04');
    expect(planFolds({ corpus: partial }).protocol).toBe('group-5');
  });

  test('a session that shares a speaker with another', () => {
    const rows = ['S1', 'S2', 'S3'].flatMap((session) => [
      { speaker: 'everywhere', session },
      { speaker: `only ${session}`, session, emotion: 'anger' },
    ]);
    const error = refusal(() => planFolds({ corpus: corpusOf(rows), protocol: 'leave-one-session-out' }));
    expect(error.code).toBe('E_LEAK');
    expect(error.message).toContain('everywhere in train and validation');
  });

  test('one recording under two speakers, but not within one part', () => {
    const corpus = ravdessLike();
    const twins = ['03-01-03-01-02-01-07', '03-01-03-01-02-02-07'];
    const within = new Map(corpus.utterances.map(({ id }) => [id, id]));
    within.set(twins[1]!, twins[0]!);
    expect(planFolds({ corpus, protocol: 'ravdess-6fold', samplesSha256: within }).folds).toHaveLength(6);
    const across = new Map(within).set('03-01-03-01-02-01-01', twins[0]!);
    const error = refusal(() => planFolds({ corpus, protocol: 'ravdess-6fold', samplesSha256: across }));
    expect(error.code).toBe('E_LEAK');
    expect(error.message).toContain('03-01-03-01-02-01-01');
    expect(error.message).toContain(twins[0]);
  });

  test('a class that training lacks; one that a test part lacks is a warning', () => {
    const both = ['a', 'b', 'c', 'd'].flatMap((speaker) => [{ speaker }, { speaker, emotion: 'anger' }]);
    const rare = corpusOf([...both, { speaker: 'a', emotion: 'calm' }]);
    const error = refusal(() => planFolds({ corpus: rare, protocol: 'loso' }));
    expect(error.code).toBe('E_CLASS_MISSING');
    expect(error.message).toContain('Fold 1: the training part has no utterance of calm');
    const twice = corpusOf([...both, { speaker: 'a', emotion: 'calm' }, { speaker: 'c', emotion: 'calm' }]);
    const plan = planFolds({ corpus: twice, protocol: 'loso' });
    expect(plan.warnings).toContain(
      'Fold 2: the test part has no calm, so its UA is undefined; the pooled UA counts.',
    );
  });

  test('a wrong validation through the API', () => {
    const wrong = { corpus: demoCorpus(), validation: 'random' as 'none' };
    expect(refusal(() => planFolds(wrong))).toBeInstanceOf(UsageError);
  });
});

const real = path.resolve('..', 'shared', 'corpora', 'ravdess');
const withReal = existsSync(real) ? test : test.skip;
if (!existsSync(real)) console.warn(`RAVDESS is not at ${real}: the test on real files is skipped.`);

withReal('the plan of the real RAVDESS equals the plan of its published names', async () => {
  const corpus = await readCorpus('ravdess', { data: real });
  const plan = planFolds({ corpus });
  expect(plan.protocol).toBe('ravdess-6fold');
  expect(plan.folds.map((fold) => [fold.train.length, fold.validation.length, fold.test.length])).toEqual(
    Array.from({ length: 6 }, () => [960, 240, 240]),
  );
  expect(plan.hash).toBe(planFolds({ corpus: ravdessLike(), protocol: 'ravdess-6fold' }).hash);
});
