/**
 * How an emotion sounds: shifts of the prosody and of the voice, in the directions that studies of acted speech agree on
 * (Scherer 2003; Juslin & Laukka 2003): anger loud, fast, tense, bright; happiness high and wide; sadness low, slow,
 * soft, breathy, with pauses.
 *
 * An utterance is drawn around its emotion's centre. The scatter has two sources: the speaker's own way to express the
 * emotion, the same in all their utterances, which a model cannot learn from other speakers; and the utterance. Their sizes
 * set how far unseen speakers can be told apart: neither by chance nor always.
 */

import { Random } from '../../random/philox.js';
import { bell, exp2 } from './arithmetic.js';

export const DEMO_EMOTIONS = ['neutral', 'happiness', 'sadness', 'anger'] as const;
export type DemoEmotion = (typeof DEMO_EMOTIONS)[number];

export interface Style {
  /** Shift of the fundamental frequency, semitones. */
  pitch: number;
  /** Octaves (log2) by which the intonation range is wider. */
  range: number;
  /** Octaves (log2) by which speech is faster. */
  rate: number;
  /** Vocal effort, dB. */
  energy: number;
  /** Change of spectral tilt, dB at 3 kHz: positive is duller. */
  tilt: number;
  /** Octaves (log2) of jitter and shimmer. */
  roughness: number;
  /** Octaves (log2) of pause length and frequency. */
  pauses: number;
  /** Octaves (log2) of aspiration noise. */
  breath: number;
  /** Octaves (log2) by which formants move: a smile shortens the tract. */
  formants: number;
}

const CENTRES: Record<DemoEmotion, Style> = {
  neutral: {
    pitch: 0,
    range: 0,
    rate: 0,
    energy: 0,
    tilt: 0,
    roughness: 0,
    pauses: 0,
    breath: 0,
    formants: 0,
  },
  happiness: {
    pitch: 4,
    range: 0.85,
    rate: 0.12,
    energy: 2.5,
    tilt: -1.5,
    roughness: 0.1,
    pauses: -0.3,
    breath: 0.1,
    formants: 0.05,
  },
  sadness: {
    pitch: -1.2,
    range: -0.6,
    rate: -0.28,
    energy: -5.5,
    tilt: 4.5,
    roughness: 0.5,
    pauses: 0.9,
    breath: 1.2,
    formants: -0.02,
  },
  anger: {
    pitch: 1.6,
    range: 0.3,
    rate: 0.2,
    energy: 7.5,
    tilt: -5.5,
    roughness: 1,
    pauses: -0.6,
    breath: -0.5,
    formants: 0.02,
  },
};

/** One deviation of an utterance around its centre; a speaker's habit scatters by `HABIT` of it. */
const SCATTER: Style = {
  pitch: 1.0,
  range: 0.22,
  rate: 0.08,
  energy: 1.4,
  tilt: 1.1,
  roughness: 0.35,
  pauses: 0.35,
  breath: 0.35,
  formants: 0.015,
};
const HABIT = 0.35;

const DIMENSIONS = Object.keys(SCATTER) as (keyof Style)[];

/** The style of one utterance, drawn from streams that depend on nothing but seed, speaker, emotion and id. */
export function drawStyle(seed: number, speaker: string, emotion: DemoEmotion, id: string): Style {
  const habit = new Random({ seed, stream: 'demo-habit', item: `${speaker}-${emotion}` });
  const here = new Random({ seed, stream: 'demo-style', item: id });
  // Some utterances are acted strongly, some barely: the centre is scaled as a whole.
  const intensity = here.range(0.7, 1.3);
  const style = { ...CENTRES[emotion] };
  for (const dimension of DIMENSIONS) {
    const scatter = HABIT * bell(habit) + bell(here);
    style[dimension] = style[dimension] * intensity + scatter * SCATTER[dimension];
  }
  return style;
}

/** 2^octaves, held to a range that still sounds like a person. */
export function factor(octaves: number, lowest: number, highest: number): number {
  return Math.max(lowest, Math.min(highest, exp2(octaves)));
}
