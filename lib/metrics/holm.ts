/** Holm's correction: several tests together, none of them claimed by luck. */
import { UsageError } from '../errors.js';

/**
 * Adjusted p values, in the order given. Rejecting where an adjusted value is at most alpha keeps the chance of even one
 * false rejection at most alpha, whatever ties the tests together (Holm 1979: step-down, so never weaker than Bonferroni).
 *
 * A null (a test that could not be made) stays null and does not count.
 *
 * @throws UsageError `E_STATISTICS` for a value outside [0, 1]
 */
export function holm(values: readonly (number | null)[]): (number | null)[] {
  const tests = values.flatMap((p, index) => {
    if (p === null) return [];
    if (!(p >= 0 && p <= 1)) {
      throw new UsageError(`a p value lies in [0, 1]; value ${index} is ${p}`, { code: 'E_STATISTICS' });
    }
    return [{ p, index }];
  });
  tests.sort((a, b) => a.p - b.p || a.index - b.index);
  const adjusted: (number | null)[] = values.map(() => null);
  let largest = 0;
  for (const [rank, { p, index }] of tests.entries()) {
    // Never below a smaller one's: a test must not pass where one with stronger evidence did not.
    largest = Math.max(largest, Math.min(1, p * (tests.length - rank)));
    adjusted[index] = largest;
  }
  return adjusted;
}
