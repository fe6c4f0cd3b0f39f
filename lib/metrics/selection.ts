/** Which epoch of a fold counts: the one chosen on validation, and the one best on the test fold. */
import { UsageError } from '../errors.js';
import type { Scores, Selection } from '../report/types.js';

/** What a selection looks at; an `EpochLine` is one. */
export interface EpochScores {
  /** Counts from 1. */
  epoch: number;
  /** Absent in a run without a validation part. */
  validation?: PartScores;
  /** Absent in a run that holds nothing out. */
  test?: PartScores;
}

type PartScores = Pick<Scores, 'wa' | 'ua'> & { loss: number | null };

/**
 * The honest selection: highest validation UA, then lower validation loss, then the earlier epoch. Without a validation
 * part (`--validation none`): the last epoch, which looks at nothing. Where the part lacks a class and so has no UA, WA
 * stands in; `selectionBasis` says which of these it was.
 *
 * @throws UsageError `E_SELECTION` for no epoch, or where only some epochs have validation scores
 */
export function selectEpoch<E extends EpochScores>(epochs: readonly E[]): E {
  const sorted = inOrder(epochs);
  return complete(sorted, 'validation') ? highest(sorted, 'validation') : sorted.at(-1)!;
}

/**
 * The optimistic selection: the epoch whose UA on the test fold is highest, then by lower test loss, then the earlier.
 * It has seen the test labels; report it second and say so. WA stands in where the test fold lacks a class.
 *
 * @throws UsageError `E_SELECTION` for no epoch, or an epoch without test scores
 */
export function bestOnTest<E extends EpochScores>(epochs: readonly E[]): E {
  const sorted = inOrder(epochs);
  if (!complete(sorted, 'test')) {
    throw new UsageError('the run holds no test fold out, so no epoch is best on it', {
      code: 'E_SELECTION',
    });
  }
  return highest(sorted, 'test');
}

/** What decided: UA; WA where the part lacks a class and so has no UA; `last-epoch` where nothing was chosen. */
export type SelectionBasis = 'ua' | 'wa' | 'last-epoch';

/** Figure by which `selectEpoch` or `bestOnTest` chose among these epochs. Errors as theirs. */
export function selectionBasis(epochs: readonly EpochScores[], selection: Selection): SelectionBasis {
  const sorted = inOrder(epochs);
  const part = selection === 'selected' ? 'validation' : 'test';
  return complete(sorted, part) ? figure(sorted, part) : 'last-epoch';
}

function highest<E extends EpochScores>(sorted: readonly E[], part: 'validation' | 'test'): E {
  const by = figure(sorted, part);
  const score = (line: E) => line[part]![by]!;
  // A loss that is not finite (null once it went through JSON) loses every tie.
  const loss = (line: E) => {
    const value = line[part]!.loss;
    return value !== null && Number.isFinite(value) ? value : Number.POSITIVE_INFINITY;
  };
  return sorted.reduce((best, line) =>
    score(line) > score(best) || (score(line) === score(best) && loss(line) < loss(best)) ? line : best,
  );
}

function figure(epochs: readonly EpochScores[], part: 'validation' | 'test'): 'ua' | 'wa' {
  return epochs.every((line) => line[part]!.ua !== null) ? 'ua' : 'wa';
}

/** Whether every epoch has scores of a part; false where none has. */
function complete(epochs: readonly EpochScores[], part: 'validation' | 'test'): boolean {
  const without = epochs.filter((line) => !line[part]).length;
  if (without === 0 || without === epochs.length) return without === 0;
  throw new UsageError(
    `${without} of ${epochs.length} epochs have no ${part} scores; either all or none must`,
    { code: 'E_SELECTION' },
  );
}

function inOrder<E extends EpochScores>(epochs: readonly E[]): E[] {
  if (epochs.length === 0) {
    throw new UsageError('no epoch to choose from', { code: 'E_SELECTION' });
  }
  return [...epochs].sort((a, b) => a.epoch - b.epoch);
}
