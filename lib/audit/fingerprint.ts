/**
 * Audio fingerprints: 32 bits for every 16 ms of sound that stay, nearly all, when a recording is made louder or quieter,
 * stored in another format, resampled, shifted or cut. After Haitsma & Kalker, "A Highly Robust Audio Fingerprinting System"
 * (ISMIR 2002): each bit is the sign of a difference of band energies over frequency and time. Utterances are short, so that
 * two things differ from there: only frames that carry sound count, and only bits that a clear difference carries.
 */

import { Fft } from '../audio/fft.js';
import { SAMPLE_RATE } from '../audio/types.js';

/** Half the store's rate: what lies above 4 kHz, a telephone or an 8 kHz copy loses. */
const RATE = SAMPLE_RATE / 2;
/** Samples at `RATE` from one frame to the next: 16 ms. */
const HOP = 128;
/** 64 ms: wide beside a hop, so that a shift of half a hop changes few bits. */
const WINDOW = 512;
const LOWEST_HZ = 300;
const HIGHEST_HZ = 3400;
/** One more than the bits of a word. */
const BANDS = 33;
/** Frames over which a difference in time is taken: 64 ms. */
const LAG = 4;
/** Frames this far below the loudest carry noise, which every copy has of its own. */
const FLOOR_DB = 30;
/** A smaller difference may change its sign in a copy. */
const CLEAR_DB = 3;

const DB = Math.LN10 / 10;
/** Taken out once: in a test's sandbox, a look-up of a global costs far more than the call. */
const { abs, exp, floor, imul, log, max, min } = Math;

export const SECONDS_PER_FRAME = HOP / RATE;

export interface Fingerprint {
  /** 32 signs for each frame. */
  words: Uint32Array;
  /** Which of them a clear difference carries. */
  clear: Uint32Array;
  /** 1 for frames that carry sound. */
  active: Uint8Array;
}

/** Odd taps of a half-band low-pass of 31 taps (windowed sinc); the even ones are zero, the middle one a half. */
const HALF_BAND = Array.from({ length: 8 }, (_, index) => {
  const tap = 2 * index + 1;
  return (Math.sin((Math.PI * tap) / 2) / (Math.PI * tap)) * (0.54 + 0.46 * Math.cos((Math.PI * tap) / 16));
});

function halveRate(samples: Int16Array): Float64Array {
  const halved = new Float64Array(samples.length >> 1);
  for (let i = 0; i < halved.length; i++) {
    const at = 2 * i;
    let sum = samples[at]! / 2;
    for (let index = 0; index < HALF_BAND.length; index++) {
      const tap = 2 * index + 1;
      const before = at >= tap ? samples[at - tap]! : 0;
      const after = at + tap < samples.length ? samples[at + tap]! : 0;
      sum += HALF_BAND[index]! * (before + after);
    }
    halved[i] = sum;
  }
  return halved;
}

const fft = new Fft(WINDOW);
const hann = Float64Array.from(
  { length: WINDOW },
  (_, i) => 0.5 - 0.5 * Math.cos((2 * Math.PI * (i + 0.5)) / WINDOW),
);

/** Edges of the bands in bins: equal steps in pitch. */
const EDGES = Array.from(
  { length: BANDS + 1 },
  (_, band) => ((LOWEST_HZ * (HIGHEST_HZ / LOWEST_HZ) ** (band / BANDS)) / RATE) * WINDOW,
);

