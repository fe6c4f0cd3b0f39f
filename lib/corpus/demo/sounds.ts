/**
 * Articulation of each sound as a row of segments: where the formants aim, and how much voicing, aspiration and frication
 * there is. The values are textbook ones for an adult male (vowels after Peterson & Barney 1952, consonant loci and noise
 * centres after Klatt 1980), rounded; the voice scales them.
 */

export interface Segment {
  /** Seconds at a rate of 1 (5 syllables a second). */
  seconds: number;
  /** F1, F2, F3 in Hz; the tracks glide between them, which is what coarticulation amounts to here. */
  formants: readonly [number, number, number];
  /** Amplitudes, 0 to 1. */
  voicing: number;
  aspiration: number;
  frication: number;
  /** Centre and bandwidth of the frication noise, Hz. */
  noise: readonly [centre: number, bandwidth: number];
  /** Whether an accent may sit on it, and rate changes stretch it fully. */
  vowel: boolean;
}

type Formants = readonly [number, number, number];
type Noise = readonly [number, number];

const NO_NOISE: Noise = [3000, 2000];

const VOWELS: Record<string, Formants> = {
  a: [730, 1150, 2440],
  e: [500, 1840, 2480],
  i: [290, 2250, 2950],
  o: [520, 880, 2410],
  u: [320, 900, 2240],
};

const LABIAL: Formants = [250, 900, 2200];
const ALVEOLAR: Formants = [270, 1700, 2650];
const PALATAL: Formants = [270, 2000, 2600];
const VELAR: Formants = [270, 1900, 2300];

const LABIAL_BURST: Noise = [900, 1400];
const ALVEOLAR_BURST: Noise = [4200, 1800];
const VELAR_BURST: Noise = [1900, 900];

function segment(seconds: number, formants: Formants, part: Partial<Segment>): Segment {
  return {
    seconds,
    formants,
    voicing: 0,
    aspiration: 0,
    frication: 0,
    noise: NO_NOISE,
    vowel: false,
    ...part,
  };
}

/** Closure, burst, and for a voiceless one the breath before voicing sets in. */
function plosive(locus: Formants, noise: Noise, voiced: boolean): Segment[] {
  const closure = segment(voiced ? 0.05 : 0.065, locus, { voicing: voiced ? 0.12 : 0, noise });
  const burst = segment(0.012, locus, { frication: voiced ? 0.5 : 0.8, noise });
  const breath = segment(0.03, locus, { aspiration: 0.6, frication: 0.12, noise });
  return voiced ? [closure, burst] : [closure, burst, breath];
}

function fricative(locus: Formants, noise: Noise, strength: number, voicing: number): Segment[] {
  return [segment(voicing > 0 ? 0.07 : 0.1, locus, { frication: strength, voicing, noise })];
}

function sonorant(seconds: number, formants: Formants, voicing: number): Segment[] {
  return [segment(seconds, formants, { voicing })];
}

const CONSONANTS: Record<string, Segment[]> = {
  p: plosive(LABIAL, LABIAL_BURST, false),
  t: plosive(ALVEOLAR, ALVEOLAR_BURST, false),
  k: plosive(VELAR, VELAR_BURST, false),
  b: plosive(LABIAL, LABIAL_BURST, true),
  d: plosive(ALVEOLAR, ALVEOLAR_BURST, true),
  g: plosive(VELAR, VELAR_BURST, true),
  f: fricative(LABIAL, [4500, 5000], 0.18, 0),
  s: fricative(ALVEOLAR, [5800, 1800], 0.6, 0),
  sh: fricative(PALATAL, [3100, 1500], 0.6, 0),
  z: fricative(ALVEOLAR, [5600, 1800], 0.35, 0.3),
  h: [segment(0.06, [500, 1500, 2500], { aspiration: 0.7 })],
  m: sonorant(0.065, [270, 1000, 2200], 0.4),
  n: sonorant(0.06, [270, 1450, 2500], 0.4),
  l: sonorant(0.055, [350, 1150, 2700], 0.55),
  r: sonorant(0.05, [350, 1200, 1600], 0.55),
  w: sonorant(0.055, [300, 650, 2200], 0.55),
  y: sonorant(0.055, [280, 2200, 2950], 0.55),
};

/** The segments of one sound; `h` takes on the formants of the vowel that follows, as in speech. */
export function segmentsOf(sound: string, next: string | undefined, stressed: boolean): Segment[] {
  const vowel = VOWELS[sound];
  if (vowel !== undefined)
    return [segment(stressed ? 0.135 : 0.095, vowel, { voicing: stressed ? 1 : 0.8, vowel: true })];
  const rows = CONSONANTS[sound];
  if (rows === undefined) throw new RangeError(`the demo language has no sound "${sound}"`);
  const following = next === undefined ? undefined : VOWELS[next];
  return sound === 'h' && following !== undefined
    ? rows.map((row) => ({ ...row, formants: following }))
    : rows;
}
