/** Gradients by differences: independent of every formula under test. */

/**
 * Gradient of `value` at `at` by central differences with one step of Richardson's extrapolation (error of the order h^4).
 * `at` is changed and restored, element by element.
 */
export function numericGradient(at: Float64Array, value: () => number, h = 2e-3): Float64Array {
  const central = (index: number, step: number): number => {
    const middle = at[index]!;
    at[index] = middle + step;
    const above = value();
    at[index] = middle - step;
    const below = value();
    at[index] = middle;
    return (above - below) / (2 * step);
  };
  return at.map((_, index) => (4 * central(index, h / 2) - central(index, h)) / 3);
}

/** Largest absolute difference. */
export function largestDifference(a: ArrayLike<number>, b: ArrayLike<number>): number {
  if (a.length !== b.length) throw new RangeError(`lengths differ: ${a.length} and ${b.length}`);
  let largest = 0;
  for (let index = 0; index < a.length; index++) {
    const difference = Math.abs(a[index]! - b[index]!);
    if (!(difference <= largest)) largest = difference; // a NaN stays
  }
  return largest;
}
