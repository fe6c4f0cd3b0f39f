/** What tests of readers compare. */

import { expect } from '@jest/globals';

import type { Corpus, Utterance } from '../../lib/corpus/types.js';
import { DataError } from '../../lib/errors.js';
import type { FixtureUtterance } from './fixture-tree.js';

/** How often each value occurs. */
export function tally<T>(items: readonly T[], of: (item: T) => string): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const item of items) counts[of(item)] = (counts[of(item)] ?? 0) + 1;
  return counts;
}

/** Left-out files by reason. */
export function droppedCounts(corpus: Corpus): Record<string, number> {
  return Object.fromEntries(corpus.dropped.map(({ reason, paths }) => [reason, paths.length]));
}

/** Ids of utterances whose speaker, gender or source label is not the generator's, and ids that only one side has. */
export function wrongUtterances(corpus: Corpus, truth: readonly FixtureUtterance[]): string[] {
  const wanted = new Map(truth.map((one) => [one.id, one]));
  const differs = (one: Utterance): boolean => {
    const own = wanted.get(one.id);
    return own?.speaker !== one.speaker || own.gender !== one.gender || own.label !== one.source?.emotion;
  };
  const wrong = corpus.utterances.filter(differs).map(({ id }) => id);
  const found = new Set(corpus.utterances.map(({ id }) => id));
  return [...wrong, ...truth.map(({ id }) => id).filter((id) => !found.has(id))];
}

/** The DataError that reading ends with. */
export async function refusalOf(reading: Promise<unknown>): Promise<DataError> {
  const error: unknown = await reading.then(
    () => new Error('was read'),
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(DataError);
  return error as DataError;
}
