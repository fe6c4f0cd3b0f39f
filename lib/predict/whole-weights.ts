/**
 * Pooling weights over a whole utterance from those over the part that the model heard: frames that were trimmed away get
 * weight 0, so that times in reports and predictions are times of the recording.
 *
 * @param weights of the frames of the heard part, sum to 1
 * @param start first sample that was heard
 * @param heard samples that were heard
 * @param total samples of the utterance
 */
export function wholeWeights(
  weights: ArrayLike<number>,
  start: number,
  heard: number,
  total: number,
): number[] {
  const hop = heard / Math.max(1, weights.length);
  const before = Math.round(start / hop);
  const after = Math.max(0, Math.round((total - start - heard) / hop));
  return [...new Array(before).fill(0), ...Array.from(weights), ...new Array(after).fill(0)];
}
