/** Weights that make classes of unequal size count the same in the losses of the classifier. */

/**
 * N / (C n_c) of each class, as scikit-learn's `balanced`: a class that is half as frequent weighs twice as much, and the
 * mean over the training part is 1, so that the losses keep their scale.
 *
 * @param labels class ids of the training part, N
 * @param classes C
 * @returns C weights; 0 for a class without an utterance, which no row can have
 */
export function balancedWeights(labels: readonly number[], classes: number): number[] {
  const counts = new Array<number>(classes).fill(0);
  for (const label of labels) counts[label]! += 1;
  return counts.map((count) => (count === 0 ? 0 : labels.length / (classes * count)));
}
