/** From logits to probabilities and to the validation loss, in double precision. */
import { UsageError } from '../errors.js';

/**
 * Softmax of one utterance's logits.
 *
 * @param logits C values
 * @returns C probabilities that sum to 1; all NaN where a logit is NaN or all are -Infinity
 */
export function softmax(logits: ArrayLike<number>): number[] {
  const log = logSumExp(logits);
  return Array.from(logits, (logit) => Math.exp(logit - log));
}

/** Class id of the largest value; the first of equals. A NaN never wins. */
export function argmax(values: ArrayLike<number>): number {
  let best = 0;
  let bestValue = Number.NEGATIVE_INFINITY;
  for (let c = 0; c < values.length; ++c) {
    const value = values[c]!;
    if (value > bestValue) {
      best = c;
      bestValue = value;
    }
  }
  return best;
}

/**
 * Mean over utterances of KL(one-hot label || softmax(logits)), in nats. For hard labels that is the cross-entropy,
 * -log p of the true class; ln C is the score of a guess.
 *
 * @param logits B rows of C
 * @param labels true class ids, B
 * @throws UsageError `E_SCORES` for no utterance, unequal lengths, or a label out of range
 */
export function crossEntropy(logits: ArrayLike<ArrayLike<number>>, labels: ArrayLike<number>): number {
  if (logits.length === 0 || labels.length !== logits.length) {
    throw refuse(`${labels.length} labels do not pair with ${logits.length} rows of logits`);
  }
  let sum = 0;
  for (let i = 0; i < logits.length; ++i) {
    const row = logits[i]!;
    const label = labels[i]!;
    if (!Number.isInteger(label) || label < 0 || label >= row.length) {
      throw refuse(`label ${i} is ${label}; a class id must be a whole number from 0 to ${row.length - 1}`);
    }
    // Not -log(softmax): a probability that underflows to 0 would make the loss infinite.
    sum += logSumExp(row) - row[label]!;
  }
  return sum / logits.length;
}

function logSumExp(values: ArrayLike<number>): number {
  let max = Number.NEGATIVE_INFINITY;
  for (let c = 0; c < values.length; ++c) max = Math.max(max, values[c]!);
  let sum = 0;
  for (let c = 0; c < values.length; ++c) sum += Math.exp(values[c]! - max);
  return max + Math.log(sum);
}

function refuse(message: string): UsageError {
  return new UsageError(message, { code: 'E_SCORES' });
}
