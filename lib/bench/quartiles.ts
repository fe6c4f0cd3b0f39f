/** Order statistics of times. */
import type { Quartiles } from './types.js';

/** Value below which a share of the sorted values lies, linear between neighbours. */
function quantile(sorted: readonly number[], share: number): number {
  const place = share * (sorted.length - 1);
  const below = Math.floor(place);
  const low = sorted[below]!;
  return low + (place - below) * ((sorted[below + 1] ?? low) - low);
}

export function quartiles(values: readonly number[]): Quartiles {
  const sorted = [...values].sort((a, b) => a - b);
  return { median: quantile(sorted, 0.5), lower: quantile(sorted, 0.25), upper: quantile(sorted, 0.75) };
}

export const median = (values: readonly number[]): number => quartiles(values).median;

export const sum = (values: readonly number[]): number => values.reduce((all, value) => all + value, 0);
