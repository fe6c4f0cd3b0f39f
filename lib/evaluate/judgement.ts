/** From probabilities over a model's classes to predictions over the classes that corpus and model share, and their scores. */
import { scoresOfConfusion } from '../metrics/index.js';
import type { Scores } from '../report/types.js';
import type { EvaluationLine, OtherClasses } from './types.js';

/** Stands for any class that the corpus lacks, where such a prediction counts as wrong. */
export const OTHER = '(other)';

/**
 * Probabilities over `shared`, which are classes of the model, by name. With `error` the rest is kept under `OTHER`, where
 * the model has other classes: its largest probability, since that is what competes with the shared ones.
 */
export function sharedProbabilities(
  probabilities: ArrayLike<number>,
  classes: readonly string[],
  shared: readonly string[],
  otherClasses: OtherClasses,
): Record<string, number> {
  const result: Record<string, number> = {};
  let sum = 0;
  let others = 0;
  classes.forEach((name, c) => {
    if (shared.includes(name)) sum += result[name] = probabilities[c]!;
    else others = Math.max(others, probabilities[c]!);
  });
  if (otherClasses === 'error')
    return shared.length < classes.length ? { ...result, [OTHER]: others } : result;
  // A model that is certain of a class outside may leave less than a double can tell apart: no preference then.
  for (const name of shared) result[name] = sum > 0 ? result[name]! / sum : 1 / shared.length;
  return result;
}

/** The likeliest; the first of equals. */
export function likeliest(probabilities: Record<string, number>): string {
  return Object.entries(probabilities).reduce((best, entry) => (entry[1] > best[1] ? entry : best))[0];
}

/** Scores over the shared classes; a prediction of any other is an error of its own kind. */
export function scoreLines(
  lines: readonly Pick<EvaluationLine, 'label' | 'predicted'>[],
  shared: readonly string[],
): Scores {
  const size = shared.length;
  const confusion = Array.from({ length: size + 1 }, () => new Array<number>(size + 1).fill(0));
  for (const { label, predicted } of lines) {
    const column = predicted === OTHER ? size : shared.indexOf(predicted);
    confusion[shared.indexOf(label)]![column]! += 1;
  }
  const outside = confusion.some((row) => row[size]! > 0);
  if (!outside) return scoresOfConfusion(confusion.slice(0, size).map((row) => row.slice(0, size)));
  // The last row is empty: no utterance is of another class. It would count as a class of recall 0 in the means.
  const scores = scoresOfConfusion(confusion);
  const recalls = shared.map(
    (_, c) => confusion[c]![c]! / confusion[c]!.reduce((sum, count) => sum + count, 0),
  );
  return {
    ...scores,
    ua: recalls.every(Number.isFinite) ? recalls.reduce((sum, recall) => sum + recall, 0) / size : null,
    mf1: (scores.mf1 * (size + 1)) / size,
  };
}
