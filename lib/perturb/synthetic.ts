/** White and pink noise. */
import { SAMPLE_RATE } from '../audio/types.js';
import { Random } from '../random/philox.js';
import type { NoiseSource } from './types.js';

/** Gaussian noise of variance 1: equal power in every hertz. */
export function whiteNoise(length: number, random: Random): Float32Array {
  const noise = new Float32Array(length);
  for (let index = 0; index < length; index += 2) {
    // Box and Muller's pair; 1 more than the draw, since the logarithm of 0 is no number.
    const radius = Math.sqrt(-2 * Math.log((random.uint32() + 1) / 2 ** 32));
    const angle = (2 * Math.PI * random.uint32()) / 2 ** 32;
    noise[index] = radius * Math.cos(angle);
    if (index + 1 < length) noise[index + 1] = radius * Math.sin(angle);
  }
  return noise;
}

/**
 * Corners of the filter that makes white noise pink, Hz: a pole falls by 6 dB an octave, the zero an octave above it levels
 * that off, the next pole comes an octave later, and so on, which is 3 dB an octave on the whole.
 */
const CORNERS = [8, 32, 128, 512, 2048].map((pole) => ({ pole, zero: 2 * pole }));
/** The slowest pole has forgotten its start after this many samples (0.2 s, ten of its time constants). */
const SETTLE = 3_200;

/** Gaussian noise whose power falls with 1/f from about 16 Hz on: equal power in every octave, as in much of what surrounds us. */
export function pinkNoise(length: number, random: Random): Float32Array {
  let signal = whiteNoise(length + SETTLE, random);
  for (const { pole, zero } of CORNERS) signal = shelf(signal, pole, zero);
  return signal.subarray(SETTLE);
}

/** y[n] = x[n] - z x[n-1] + p y[n-1], with a pole and a zero at these frequencies (Hz). */
function shelf(input: Float32Array, pole: number, zero: number): Float32Array {
  const p = Math.exp((-2 * Math.PI * pole) / SAMPLE_RATE);
  const z = Math.exp((-2 * Math.PI * zero) / SAMPLE_RATE);
  const output = new Float32Array(input.length);
  let before = 0;
  let last = 0;
  for (let index = 0; index < input.length; index++) {
    last = input[index]! - z * before + p * last;
    before = input[index]!;
    output[index] = last;
  }
  return output;
}

export function syntheticNoise(kind: 'white' | 'pink', seed: number): NoiseSource {
  const make = kind === 'white' ? whiteNoise : pinkNoise;
  return {
    description: `${kind} noise`,
    draw: ({ id }, length) => make(length, new Random({ seed, stream: `noise-${kind}`, item: id })),
  };
}
