/** Accuracy, recall, F1 and confusion of one set of predictions. Definitions as scikit-learn's with `zero_division=0`. */
import { UsageError } from '../errors.js';
import type { Scores } from '../report/types.js';

/**
 * Scores of predicted against true class ids.
 *
 * @param labels true class ids, each in [0, classes)
 * @param predictions predicted class ids, as many
 * @param classes number of the corpus' classes; one that no label has makes UA null, since a recall over fewer classes
 *   is a different figure
 * @throws UsageError `E_SCORES` for no utterance, unequal lengths, or an id out of range
 */
export function scores(labels: ArrayLike<number>, predictions: ArrayLike<number>, classes: number): Scores {
  if (!Number.isInteger(classes) || classes < 1) {
    throw refuse(`classes must be a whole number of at least 1, not ${classes}`);
  }
  if (labels.length !== predictions.length) {
    throw refuse(`${labels.length} labels do not pair with ${predictions.length} predictions`);
  }
  const confusion = Array.from({ length: classes }, () => new Array<number>(classes).fill(0));
  for (let i = 0; i < labels.length; ++i) {
    const row = confusion[classId(labels[i]!, classes, 'label', i)]!;
    row[classId(predictions[i]!, classes, 'prediction', i)]! += 1;
  }
  return scoresOfConfusion(confusion);
}

/**
 * Scores from counts.
 *
 * @param confusion square, `confusion[true][predicted]`, counts; copied into the result
 * @throws UsageError `E_SCORES` where it is not square or holds no utterance
 */
export function scoresOfConfusion(confusion: readonly (readonly number[])[]): Scores {
  const classes = confusion.length;
  if (classes === 0 || confusion.some((row) => row.length !== classes)) {
    throw refuse('a confusion matrix must be square, a row and a column for each class');
  }
  let n = 0;
  let right = 0;
  let recallSum = 0;
  let macro = 0;
  let weighted = 0;
  let missing = 0;
  for (let c = 0; c < classes; ++c) {
    const { truePositives, support, predicted } = marginsOfClass(confusion, c);
    n += support;
    right += truePositives;
    if (support === 0) missing += 1;
    else recallSum += truePositives / support;
    // A class that neither occurs nor is predicted scores 0: averaging over fewer classes would flatter the model.
    const f1 = support + predicted === 0 ? 0 : (2 * truePositives) / (support + predicted);
    macro += f1;
    weighted += f1 * support;
  }
  if (n === 0) throw refuse('there is no utterance to score');
  return {
    n,
    wa: right / n,
    ua: missing > 0 ? null : recallSum / classes,
    wf1: weighted / n,
    mf1: macro / classes,
    confusion: confusion.map((row) => [...row]),
  };
}

/** Precision and recall of one class; null where nothing was predicted as it, or nothing is of it. */
export function classScores(
  confusion: readonly (readonly number[])[],
  classId: number,
): { support: number; recall: number | null; precision: number | null; f1: number } {
  const { truePositives, support, predicted } = marginsOfClass(confusion, classId);
  return {
    support,
    recall: support === 0 ? null : truePositives / support,
    precision: predicted === 0 ? null : truePositives / predicted,
    f1: support + predicted === 0 ? 0 : (2 * truePositives) / (support + predicted),
  };
}

/**
 * Scores of all parts' utterances taken together (not the mean of the parts' scores).
 *
 * @throws UsageError `E_SCORES` for no part, or parts of different classes
 */
export function poolScores(parts: readonly Pick<Scores, 'confusion'>[]): Scores {
  const classes = parts[0]?.confusion.length ?? 0;
  if (parts.some((part) => part.confusion.length !== classes)) {
    throw refuse('only scores over the same classes can be pooled');
  }
  const sum = Array.from({ length: classes }, () => new Array<number>(classes).fill(0));
  for (const { confusion } of parts) {
    for (let t = 0; t < classes; ++t) {
      for (let p = 0; p < classes; ++p) sum[t]![p]! += confusion[t]![p]!;
    }
  }
  return scoresOfConfusion(sum);
}

function marginsOfClass(confusion: readonly (readonly number[])[], c: number) {
  let support = 0;
  let predicted = 0;
  for (let k = 0; k < confusion.length; ++k) {
    support += confusion[c]![k]!;
    predicted += confusion[k]![c]!;
  }
  return { truePositives: confusion[c]![c]!, support, predicted };
}

function classId(id: number, classes: number, what: string, index: number): number {
  if (Number.isInteger(id) && id >= 0 && id < classes) return id;
  throw refuse(`${what} ${index} is ${id}; a class id must be a whole number from 0 to ${classes - 1}`);
}

function refuse(message: string): UsageError {
  return new UsageError(message, { code: 'E_SCORES' });
}
