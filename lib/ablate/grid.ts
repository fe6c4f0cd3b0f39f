/** Which cells there are, which are asked for, and how long they take. */
import { UsageError } from '../errors.js';
import { type Cell, type CellFile, cellName } from './types.js';
import { VARIANTS } from './variants.js';

/**
 * All cells: every variant of a fold and seed before the next, so that a grid that is stopped half-way compares variants on the
 * same folds.
 */
export function gridCells(folds: readonly number[], seeds: readonly number[]): Cell[] {
  return seeds.flatMap((seed) =>
    folds.flatMap((fold) => VARIANTS.map(({ name }): Cell => ({ variant: name, fold, seed }))),
  );
}

/**
 * The cells of the grid that `asked` names, by variant (`mix-lam`) or one by one (`mix-lam-f1-s2`).
 *
 * @throws UsageError `E_ABLATION_CELL` for a name that is neither
 */
export function chosenCells(grid: readonly Cell[], asked: readonly string[] | undefined): Cell[] {
  if (!asked) return [...grid];
  const known = (name: string) => grid.some((cell) => cell.variant === name || cellName(cell) === name);
  const unknown = asked.filter((name) => !known(name));
  if (unknown.length > 0) {
    throw new UsageError(`there is no cell ${unknown.join(', ')} in the grid`, {
      code: 'E_ABLATION_CELL',
      cure: `Name variants (${VARIANTS.map(({ name }) => name).join(', ')}), or cells such as ${cellName(grid[0]!)}.`,
    });
  }
  return grid.filter((cell) => asked.includes(cell.variant) || asked.includes(cellName(cell)));
}

/** Seconds that a cell of a variant takes: the mean of those that are finished, of other variants where there is none. */
export function estimateSeconds(finished: Iterable<CellFile>): (variant: string) => number | null {
  const times = new Map<string, number[]>();
  const all: number[] = [];
  for (const { variant, seconds } of finished) {
    if (seconds === null) continue;
    times.set(variant, [...(times.get(variant) ?? []), seconds]);
    all.push(seconds);
  }
  const mean = (values: readonly number[] | undefined) =>
    values && values.length > 0 ? values.reduce((sum, value) => sum + value, 0) / values.length : null;
  return (variant) => mean(times.get(variant)) ?? mean(all);
}
