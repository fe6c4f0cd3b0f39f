/** Counts of each speaker's predictions: all that the figures, their intervals and their tests need to know of a run. */
import { UsageError } from '../errors.js';

/** What is counted of a prediction; a `PredictionLine` is one. */
export interface JudgedLine {
  id: string;
  speaker: string;
  /** The true class. */
  label: string;
  predicted: string;
}

/**
 * Margins of one speaker's confusion matrix, one after the other: right answers, utterances and predictions of each class
 * (3 C numbers, `[right | support | predicted]`). Sums over speakers are the margins of the pooled confusion matrix. Counts may
 * be fractions where an utterance's answers are averaged.
 */
export interface SpeakerMargins {
  speaker: string;
  margins: Float64Array;
}

/**
 * Counts lines by speaker, every line once: with several seeds an utterance counts as often as it was predicted, which
 * changes no figure and no interval where every seed predicts the same utterances.
 *
 * @param classes names in the corpus' order
 * @returns sorted by speaker
 * @throws UsageError `E_SCORES` for a class that is not among them
 */
export function marginsBySpeaker(lines: Iterable<JudgedLine>, classes: readonly string[]): SpeakerMargins[] {
  const index = classIndex(classes);
  const bySpeaker = new Map<string, Float64Array>();
  for (const line of lines) {
    let margins = bySpeaker.get(line.speaker);
    if (!margins) {
      margins = new Float64Array(3 * classes.length);
      bySpeaker.set(line.speaker, margins);
    }
    addLine(margins, index(line.label, line.id), index(line.predicted, line.id), 1);
  }
  return sortedBySpeaker(bySpeaker);
}

/** Adds an utterance's answer to margins; `weight` is its share where several answers are averaged. */
export function addLine(margins: Float64Array, label: number, predicted: number, weight: number): void {
  const classes = margins.length / 3;
  if (label === predicted) margins[label]! += weight;
  margins[classes + label]! += weight;
  margins[2 * classes + predicted]! += weight;
}

/** A function from a class' name to its place. */
export function classIndex(classes: readonly string[]): (name: string, id: string) => number {
  const places = new Map(classes.map((name, place) => [name, place]));
  return (name, id) => {
    const place = places.get(name);
    if (place !== undefined) return place;
    throw new UsageError(`${id} has the class ${name}, which is not one of ${classes.join(', ')}`, {
      code: 'E_SCORES',
    });
  };
}

/** Sums of all speakers' margins. */
export function sumMargins(clusters: readonly Float64Array[]): Float64Array {
  const sums = new Float64Array(clusters[0]?.length ?? 0);
  for (const cluster of clusters) {
    for (let k = 0; k < sums.length; ++k) sums[k]! += cluster[k]!;
  }
  return sums;
}

function sortedBySpeaker(bySpeaker: ReadonlyMap<string, Float64Array>): SpeakerMargins[] {
  return [...bySpeaker]
    .map(([speaker, margins]) => ({ speaker, margins }))
    .sort((a, b) => (a.speaker < b.speaker ? -1 : 1));
}
