import { describe, expect, test } from '@jest/globals';

import { corpusReaders } from '../../lib/corpus/index.js';
import type { Corpus } from '../../lib/corpus/types.js';
import { DataError, type SerError } from '../../lib/errors.js';
import { defaultProtocol, planFolds, protocolsFor } from '../../lib/folds/index.js';
import { cremadLike, emodbLike, iemocapLike, mspImprovLike, saveeLike, speakersOf } from './small-corpora.js';

const pairs = (women: string, men: string, sessions: number): string[][] =>
  Array.from({ length: sessions }, (_, index) => [
    `${women.replace('N', String(index + 1))}`,
    `${men.replace('N', String(index + 1))}`,
  ]);

const emodb = ['03', '08', '09', '10', '11', '12', '13', '14', '15', '16'];
const iemocap = pairs('Ses0NF', 'Ses0NM', 5);
/** Every fifth of 1001 .. 1091, counted out again. */
const cremad = [0, 1, 2, 3, 4].map((fold) => {
  const list: string[] = [];
  for (let actor = 1001 + fold; actor <= 1091; actor += 5) list.push(String(actor));
  return list;
});

const rotated = (lists: string[][]): string[][] => [...lists.slice(1), lists[0]!];

/** Who tests and who validates in each fold. */
const EXPECTED: [protocol: string, corpus: Corpus, test: string[][], validation: string[][]][] = [
  ['iemocap-5fold', iemocapLike(), iemocap, rotated(iemocap)],
  [
    'iemocap-10fold',
    iemocapLike(),
    iemocap.flat().map((speaker) => [speaker]),
    iemocap.flatMap(([woman, man]) => [[man!], [woman!]]),
  ],
  ['msp-improv-6fold', mspImprovLike(), pairs('F0N', 'M0N', 6), rotated(pairs('F0N', 'M0N', 6))],
  ['savee-4fold', saveeLike(), [['JE'], ['KL'], ['DC'], ['JK']], [['KL'], ['DC'], ['JK'], ['JE']]],
  ['emodb-10fold', emodbLike(), emodb.map((one) => [one]), rotated(emodb.map((one) => [one]))],
  ['cremad-5fold', cremadLike(), cremad, rotated(cremad)],
];

describe.each(EXPECTED)('%s', (protocol, corpus, tested, validating) => {
  const plan = planFolds({ corpus, protocol });

  test('tests and validates on the listed speakers, trains on all others, tests everyone once', () => {
    expect(plan.folds.map(({ test: ids }) => speakersOf(corpus, ids))).toEqual(tested);
    expect(plan.folds.map(({ validation: ids }) => speakersOf(corpus, ids))).toEqual(validating);
    for (const { train, validation, test: held } of plan.folds)
      expect(train.length + validation.length + held.length).toBe(corpus.utterances.length);
    expect(plan.folds.flatMap(({ test: ids }) => ids).sort()).toEqual(corpus.utterances.map(({ id }) => id));
    expect(plan.warnings).toBeUndefined();
  });

  test('fits no other corpus', () => {
    const other = { ...corpus, name: 'manifest' };
    expect(protocolsFor(corpus)).toContain(protocol);
    expect(() => planFolds({ corpus: other, protocol })).toThrow(DataError);
  });
});

test('CREMA-D: 19 actors in the first fold, 18 in each other', () => {
  const corpus = cremadLike();
  const { folds } = planFolds({ corpus, protocol: 'cremad-5fold' });
  expect(folds.map(({ test: ids }) => speakersOf(corpus, ids).length)).toEqual([19, 18, 18, 18, 18]);
});

test('IEMOCAP 10-fold trains on no conversation that it tests', () => {
  const corpus = iemocapLike();
  const sessionOf = new Map(corpus.utterances.map(({ id, session }) => [id, session]));
  for (const fold of planFolds({ corpus, protocol: 'iemocap-10fold' }).folds) {
    const tested = sessionOf.get(fold.test[0]!);
    expect(fold.train.some((id) => sessionOf.get(id) === tested)).toBe(false);
  }
});

describe('where the user names no protocol', () => {
  const complete: Record<string, Corpus> = {
    iemocap: iemocapLike(),
    'msp-improv': mspImprovLike(),
    savee: saveeLike(),
    emodb: emodbLike(),
    cremad: cremadLike(),
  };
  const without = (corpus: Corpus, lacks: (speaker: string) => boolean): Corpus => ({
    ...corpus,
    utterances: corpus.utterances.filter(({ speaker }) => !lacks(speaker)),
  });

  test("a complete corpus takes its reader's protocol", () => {
    for (const { name, defaultProtocol: declared } of corpusReaders) {
      if (complete[name]) expect(defaultProtocol(complete[name])).toBe(declared);
    }
  });

  test('a corpus of no reader, or a partial one, takes the speakers there are', () => {
    expect(defaultProtocol({ ...saveeLike(), name: 'my-own' })).toBe('loso');
    expect(defaultProtocol({ ...emodbLike(), name: 'my-own' })).toBe('group-5');
    expect(defaultProtocol(without(saveeLike(), (speaker) => speaker === 'JK'))).toBe('loso');
    expect(defaultProtocol(without(emodbLike(), (speaker) => speaker === '09'))).toBe('group-5');
  });
});

test('a speaker that a published list does not know has a code of its own', () => {
  const corpus = saveeLike();
  const renamed = {
    ...corpus,
    utterances: corpus.utterances.map((utterance) =>
      utterance.speaker === 'JK' ? { ...utterance, speaker: 'XX' } : utterance,
    ),
  };
  let error: SerError | undefined;
  try {
    planFolds({ corpus: renamed, protocol: 'savee-4fold' });
  } catch (caught) {
    error = caught as SerError;
  }
  expect(error).toBeInstanceOf(DataError);
  expect(error!.code).toBe('E_UNLISTED');
  expect(error!.message).toContain('XX');
});
