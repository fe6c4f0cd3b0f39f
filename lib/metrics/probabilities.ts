/** From logits to probabilities and to the validation loss. */
import { UsageError } from '../errors.js';

/**
 * Row-wise softmax in double precision.
 *
 * @param logits B x C, row-major
 * @param classes C
 * @returns B x C, each row sums to 1; a row with a NaN or without a finite maximum becomes NaN
 * @throws UsageError `E_SCORES` where the length is no multiple of C
 */
export function softmax(logits: ArrayLike<number>, classes: number): Float64Array {
  const rows = rowCount(logits, classes);
  const out = new Float64Array(logits.length);
  for (let row = 0; row < rows; ++row) {
    const start = row * classes;
    const log = logSumExp(logits, start, classes);
    for (let c = 0; c < classes; ++c) out[start + c] = Math.exp(logits[start + c]! - log);
  }
  return out;
}

/** Class id of the largest logit of each row; the first of equals. A NaN never wins. */
export function argmax(logits: ArrayLike<number>, classes: number): Int32Array {
  const rows = rowCount(logits, classes);
  const out = new Int32Array(rows);
  for (let row = 0; row < rows; ++row) {
    let best = 0;
    let bestLogit = Number.NEGATIVE_INFINITY;
    for (let c = 0; c < classes; ++c) {
      const logit = logits[row * classes + c]!;
      if (logit > bestLogit) {
        best = c;
        bestLogit = logit;
      }
    }
    out[row] = best;
  }
  return out;
}

/**
 * Mean over utterances of KL(one-hot label || softmax(logits)), in nats. For hard labels that is the cross-entropy,
 * -log p of the true class; ln C is the score of a guess.
 *
 * @param logits B x C, row-major
 * @param labels true class ids, B
 * @param classes C
 * @throws UsageError `E_SCORES` for no utterance, unequal lengths, or a label out of range
 */
export function crossEntropy(logits: ArrayLike<number>, labels: ArrayLike<number>, classes: number): number {
  const rows = rowCount(logits, classes);
  if (rows === 0 || labels.length !== rows) {
    throw refuse(`${labels.length} labels do not pair with ${rows} rows of ${classes} logits`);
  }
  let sum = 0;
  for (let row = 0; row < rows; ++row) {
    const label = labels[row]!;
    if (!Number.isInteger(label) || label < 0 || label >= classes) {
      throw refuse(`label ${row} is ${label}; a class id must be a whole number from 0 to ${classes - 1}`);
    }
    // Not -log(softmax): a probability that underflows to 0 would make the loss infinite.
    sum += logSumExp(logits, row * classes, classes) - logits[row * classes + label]!;
  }
  return sum / rows;
}

function logSumExp(logits: ArrayLike<number>, start: number, count: number): number {
  let max = Number.NEGATIVE_INFINITY;
  for (let c = 0; c < count; ++c) max = Math.max(max, logits[start + c]!);
  let sum = 0;
  for (let c = 0; c < count; ++c) sum += Math.exp(logits[start + c]! - max);
  return max + Math.log(sum);
}

function rowCount(logits: ArrayLike<number>, classes: number): number {
  if (!Number.isInteger(classes) || classes < 1 || logits.length % classes !== 0) {
    throw refuse(`${logits.length} logits do not make rows of ${classes} classes`);
  }
  return logits.length / classes;
}

function refuse(message: string): UsageError {
  return new UsageError(message, { code: 'E_SCORES' });
}
