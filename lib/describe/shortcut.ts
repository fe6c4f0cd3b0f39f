/** How far a single number, which a model should not need, tells the classes. */

export interface Observation {
  label: string;
  speaker: string;
  value: number;
}

/**
 * UA of guessing the class whose mean value is nearest, each speaker guessed from the means of the others: what a model
 * would get that heard nothing but, say, the level of a recording.
 *
 * @param classes in class order; every label is one of them
 * @returns null for fewer than two speakers, or where a class has no utterance
 */
export function guessFrom(observations: readonly Observation[], classes: readonly string[]): number | null {
  const index = new Map(classes.map((name, i) => [name, i]));
  const zeros = () => new Float64Array(classes.length);
  const all = { sum: zeros(), n: zeros() };
  const own = new Map<string, { sum: Float64Array; n: Float64Array }>();
  for (const { label, speaker, value } of observations) {
    const c = index.get(label)!;
    const of = own.get(speaker) ?? { sum: zeros(), n: zeros() };
    own.set(speaker, of);
    for (const counts of [all, of]) {
      counts.sum[c]! += value;
      counts.n[c]!++;
    }
  }
  if (own.size < 2 || all.n.includes(0)) return null;
  const means = new Map(
    [...own].map(([speaker, of]) => [
      speaker,
      classes.map((_, c) => {
        const n = all.n[c]! - of.n[c]!;
        return n === 0 ? NaN : (all.sum[c]! - of.sum[c]!) / n;
      }),
    ]),
  );
  const right = zeros();
  for (const { label, speaker, value } of observations) {
    if (nearest(means.get(speaker)!, value) === index.get(label)) right[index.get(label)!]!++;
  }
  return right.reduce((sum, count, c) => sum + count / all.n[c]!, 0) / classes.length;
}

/** Index of the mean nearest to the value; a class that only the speaker at hand has is NaN and never guessed. */
function nearest(means: readonly number[], value: number): number {
  let best = -1;
  let distance = Infinity;
  for (const [c, mean] of means.entries()) {
    if (Math.abs(mean - value) < distance) {
      distance = Math.abs(mean - value);
      best = c;
    }
  }
  return best;
}
