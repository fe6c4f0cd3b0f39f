/** The names of CREMA-D's recordings: `actor_sentence_emotion_level`, and which combinations exist. */

import { byCodeUnit } from '../audio-files.js';
import type { KnownEmotion } from '../types.js';

/** What each sentence code stands for; the same twelve sentences in every emotion. */
export const CREMAD_SENTENCES: Readonly<Record<string, string>> = {
  DFA: "Don't forget a jacket",
  IEO: "It's eleven o'clock",
  IOM: "I'm on my way to the meeting",
  ITH: "I think I have a doctor's appointment",
  ITS: "I think I've seen this before",
  IWL: 'I would like a new alarm clock',
  IWW: 'I wonder what this is about',
  MTI: 'Maybe tomorrow it will be cold',
  TAI: 'The airplane is almost full',
  TIE: 'That is exactly what happened',
  TSI: 'The surface is slick',
  WSI: "We'll stop in a couple of minutes",
};

/** Emotion codes of the names; their first letters are the codes of the vote tables. */
export const CREMAD_EMOTIONS: Readonly<Record<string, KnownEmotion>> = {
  NEU: 'neutral',
  HAP: 'happiness',
  SAD: 'sadness',
  ANG: 'anger',
  FEA: 'fear',
  DIS: 'disgust',
};

export const CREMAD_LEVELS: Readonly<Record<string, string>> = {
  LO: 'low',
  MD: 'medium',
  HI: 'high',
  XX: 'unspecified',
};

const FIRST_ACTOR = 1001;
export const CREMAD_ACTORS = 91;

/** The 20 combinations that were never published, of 91 x 82: `SentenceFilenames.csv` of the corpus has no line for them. */
const UNPUBLISHED = /^(1002_TIE_NEU|1008_WSI_...|1009_MTI_...|1019_ITH_...|1076_ITS_NEU)_/;

/**
 * Stems of the complete corpus, sorted: 7442, of which neutral 1087 and the other five 1271 each. Every actor speaks twelve
 * sentences in six emotions, the sentence IEO at three levels in all emotions but neutral.
 */
export function cremadStems(): string[] {
  const stems: string[] = [];
  for (let actor = FIRST_ACTOR; actor < FIRST_ACTOR + CREMAD_ACTORS; actor++) {
    for (const sentence of Object.keys(CREMAD_SENTENCES)) {
      for (const emotion of Object.keys(CREMAD_EMOTIONS)) {
        const levels = sentence === 'IEO' && emotion !== 'NEU' ? ['LO', 'MD', 'HI'] : ['XX'];
        for (const level of levels) {
          const stem = `${actor}_${sentence}_${emotion}_${level}`;
          if (!UNPUBLISHED.test(stem)) stems.push(stem);
        }
      }
    }
  }
  return stems.sort(byCodeUnit);
}
