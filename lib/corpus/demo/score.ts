/**
 * The score of an utterance: control tracks at 400 frames a second, from the sentence, the voice and the style.
 *
 * Targets are laid out as steps and then smoothed, formants over 50 ms, amplitudes over 10 to 20 ms: what a tongue, and a
 * larynx, take to move. The smoothing alone yields the formant transitions that make stops and vowels sound connected.
 */

import type { Random } from '../../random/philox.js';
import { bell, cosineOfTurns, exp2 } from './arithmetic.js';
import { isVowel, soundsOf } from './sentences.js';
import { type Segment, segmentsOf } from './sounds.js';
import { factor, type Style } from './styles.js';
import type { Voice } from './voices.js';

/** Samples of a frame: 2.5 ms at 16 kHz. */
export const FRAME = 40;
const FRAMES_PER_SECOND = 400;

const { ceil, max, min, round } = Math;

export interface Score {
  frames: number;
  /** Hz. */
  f0: Float64Array;
  /** F1, F2, F3 in Hz. */
  formants: [Float64Array, Float64Array, Float64Array];
  voicing: Float64Array;
  aspiration: Float64Array;
  frication: Float64Array;
  noiseCentre: Float64Array;
  noiseBandwidth: Float64Array;
}

interface Timed extends Segment {
  frames: number;
  /** Set on the vowel of a stressed syllable. */
  accent: boolean;
}

/** Nothing sounds, while the mouth already stands, or still stands, as for the sound beside it. */
function silence(seconds: number, formants: Segment['formants']): Timed {
  const frames = max(1, round(seconds * FRAMES_PER_SECOND));
  return {
    seconds,
    frames,
    formants,
    voicing: 0,
    aspiration: 0,
    frication: 0,
    noise: [3000, 2000],
    vowel: false,
    accent: false,
  };
}

/** Sounds and pauses in time. Fast speech shortens vowels fully and consonants by half as much, as people do. */
function timeline(sentence: string, voice: Voice, style: Style, random: Random): Timed[] {
  const rate = (voice.rate / 5) * factor(style.rate, 0.6, 1.6);
  const pausiness = factor(style.pauses, 0.35, 3);
  const words = sentence.split(' ');
  const [opening, second] = soundsOf(sentence);
  const row: Timed[] = [silence(random.range(0.06, 0.16), segmentsOf(opening!, second, true)[0]!.formants)];
  for (const [index, word] of words.entries()) {
    const sounds = soundsOf(word);
    let syllable = 0;
    for (const [place, sound] of sounds.entries()) {
      const stressed = syllable === 0;
      for (const segment of segmentsOf(sound, sounds[place + 1], stressed)) {
        const isLast = index === words.length - 1 && place === sounds.length - 1;
        const stretch =
          (segment.vowel ? 1 / rate : 0.5 + 0.5 / rate) * (isLast ? 1.45 : 1) * (1 + 0.1 * bell(random));
        const frames = max(2, round(segment.seconds * stretch * FRAMES_PER_SECOND));
        row.push({ ...segment, frames, accent: segment.vowel && stressed });
      }
      if (isVowel(sound)) syllable++;
    }
    const pause = random.uniform() < 0.3 * pausiness ? random.range(0.05, 0.13) * pausiness : 0;
    if (index < words.length - 1 && pause > 0) row.push(silence(min(pause, 0.3), row.at(-1)!.formants));
  }
  row.push(silence(random.range(0.08, 0.18), row.at(-1)!.formants));
  return row;
}

/** Two passes of a moving average over 2 `reach` + 1 frames: a triangular kernel. The ends are held. */
function smooth(track: Float64Array, reach: number): Float64Array {
  let current = track;
  for (let pass = 0; pass < 2; pass++) {
    const next = new Float64Array(current.length);
    const last = current.length - 1;
    let sum = 0;
    for (let offset = -reach; offset <= reach; offset++) sum += current[min(last, max(0, offset))]!;
    for (let index = 0; index <= last; index++) {
      next[index] = sum / (2 * reach + 1);
      sum += current[min(last, index + reach + 1)]! - current[max(0, index - reach)]!;
    }
    current = next;
  }
  return current;
}

/**
 * Intonation in semitones: a declination over the phrase, a bump on each accent, a fall at the end, and a little wander.
 * All of it scales with the style's range.
 */
function intonation(
  row: readonly Timed[],
  frames: number,
  voice: Voice,
  style: Style,
  random: Random,
): Float64Array {
  const range = voice.liveliness * factor(style.range, 0.3, 2.6);
  const semitones = new Float64Array(frames);
  for (let index = 0; index < frames; index++) semitones[index] = range * (1.2 - (2.8 * index) / frames);
  let start = 0;
  for (const part of row) {
    const centre = start + part.frames / 2;
    if (part.accent) {
      const height = range * (2.6 + 0.8 * bell(random));
      const reach = 36 + part.frames; // about 90 ms and the vowel itself, to either side
      for (let index = max(0, ceil(centre - reach)); index < min(frames, centre + reach); index++) {
        semitones[index]! += height * 0.5 * (1 + cosineOfTurns((index - centre) / (2 * reach)));
      }
    } else if (part.vowel) {
      const wander = 0.5 * range * bell(random);
      for (let index = start; index < start + part.frames; index++) semitones[index]! += wander;
    }
    start += part.frames;
  }
  const fall = 80; // the last 200 ms
  for (let index = max(0, frames - fall); index < frames; index++) {
    semitones[index]! -= (range * 2.2 * (index - frames + fall)) / fall;
  }
  return smooth(semitones, 8);
}

export function writeScore(sentence: string, voice: Voice, style: Style, random: Random): Score {
  const row = timeline(sentence, voice, style, random);
  const frames = row.reduce((sum, part) => sum + part.frames, 0);
  const track = (value: (part: Timed) => number): Float64Array => {
    const values = new Float64Array(frames);
    let at = 0;
    for (const part of row) {
      values.fill(value(part), at, at + part.frames);
      at += part.frames;
    }
    return values;
  };
  // Louder speech opens the jaw: F1 rises with vocal effort.
  const scale = voice.tract * exp2(style.formants);
  const jaw = 1 + 0.008 * max(-8, min(12, style.energy));
  const base = voice.f0 * exp2(style.pitch / 12);
  const f0 = intonation(row, frames, voice, style, random).map((semitones) =>
    max(50, min(520, base * exp2(semitones / 12))),
  );
  return {
    frames,
    f0,
    formants: [
      smooth(
        track((part) => part.formants[0] * scale * jaw),
        8,
      ),
      smooth(
        track((part) => part.formants[1] * scale),
        10,
      ),
      smooth(
        track((part) => part.formants[2] * scale),
        10,
      ),
    ],
    voicing: smooth(
      track((part) => part.voicing),
      4,
    ),
    aspiration: smooth(
      track((part) => part.aspiration),
      3,
    ),
    frication: smooth(
      track((part) => part.frication),
      2,
    ),
    noiseCentre: track((part) => part.noise[0] * (0.5 + 0.5 * scale)),
    noiseBandwidth: track((part) => part.noise[1]),
  };
}
