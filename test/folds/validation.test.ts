import { describe, expect, test } from '@jest/globals';

import { demoCorpus } from '../../lib/corpus/demo/index.js';
import type { Corpus } from '../../lib/corpus/types.js';
import { DataError, type SerError, UsageError } from '../../lib/errors.js';
import { planFolds } from '../../lib/folds/index.js';
import { corpusOf, iemocapLike, ravdessLike, speakersOf } from './small-corpora.js';

function refusal(run: () => unknown): SerError {
  try {
    run();
  } catch (error) {
    return error as SerError;
  }
  throw new Error('the plan was not refused');
}

const sessionsOf = (corpus: Corpus, ids: readonly string[]): string[] => {
  const wanted = new Set(ids);
  return [...new Set(corpus.utterances.flatMap((u) => (wanted.has(u.id) ? [u.session!] : [])))].sort();
};

describe('validation by speakers of the training part', () => {
  const corpus = ravdessLike();
  const plan = planFolds({ corpus, protocol: 'ravdess-6fold', validation: 'speaker' });

  test('takes a tenth of the training speakers, a woman and a man, and nobody else', () => {
    for (const { train, validation, test: held } of plan.folds) {
      const speakers = speakersOf(corpus, validation);
      expect(speakers.map((speaker) => Number(speaker.slice(-2)) % 2).sort()).toEqual([0, 1]);
      expect(train.length).toBe(1440 - 240 - 120);
      expect(speakersOf(corpus, train).filter((speaker) => speakers.includes(speaker))).toEqual([]);
      expect(speakersOf(corpus, held).filter((speaker) => speakers.includes(speaker))).toEqual([]);
    }
    expect(plan.warnings).toBeUndefined();
  });

  test('tests the same speakers as next-fold, under another hash', () => {
    const next = planFolds({ corpus, protocol: 'ravdess-6fold' });
    expect(plan.folds.map((fold) => fold.test)).toEqual(next.folds.map((fold) => fold.test));
    expect(plan.hash).not.toBe(next.hash);
    expect(plan.validation).toBe('speaker');
  });

  test('varies the speakers over the folds', () => {
    const chosen = new Set(plan.folds.flatMap(({ validation }) => speakersOf(corpus, validation)));
    expect(chosen.size).toBeGreaterThanOrEqual(6);
  });

  test('takes as many as asked for, and says where that leaves nobody', () => {
    const four = planFolds({
      corpus,
      protocol: 'ravdess-6fold',
      validation: 'speaker',
      validationSpeakers: 4,
    });
    expect(four.folds.map(({ validation }) => speakersOf(corpus, validation).length)).toEqual([
      4, 4, 4, 4, 4, 4,
    ]);
    const all = refusal(() =>
      planFolds({ corpus, protocol: 'ravdess-6fold', validation: 'speaker', validationSpeakers: 20 }),
    );
    expect(all.code).toBe('E_NO_VALIDATION');
    expect(refusal(() => planFolds({ corpus, validation: 'speaker', validationSpeakers: 0 }))).toBeInstanceOf(
      UsageError,
    );
  });

  test('keeps every class in training where another speaker can validate instead', () => {
    // Only `a` and `b` are ever calm; both are balanced choices, and in the folds that test one the other must train.
    const both = ['a', 'b', 'c', 'd', 'e'].flatMap((speaker) => [
      { speaker },
      { speaker, emotion: 'anger' },
      ...(speaker < 'c' ? [{ speaker, emotion: 'calm' }] : []),
    ]);
    const small = corpusOf(both);
    const { folds } = planFolds({ corpus: small, protocol: 'loso', validation: 'speaker' });
    folds.slice(0, 2).forEach(({ validation, test: held }) => {
      const [other] = ['a', 'b'].filter((name) => !speakersOf(small, held).includes(name));
      expect(speakersOf(small, validation)).not.toContain(other);
    });
  });

  test("replaces a manifest split's own validation part", () => {
    const rows = (['train', 'train', 'train', 'validation', 'test'] as const).flatMap((split, index) =>
      ['neutral', 'anger'].map((emotion) => ({ speaker: `s${index}`, split, emotion })),
    );
    const small = corpusOf(rows);
    const [fold] = planFolds({ corpus: small, validation: 'speaker' }).folds;
    expect(speakersOf(small, fold!.test)).toEqual(['s4']);
    expect(speakersOf(small, fold!.validation)).toHaveLength(1);
    expect(speakersOf(small, fold!.train)).toHaveLength(3);
  });
});

describe('validation by a session of the training part', () => {
  test('takes the next session whole; in leave-one-session-out that is the next fold', () => {
    const corpus = iemocapLike();
    const plan = planFolds({ corpus, protocol: 'iemocap-5fold', validation: 'session' });
    expect(plan.folds.map(({ validation }) => sessionsOf(corpus, validation))).toEqual([
      ['2'],
      ['3'],
      ['4'],
      ['5'],
      ['1'],
    ]);
    const next = planFolds({ corpus, protocol: 'iemocap-5fold' });
    expect(plan.folds).toEqual(next.folds);
  });

  test('never takes the session that is tested', () => {
    const corpus = iemocapLike();
    for (const fold of planFolds({ corpus, protocol: 'iemocap-10fold', validation: 'session' }).folds) {
      const tested = sessionsOf(corpus, fold.test);
      expect(sessionsOf(corpus, fold.validation)).toHaveLength(1);
      expect(sessionsOf(corpus, fold.validation)).not.toEqual(tested);
      expect(speakersOf(corpus, fold.validation)).toHaveLength(2);
    }
  });

  test('passes over a session whose speaker is heard in another', () => {
    const rows = [
      ['1', 'a'],
      ['2', 'b'],
      ['3', 'b'],
      ['4', 'd'],
      ['5', 'e'],
    ].flatMap(([session, speaker]) =>
      ['neutral', 'anger'].map((emotion) => ({ speaker: speaker!, session: session!, emotion })),
    );
    const corpus = corpusOf(rows);
    const [first] = planFolds({ corpus, protocol: 'loso', validation: 'session' }).folds;
    expect(speakersOf(corpus, first!.test)).toEqual(['a']);
    expect(sessionsOf(corpus, first!.validation)).toEqual(['4']);
  });

  test('is refused where utterances name no session', () => {
    const error = refusal(() => planFolds({ corpus: demoCorpus(), validation: 'session' }));
    expect(error).toBeInstanceOf(DataError);
    expect(error.code).toBe('E_NO_VALIDATION');
    expect(error.cure).toContain('--validation speaker');
  });
});
