/** Temperature scaling: one number that makes a model as sure as it is right, and changes no prediction. */
import { UsageError } from '../errors.js';

/** Temperatures beyond these say that the validation part holds no wrong answer, or nothing but wrong ones. */
export const MIN_TEMPERATURE = 0.05;
export const MAX_TEMPERATURE = 20;

/**
 * The temperature T that minimises the mean of -log softmax(logits / T)[label] (Guo et al. 2017), within [0.05, 20].
 *
 * The loss is convex in 1 / T, so there is one minimum; it is found where the derivative changes its sign.
 *
 * @param logits B x C, row-major; log-probabilities do as well, since adding to a row changes nothing
 * @param labels true class ids, B
 * @returns null for no utterance, or logits that are not finite
 * @throws UsageError `E_SCORES` where the lengths do not pair
 */
export function fitTemperature(
  logits: ArrayLike<number>,
  labels: ArrayLike<number>,
  classes: number,
): number | null {
  if (logits.length !== labels.length * classes) {
    throw new UsageError(`${labels.length} labels do not pair with ${logits.length} logits of ${classes}`, {
      code: 'E_SCORES',
    });
  }
  if (labels.length === 0) return null;
  for (let k = 0; k < logits.length; ++k) if (!Number.isFinite(logits[k])) return null;
  let low = 1 / MAX_TEMPERATURE;
  let high = 1 / MIN_TEMPERATURE;
  if (slope(logits, labels, classes, low) >= 0) return MAX_TEMPERATURE;
  if (slope(logits, labels, classes, high) <= 0) return MIN_TEMPERATURE;
  // 60 halvings of an interval of 20 end below the spacing of doubles; the result depends on nothing but the sums' signs.
  for (let round = 0; round < 60; ++round) {
    const middle = 0.5 * (low + high);
    if (slope(logits, labels, classes, middle) < 0) low = middle;
    else high = middle;
  }
  return 2 / (low + high);
}

/** Derivative of the summed loss by the inverse temperature: expected less actual logit. */
function slope(
  logits: ArrayLike<number>,
  labels: ArrayLike<number>,
  classes: number,
  inverse: number,
): number {
  let sum = 0;
  for (let row = 0; row < labels.length; ++row) {
    const start = row * classes;
    let max = Number.NEGATIVE_INFINITY;
    for (let c = 0; c < classes; ++c) max = Math.max(max, logits[start + c]!);
    let mass = 0;
    let expected = 0;
    for (let c = 0; c < classes; ++c) {
      const above = logits[start + c]! - max;
      const weight = Math.exp(inverse * above);
      mass += weight;
      expected += weight * above;
    }
    sum += expected / mass - (logits[start + labels[row]!]! - max);
  }
  return sum;
}

/**
 * Probabilities at another temperature: p^(1/T), made to sum to 1. The same as the softmax of the logits divided by T.
 *
 * @param probabilities B x C, row-major
 */
export function temper(probabilities: ArrayLike<number>, classes: number, temperature: number): Float64Array {
  const out = new Float64Array(probabilities.length);
  for (let start = 0; start < out.length; start += classes) {
    let max = 0;
    for (let c = 0; c < classes; ++c) max = Math.max(max, probabilities[start + c]!);
    let mass = 0;
    for (let c = 0; c < classes; ++c) {
      // Relative to the largest, so that no row underflows as a whole.
      const value = (probabilities[start + c]! / max) ** (1 / temperature);
      out[start + c] = value;
      mass += value;
    }
    for (let c = 0; c < classes; ++c) out[start + c]! /= mass;
  }
  return out;
}
