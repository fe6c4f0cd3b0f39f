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

const EMOTIONS_4 = ['neutral', 'happiness', 'sadness', 'anger'] as const;

/** A corpus of given speakers, each with some utterances of every class; ids are counted. */
function ofSpeakers(
  name: string,
  speakers: readonly { speaker: string; session?: string; gender?: 'male' | 'female' }[],
  emotions: readonly string[] = EMOTIONS_4,
  each = 2,
): Corpus {
  const rows = speakers.flatMap((speaker) =>
    emotions.flatMap((emotion) => Array.from({ length: each }, () => ({ ...speaker, emotion }))),
  );
  return { ...corpusOf(rows), name };
}

/** Speakers and sessions as IEMOCAP's reader names them; `each` utterances of every class and speaker. */
export function iemocapLike(each = 2): Corpus {
  const speakers = [1, 2, 3, 4, 5].flatMap((session) =>
    (['F', 'M'] as const).map((letter) => ({
      speaker: `Ses0${session}${letter}`,
      session: String(session),
      gender: letter === 'F' ? ('female' as const) : ('male' as const),
    })),
  );
  return ofSpeakers('iemocap', speakers, EMOTIONS_4, each);
}

/** Speakers and sessions as MSP-IMPROV's reader names them. */
export function mspImprovLike(): Corpus {
  const speakers = [1, 2, 3, 4, 5, 6].flatMap((session) => [
    { speaker: `F0${session}`, session: String(session), gender: 'female' as const },
    { speaker: `M0${session}`, session: String(session), gender: 'male' as const },
  ]);
  return ofSpeakers('msp-improv', speakers);
}

export const saveeLike = (): Corpus =>
  ofSpeakers(
    'savee',
    ['DC', 'JE', 'JK', 'KL'].map((speaker) => ({ speaker, gender: 'male' as const })),
  );

export const emodbLike = (): Corpus =>
  ofSpeakers(
    'emodb',
    ['03', '08', '09', '10', '11', '12', '13', '14', '15', '16'].map((speaker) => ({ speaker })),
  );

export const cremadLike = (): Corpus =>
  ofSpeakers(
    'cremad',
    Array.from({ length: 91 }, (_, index) => ({ speaker: String(1001 + index) })),
  );
