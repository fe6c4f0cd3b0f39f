/** Figures of a row of the table, and how it compares with the full method. */
import {
  clusteredIntervals,
  type JudgedLine,
  marginsBySpeaker,
  pairedTest,
  poolScores,
  scores,
  spreadOverSeeds,
} from '../metrics/index.js';
import type { Interval, Selection, Spread } from '../report/types.js';
import type { CellFile } from './types.js';

export interface AblationFigure {
  /** Over all held-out predictions together; null where a class has none. */
  pooled: number | null;
  /** Of `pooled`, clustered by speaker. */
  ci95: Interval | null;
  /** Mean and deviation over folds; with several seeds over the seeds' means. */
  overFolds: Spread;
}

export interface AblationDifference {
  /** Row less full method, of the pooled figures; null where it is not defined. */
  difference: number | null;
  ci95: Interval | null;
  /** Two-sided, by permutation over speakers. */
  p: number | null;
  /** The same after Holm's correction over the rows of the table. */
  pHolm: number | null;
}

export interface Comparison {
  /** Cells that both have; only these are compared. */
  cells: number;
  speakers: number;
  /** With so few speakers p cannot be below this. */
  smallestP: number;
  ua: AblationDifference;
  wa: AblationDifference;
}

/** A cell's predictions of one selection as lines of their own. */
export function judgedLines({ classes, held }: CellFile, selection: Selection): JudgedLine[] {
  return held.ids.map((id, at) => ({
    id,
    speaker: held.speakers[at]!,
    label: classes[held.labels[at]!]!,
    predicted: classes[held.predicted[selection][at]!]!,
  }));
}

/** UA and WA of a row's cells; they have the same classes. */
export function rowFigures(
  cells: readonly CellFile[],
  selection: Selection,
): Record<'ua' | 'wa', AblationFigure> {
  const { classes } = cells[0]!;
  const each = cells.map(({ seed, held }) => ({
    seed,
    scores: scores(held.labels, held.predicted[selection], classes.length),
  }));
  const pooled = poolScores(each.map((cell) => cell.scores));
  const speakers = marginsBySpeaker(
    cells.flatMap((cell) => judgedLines(cell, selection)),
    classes,
  );
  const intervals = clusteredIntervals(speakers);
  const figure = (name: 'ua' | 'wa'): AblationFigure => ({
    pooled: pooled[name],
    ci95: intervals[name],
    overFolds: spreadOverSeeds(each.map((cell) => ({ seed: cell.seed, value: cell.scores[name] }))),
  });
  return { ua: figure('ua'), wa: figure('wa') };
}

/** A row against the full method on the folds and seeds that both have; null where they share none. */
export function compareCells(
  full: readonly CellFile[],
  row: readonly CellFile[],
  selection: Selection,
): Comparison | null {
  const same = (a: CellFile) => (b: CellFile) => a.fold === b.fold && a.seed === b.seed;
  const shared = row.filter((cell) => full.some(same(cell)));
  if (shared.length === 0) return null;
  const lines = (cells: readonly CellFile[]) => cells.flatMap((cell) => judgedLines(cell, selection));
  const test = pairedTest(
    lines(full.filter((cell) => shared.some(same(cell)))),
    lines(shared),
    shared[0]!.classes,
  );
  const difference = (name: 'ua' | 'wa'): AblationDifference => ({
    difference: test[name].difference,
    ci95: test[name].ci95,
    p: test[name].p,
    pHolm: null,
  });
  return {
    cells: shared.length,
    speakers: test.speakers,
    smallestP: test.permutation.smallestP,
    ua: difference('ua'),
    wa: difference('wa'),
  };
}
