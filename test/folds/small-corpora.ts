/** Corpora without files, for the planner: it looks at labels alone. */

import { classOrder } from '../../lib/corpus/emotion-labels.js';
import { ravdessStems } from '../../lib/corpus/ravdess.js';
import { type Corpus, EMOTIONS, type Utterance } from '../../lib/corpus/types.js';

/** A corpus of rows; ids are counted, the emotion is neutral unless told. */
export function corpusOf(rows: readonly (Partial<Utterance> & { speaker: string })[]): Corpus {
  const utterances = rows.map((row, index) => {
    const id = `u${String(index).padStart(4, '0')}`;
    return { id, path: `/nowhere/${id}.wav`, emotion: 'neutral', ...row };
  });
  return {
    name: 'manifest',
    synthetic: false,
    classes: classOrder(utterances.map(({ emotion }) => emotion)),
    utterances,
    dropped: [],
    warnings: [],
  };
}

/** All 1440 names of RAVDESS. */
export function ravdessLike(): Corpus {
  const utterances = ravdessStems().map((id): Utterance => {
    const actor = id.slice(-2);
    return {
      id,
      path: `/nowhere/${id}.wav`,
      emotion: EMOTIONS[Number(id.slice(6, 8)) - 1]!,
      speaker: `Actor_${actor}`,
      gender: Number(actor) % 2 === 1 ? 'male' : 'female',
    };
  });
  return { ...corpusOf([]), name: 'ravdess', classes: EMOTIONS.slice(0, 8), utterances };
}

/** The distinct speakers of some ids, sorted. */
export function speakersOf(corpus: Corpus, ids: readonly string[]): string[] {
  const wanted = new Set(ids);
  return [
    ...new Set(corpus.utterances.filter(({ id }) => wanted.has(id)).map(({ speaker }) => speaker)),
  ].sort();
}
