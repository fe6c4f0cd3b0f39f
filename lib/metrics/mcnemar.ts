/** McNemar's test: a description of two runs' differing answers. It takes utterances as independent, which speakers are not. */
import { UsageError } from '../errors.js';
import { logChoose } from './log-gamma.js';

export interface McNemar {
  /** Utterances that only the first run gets right. */
  b: number;
  /** Utterances that only the second run gets right. */
  c: number;
  /** Two-sided and exact: of b + c fair coins, the chance of a split at least as uneven. */
  p: number;
}

/** @throws UsageError `E_STATISTICS` for a count that is no whole number of at least 0 */
export function mcnemar(b: number, c: number): McNemar {
  for (const count of [b, c]) {
    if (!Number.isInteger(count) || count < 0) {
      throw new UsageError(`McNemar's test counts utterances, not ${count}`, { code: 'E_STATISTICS' });
    }
  }
  const n = b + c;
  let tail = 0;
  for (let k = 0; k <= Math.min(b, c); ++k) tail += Math.exp(logChoose(n, k) - n * Math.LN2);
  return { b, c, p: Math.min(1, 2 * tail) };
}
