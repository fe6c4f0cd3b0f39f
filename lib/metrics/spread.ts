/** Mean and standard deviation over folds or seeds. */
import type { Spread } from '../report/types.js';

/**
 * Mean and sample standard deviation (n - 1) of a figure over folds, or over seeds. The deviation describes how folds
 * differ; it is no standard error.
 *
 * A null among the values (the UA of a test fold that lacks a class) makes both null: a mean over the other folds would
 * be the mean of another set of speakers. The pooled figure stands in its place. One value has no deviation.
 */
export function spread(values: readonly (number | null)[]): Spread {
  if (values.length === 0 || values.some((value) => value === null)) return { mean: null, std: null };
  const numbers = values as readonly number[];
  const mean = numbers.reduce((sum, value) => sum + value, 0) / numbers.length;
  if (numbers.length === 1) return { mean, std: null };
  const squares = numbers.reduce((sum, value) => sum + (value - mean) ** 2, 0);
  return { mean, std: Math.sqrt(squares / (numbers.length - 1)) };
}

/**
 * The same where there may be several seeds: over the folds of one seed, or over the means of several. Folds differ by speaker
 * and seeds by chance; a deviation over both mixed would describe neither.
 */
export function spreadOverSeeds(folds: readonly { seed: number; value: number | null }[]): Spread {
  const seeds = [...new Set(folds.map(({ seed }) => seed))];
  const perSeed = seeds.map((seed) =>
    spread(folds.filter((fold) => fold.seed === seed).map(({ value }) => value)),
  );
  return perSeed.length === 1 ? perSeed[0]! : spread(perSeed.map(({ mean }) => mean));
}