/** Log energy of every band, frame by frame; a bin on an edge counts to both bands by its overlap. */
function bandEnergies(samples: Float64Array): { energies: Float32Array; frames: number } {
  const frames = max(0, floor((samples.length - WINDOW) / HOP) + 1);
  const energies = new Float32Array(frames * BANDS);
  const real = new Float64Array(WINDOW);
  const imaginary = new Float64Array(WINDOW);
  // Two frames in one transform, as real and imaginary part: their spectra are its even and its odd half.
  for (let frame = 0; frame < frames; frame += 2) {
    const at = frame * HOP;
    const next = frame + 1 < frames ? at + HOP : at;
    for (let i = 0; i < WINDOW; i++) {
      real[i] = samples[at + i]! * hann[i]!;
      imaginary[i] = samples[next + i]! * hann[i]!;
    }
    fft.transform(real, imaginary);
    for (let band = 0; band < BANDS; band++) {
      const low = EDGES[band]!;
      const high = EDGES[band + 1]!;
      let first = 1e-3; // digital silence has a logarithm too
      let second = 1e-3;
      for (let bin = floor(low); bin < high; bin++) {
        const share = (min(bin + 1, high) - max(bin, low)) / 4;
        const mirror = WINDOW - bin;
        first += share * ((real[bin]! + real[mirror]!) ** 2 + (imaginary[bin]! - imaginary[mirror]!) ** 2);
        second += share * ((imaginary[bin]! + imaginary[mirror]!) ** 2 + (real[mirror]! - real[bin]!) ** 2);
      }
      energies[frame * BANDS + band] = log(first);
      if (next > at) energies[(frame + 1) * BANDS + band] = log(second);
    }
  }
  return { energies, frames };
}

/** Log of a frame's energy in all bands. */
function levels(energies: Float32Array, frames: number): Float32Array {
  const level = new Float32Array(frames);
  for (let frame = 0; frame < frames; frame++) {
    let sum = 0;
    for (let band = 0; band < BANDS; band++) sum += exp(energies[frame * BANDS + band]!);
    level[frame] = log(sum);
  }
  return level;
}

/**
 * The fingerprint of mono samples at 16 kHz.
 *
 * @returns a word for each 16 ms; none where the recording is shorter than 128 ms
 */
export function fingerprint(samples: Int16Array): Fingerprint {
  const { energies, frames } = bandEnergies(halveRate(samples));
  const count = max(0, frames - LAG);
  const words = new Uint32Array(count);
  const clear = new Uint32Array(count);
  const active = new Uint8Array(count);
  const level = levels(energies, frames);
  const quietest = level.reduce((loudest, one) => max(loudest, one), -Infinity) - FLOOR_DB * DB;
  for (let frame = 0; frame < count; frame++) {
    const before = frame * BANDS;
    const now = before + LAG * BANDS;
    let word = 0;
    let sure = 0;
    for (let band = 0; band < BANDS - 1; band++) {
      const difference =
        energies[now + band]! -
        energies[now + band + 1]! -
        (energies[before + band]! - energies[before + band + 1]!);
      if (difference > 0) word |= 1 << band;
      if (abs(difference) > CLEAR_DB * DB) sure |= 1 << band;
    }
    words[frame] = word;
    clear[frame] = sure;
    active[frame] = level[frame]! > quietest && level[frame + LAG]! > quietest ? 1 : 0;
  }
  return { words, clear, active };
}

/** Bits set in a word. */
function bitsSet(word: number): number {
  let bits = word - ((word >>> 1) & 0x55555555);
  bits = (bits & 0x33333333) + ((bits >>> 2) & 0x33333333);
  return imul((bits + (bits >>> 4)) & 0x0f0f0f0f, 0x01010101) >>> 24;
}

export interface Comparison {
  /** Share of the bits that differ, of those that are clear in both; 1 where there are none. */
  distance: number;
  /** Bits compared. */
  bits: number;
  /** Frames that carry sound in both. */
  overlap: number;
}

/** Two fingerprints with frame i of `a` on frame i + shift of `b`. */
export function compareAt(a: Fingerprint, b: Fingerprint, shift: number): Comparison {
  let differing = 0;
  let bits = 0;
  let overlap = 0;
  const end = min(a.words.length, b.words.length - shift);
  for (let i = max(0, -shift); i < end; i++) {
    if (a.active[i] === 0 || b.active[i + shift] === 0) continue;
    const clear = a.clear[i]! & b.clear[i + shift]!;
    differing += bitsSet((a.words[i]! ^ b.words[i + shift]!) & clear);
    bits += bitsSet(clear);
    overlap++;
  }
  return { distance: bits === 0 ? 1 : differing / bits, bits, overlap };
}
