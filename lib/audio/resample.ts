/**
 * Sample-rate conversion to the store's 16 kHz: a band-limited interpolator in polyphase form, the windowed sinc of
 * Smith, "Digital Audio Resampling", with a Kaiser window (Kaiser 1974). Linear phase without delay: output `n` is the
 * signal at time `n / 16000` s.
 */
import { SAMPLE_RATE } from './types.js';

// Bound once: where globals are looked up through a sandbox, as in a test runner, each call would cost a microsecond.
const { floor, PI, sin, sqrt } = Math;

/** Zero crossings of the sinc on each side of its centre: what the transition band's width is bought with. */
const ZERO_CROSSINGS = 64;
/** Decibels; below what 16 bits resolve. */
const STOPBAND = 100;
const BETA = 0.1102 * (STOPBAND - 8.7);
/**
 * Cut-off as a fraction of the lower Nyquist frequency. The stop band begins at Nyquist itself, so nothing folds back;
 * from Kaiser's formula, half the transition is (A - 8) / (4 * 2.285 * pi * zeros) of the cut-off. Flat to 0.905 Nyquist
 * (7.24 kHz), half amplitude at 0.95.
 */
const CUTOFF = 1 / (1 + (STOPBAND - 8) / (4 * 2.285 * Math.PI * ZERO_CROSSINGS));

/** Rates outside these bounds come from damaged headers. */
export const MIN_RATE = 1_000;
export const MAX_RATE = 768_000;

interface Filter {
  /** Output samples per `down` input samples, in lowest terms. */
  up: number;
  down: number;
  /** Input samples that a tap row reaches to either side. */
  reach: number;
  /** One row of `2 * reach` taps per phase, computed when first met: odd rates have thousands of phases. */
  rows: (Float64Array | undefined)[];
  /** Input samples per half period of the cut-off. */
  spacing: number;
}

/** A corpus has one rate, rarely two; more would only hold memory. */
const MAX_CACHED = 4;
const cache = new Map<number, Filter>();

/**
 * Converts mono audio to 16 kHz. Audio beyond both ends counts as silence.
 * @param samples at `sampleRate`
 * @param sampleRate an integer in hertz
 * @returns `ceil(length * 16000 / sampleRate)` samples; the same array, untouched, if the rate is 16 kHz already
 */
export function resampleTo16k(samples: Float32Array, sampleRate: number): Float32Array {
  if (sampleRate === SAMPLE_RATE) return samples;
  if (!Number.isInteger(sampleRate) || sampleRate < MIN_RATE || sampleRate > MAX_RATE) {
    throw new RangeError(
      `sample rate must be an integer from ${MIN_RATE} to ${MAX_RATE} Hz, got ${sampleRate}`,
    );
  }
  const filter = filterFor(sampleRate);
  const { up, down, reach } = filter;
  const output = new Float32Array(Math.ceil((samples.length * up) / down));
  let centre = 0; // floor(n * down / up), kept in integers so that long files do not drift
  let phase = 0; // (n * down) mod up
  for (let n = 0; n < output.length; n++) {
    let row = filter.rows[phase];
    if (row === undefined) {
      row = tapRow(filter, phase);
      filter.rows[phase] = row;
    }
    const first = centre - reach + 1;
    const from = Math.max(0, -first);
    const to = Math.min(row.length, samples.length - first);
    let sum = 0;
    for (let k = from; k < to; k++) sum += row[k]! * samples[first + k]!;
    output[n] = sum;
    phase += down;
    centre += floor(phase / up);
    phase %= up;
  }
  return output;
}

function filterFor(sampleRate: number): Filter {
  const cached = cache.get(sampleRate);
  if (cached !== undefined) return cached;
  const divisor = greatestCommonDivisor(sampleRate, SAMPLE_RATE);
  const up = SAMPLE_RATE / divisor;
  const down = sampleRate / divisor;
  const spacing = Math.max(1, sampleRate / SAMPLE_RATE) / CUTOFF;
  const reach = Math.ceil(ZERO_CROSSINGS * spacing);
  const filter: Filter = { up, down, reach, rows: new Array<Float64Array | undefined>(up), spacing };
  if (cache.size >= MAX_CACHED) cache.delete(cache.keys().next().value!);
  cache.set(sampleRate, filter);
  return filter;
}

/** Taps for an output that lies `phase / up` of a sample after input `reach - 1` of its window. */
function tapRow({ up, reach, spacing }: Filter, phase: number): Float64Array {
  const row = new Float64Array(2 * reach);
  const half = ZERO_CROSSINGS * spacing;
  const scale = 1 / besselI0(BETA);
  let sum = 0;
  for (let k = 0; k < row.length; k++) {
    const distance = k - (reach - 1) - phase / up;
    const inside = 1 - (distance / half) ** 2;
    if (inside <= 0) continue;
    const x = (PI * distance) / spacing;
    const sinc = x === 0 ? 1 : sin(x) / x;
    row[k] = sinc * besselI0(BETA * sqrt(inside)) * scale;
    sum += row[k]!;
  }
  // Each phase has unit gain at 0 Hz: otherwise a constant input would ripple at the phases' rate.
  for (let k = 0; k < row.length; k++) row[k]! /= sum;
  return row;
}

/** Modified Bessel function of the first kind, order 0, by its power series (all terms positive: no cancellation). */
function besselI0(x: number): number {
  const quarter = (x * x) / 4;
  let term = 1;
  let sum = 1;
  for (let k = 1; term > sum * 1e-17; k++) {
    term *= quarter / (k * k);
    sum += term;
  }
  return sum;
}

function greatestCommonDivisor(a: number, b: number): number {
  return b === 0 ? a : greatestCommonDivisor(b, a % b);
}
