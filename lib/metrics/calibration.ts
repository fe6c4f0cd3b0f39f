/** How far probabilities can be taken at their word. */
import { UsageError } from '../errors.js';
import type { Calibration } from '../report/types.js';
import { argmax } from './probabilities.js';

/** Bins of equal width in which the probability of the top label is compared with its accuracy. */
export const CALIBRATION_BINS = 15;

/**
 * Expected calibration error, Brier score and the bins of the reliability diagram.
 *
 * A bin holds the utterances whose top label has a probability in (low, high]. The Brier score is summed over classes, so it lies
 * between 0 and 2.
 *
 * @param probabilities B x C, row-major, each row sums to 1
 * @param labels true class ids, B
 * @param classes C
 * @throws UsageError `E_SCORES` for no utterance, unequal lengths, or a label out of range
 */
export function calibration(
  probabilities: ArrayLike<number>,
  labels: ArrayLike<number>,
  classes: number,
): Calibration {
  const n = labels.length;
  if (n === 0 || probabilities.length !== n * classes) {
    throw new UsageError(`${n} labels do not pair with ${probabilities.length} probabilities of ${classes}`, {
      code: 'E_SCORES',
    });
  }
  const top = argmax(probabilities, classes);
  const bins = Array.from({ length: CALIBRATION_BINS }, () => ({ n: 0, confidence: 0, right: 0 }));
  let squares = 0;
  for (let row = 0; row < n; ++row) {
    const label = labels[row]!;
    if (!Number.isInteger(label) || label < 0 || label >= classes) {
      throw new UsageError(`label ${row} is ${label}; a class id is a whole number below ${classes}`, {
        code: 'E_SCORES',
      });
    }
    for (let c = 0; c < classes; ++c) {
      squares += (probabilities[row * classes + c]! - (c === label ? 1 : 0)) ** 2;
    }
    const confidence = probabilities[row * classes + top[row]!]!;
    const bin = bins[binOf(confidence)]!;
    bin.n += 1;
    bin.confidence += confidence;
    bin.right += top[row] === label ? 1 : 0;
  }
  return {
    ece: bins.reduce((sum, { confidence, right }) => sum + Math.abs(right - confidence), 0) / n,
    brier: squares / n,
    bins: bins.flatMap((bin, b) =>
      bin.n === 0
        ? []
        : {
            low: b / CALIBRATION_BINS,
            high: (b + 1) / CALIBRATION_BINS,
            n: bin.n,
            confidence: bin.confidence / bin.n,
            accuracy: bin.right / bin.n,
          },
    ),
  };
}

function binOf(confidence: number): number {
  const bin = Math.ceil(confidence * CALIBRATION_BINS) - 1;
  return Math.min(CALIBRATION_BINS - 1, Math.max(0, bin));
}
