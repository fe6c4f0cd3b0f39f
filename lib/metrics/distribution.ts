/** How values are spread: quantiles, and counts in bins of equal width. */

/** Figures of a set of values; all in the unit of the values. */
export interface Distribution {
  n: number;
  min: number;
  p5: number;
  p25: number;
  median: number;
  mean: number;
  p75: number;
  p95: number;
  max: number;
  /** Standard deviation (n - 1); 0 for one value. */
  std: number;
}

export interface Histogram {
  /** Lower edge of the first bin. */
  from: number;
  /** Width of a bin. */
  width: number;
  counts: number[];
  /** The last bin also holds all that lies beyond it. */
  open?: boolean;
}

/**
 * The value below which a share `p` of the values lies, linear between neighbours (R's type 7, NumPy's default).
 *
 * @param sorted ascending, one value at least
 */
export function quantile(sorted: readonly number[], p: number): number {
  const at = (sorted.length - 1) * p;
  const below = Math.floor(at);
  const low = sorted[below]!;
  const high = sorted[Math.min(below + 1, sorted.length - 1)]!;
  return low + (high - low) * (at - below);
}

/** @returns undefined for no values */
export function distribution(values: readonly number[]): Distribution | undefined {
  if (values.length === 0) return undefined;
  const sorted = [...values].sort((a, b) => a - b);
  const n = sorted.length;
  const mean = sorted.reduce((sum, value) => sum + value, 0) / n;
  const squares = sorted.reduce((sum, value) => sum + (value - mean) ** 2, 0);
  return {
    n,
    min: sorted[0]!,
    p5: quantile(sorted, 0.05),
    p25: quantile(sorted, 0.25),
    median: quantile(sorted, 0.5),
    mean,
    p75: quantile(sorted, 0.75),
    p95: quantile(sorted, 0.95),
    max: sorted[n - 1]!,
    std: n === 1 ? 0 : Math.sqrt(squares / (n - 1)),
  };
}

/**
 * Counts in bins [k * width, (k + 1) * width), from the lowest that holds a value to the highest; none for no values.
 *
 * @param end values from here on are counted in one last, open bin, so that an outlier leaves the rest readable
 */
export function histogram(values: readonly number[], width: number, end = Infinity): Histogram {
  if (values.length === 0) return { from: 0, width, counts: [] };
  const open = values.some((value) => value >= end);
  const bins = values.map((value) => Math.floor(Math.min(value, end) / width));
  let first = Infinity;
  let last = -Infinity;
  for (const bin of bins) {
    first = Math.min(first, bin);
    last = Math.max(last, bin);
  }
  const counts = new Array<number>(last - first + 1).fill(0);
  for (const bin of bins) counts[bin - first]!++;
  return { from: first * width, width, counts, ...(open ? { open } : {}) };
}

/** A width of 1, 2 or 5 times a power of ten of which about `wanted` make up `range`. */
export function roundWidth(range: number, wanted: number): number {
  const rough = range / wanted;
  if (!(rough > 0)) return 1;
  const power = 10 ** Math.floor(Math.log10(rough));
  return Number((power * ([1, 2, 5].find((factor) => factor * power >= rough) ?? 10)).toPrecision(12));
}
