/** Maps the spellings of emotion labels met in the wild to the shared vocabulary, and orders classes. */

import { EMOTIONS, type Emotion, type KnownEmotion } from './types.js';

/** Spellings beside the vocabulary's own words. Single letters are left out: corpora disagree on them. */
const SPELLINGS: Record<KnownEmotion, readonly string[]> = {
  neutral: ['neu', 'neutrality'],
  calm: ['cal', 'calmness'],
  happiness: ['hap', 'happy', 'joy', 'joyful'],
  sadness: ['sad'],
  anger: ['ang', 'angry'],
  fear: ['fea', 'fearful', 'afraid'],
  disgust: ['dis', 'disgusted'],
  surprise: ['sur', 'surprised', 'pleasant surprise', 'pleasant surprised', 'ps'],
  boredom: ['bor', 'bored'],
  excitement: ['exc', 'excited'],
  frustration: ['fru', 'frustrated'],
  contempt: ['contemptuous'],
  other: ['oth'],
};

const BY_SPELLING = new Map<string, KnownEmotion>(
  EMOTIONS.flatMap((emotion) =>
    [emotion, ...SPELLINGS[emotion]].map((spelling): [string, KnownEmotion] => [spelling, emotion]),
  ),
);

/**
 * The class of a source label: a word of the vocabulary where the spelling is a known one (`hap`, `Happy`, `HAPPINESS`),
 * else the label itself, trimmed, so that a user's own classes stay as they are.
 */
export function emotionOf(label: string): Emotion {
  const trimmed = label.trim();
  return BY_SPELLING.get(trimmed.toLowerCase().replaceAll(/[_\s-]+/g, ' ')) ?? trimmed;
}

/** The distinct emotions in class order: the vocabulary's first, in its order, then a user's own, by code unit. */
export function classOrder(emotions: Iterable<Emotion>): Emotion[] {
  const present = new Set(emotions);
  const known = EMOTIONS.filter((emotion) => present.delete(emotion));
  return [...known, ...[...present].sort()];
}
