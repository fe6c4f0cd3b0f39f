/** Applies a condition to a waveform: noise at an SNR, or a change of level, recorded as 16-bit samples. */
import { activePart } from '../audio/active-part.js';
import { meanSquare } from './power.js';
import type { Condition, NoiseSource, Span } from './types.js';

/** Speech is what lies between the first and the last frame within this many dB of the loudest. */
const ACTIVE_FLOOR_DB = 40;
const FULL_SCALE = 32_768;

/** An utterance about to be heard under several conditions. */
export interface Heard {
  id: string;
  speaker: string;
  /** In [-1, 1), 16 kHz. */
  samples: Float32Array;
}

export interface Recorded {
  samples: Float32Array;
  /** Samples that full scale cut off. */
  clipped: number;
}

/**
 * An utterance under each of the conditions. Its noise is drawn once, so that conditions differ by level alone.
 *
 * The SNR is that of the speech's power over the noise's, both over the active part of the clean utterance (with 80 ms
 * around it, pauses within it included): silence before and after it would make the same noise count as louder.
 */
export function* perturb(
  utterance: Heard,
  conditions: readonly Condition[],
  source: NoiseSource | null,
): Generator<Recorded> {
  const { samples } = utterance;
  let noise: Float32Array | undefined;
  let span: Span | undefined;
  for (const condition of conditions) {
    if (condition.kind === 'clean') {
      yield { samples, clipped: 0 };
    } else if (condition.kind === 'gain') {
      const factor = 10 ** (condition.gain / 20);
      yield record(samples, (index) => samples[index]! * factor);
    } else {
      span ??= activePart(samples, ACTIVE_FLOOR_DB);
      noise ??= source!.draw(utterance, samples.length, span);
      const scale = noiseScale(samples, noise, span, condition.snr);
      const added = noise;
      yield record(samples, (index) => samples[index]! + scale * added[index]!);
    }
  }
}

/** Factor on the noise that gives the SNR (dB) over a span. */
export function noiseScale(speech: Float32Array, noise: Float32Array, span: Span, snr: number): number {
  return Math.sqrt(meanSquare(speech, span) / meanSquare(noise, span) / 10 ** (snr / 10));
}

/** Rounds to 16 bits and cuts off at full scale, as a recording would. */
function record(like: Float32Array, value: (index: number) => number): Recorded {
  const samples = new Float32Array(like.length);
  let clipped = 0;
  for (let index = 0; index < samples.length; index++) {
    const level = Math.round(value(index) * FULL_SCALE);
    if (level > FULL_SCALE - 1 || level < -FULL_SCALE) clipped++;
    samples[index] = Math.max(-FULL_SCALE, Math.min(FULL_SCALE - 1, level)) / FULL_SCALE;
  }
  return { samples, clipped };
}
