/** Which epoch of a fold counts: the one chosen on validation, and the one best on the test fold. */
import { UsageError } from '../errors.js';
import type { Scores } from '../report/types.js';

/** What a selection looks at; an `EpochLine` is one. */
export interface EpochScores {
  /** Counts from 1. */
  epoch: number;
  validation?: Pick<Scores, 'wa' | 'ua'> & { loss: number | null };
  test: Pick<Scores, 'wa' | 'ua'> & { loss: number | null };
}

export interface EpochChoice<E extends EpochScores> {
  epoch: E;
  /**
   * Figure that decided: UA; WA where the part lacks a class and so has no UA; `last-epoch` where nothing was chosen
   * because the run has no validation part.
   */
  by: 'ua' | 'wa' | 'last-epoch';
  /** A sentence for the report where WA had to stand in for UA. */
  warning?: string;
}

/**
 * The honest selection: highest validation UA, then lower validation loss, then the earlier epoch. Without a validation
 * part (`--validation none`): the last epoch, which looks at nothing.
 *
 * @throws UsageError `E_SELECTION` for no epoch, or where only some epochs have validation scores
 */
export function selectEpoch<E extends EpochScores>(epochs: readonly E[]): EpochChoice<E> {
  const sorted = inOrder(epochs);
  const validated = sorted.filter((line) => line.validation);
  if (validated.length === 0) return { epoch: sorted.at(-1)!, by: 'last-epoch' };
  if (validated.length < sorted.length) {
    throw new UsageError(
      `${sorted.length - validated.length} of ${sorted.length} epochs have no validation scores; either all or none must`,
      { code: 'E_SELECTION' },
    );
  }
  return highest(sorted, (line) => line.validation!, 'validation');
}

/**
 * The optimistic selection: the epoch whose UA on the test fold is highest, then by lower test loss, then the earlier.
 * It has seen the test labels; report it second and say so.
 *
 * @throws UsageError `E_SELECTION` for no epoch
 */
export function bestOnTest<E extends EpochScores>(epochs: readonly E[]): EpochChoice<E> {
  return highest(inOrder(epochs), (line) => line.test, 'test');
}

function highest<E extends EpochScores>(
  sorted: readonly E[],
  part: (line: E) => EpochScores['test'],
  name: 'validation' | 'test',
): EpochChoice<E> {
  const by = sorted.every((line) => part(line).ua !== null) ? 'ua' : 'wa';
  // A loss that is not finite (null once it went through JSON) loses every tie.
  const loss = (line: E) => {
    const value = part(line).loss;
    return value !== null && Number.isFinite(value) ? value : Number.POSITIVE_INFINITY;
  };
  const score = (line: E) => part(line)[by]!;
  const epoch = sorted.reduce((best, line) =>
    score(line) > score(best) || (score(line) === score(best) && loss(line) < loss(best)) ? line : best,
  );
  if (by === 'ua') return { epoch, by };
  return {
    epoch,
    by,
    warning: `the ${name} part lacks a class, so it has no UA; the epoch was chosen by ${name} WA instead`,
  };
}

function inOrder<E extends EpochScores>(epochs: readonly E[]): E[] {
  if (epochs.length === 0) {
    throw new UsageError('no epoch to choose from', { code: 'E_SELECTION' });
  }
  return [...epochs].sort((a, b) => a.epoch - b.epoch);
}
