/** What is wrong or telling about an utterance's samples beyond peak and level. */
import { activePart } from './active-part.js';
import { SAMPLE_RATE } from './types.js';

export interface Measurements {
  /** Mean of the samples, of full scale: 0 for sound microphones. */
  offset: number;
  /** Samples in flat tops, see `flatTops`. */
  clipped: number;
  /** Seconds before the first sound and after the last. */
  leading: number;
  trailing: number;
}

/** Sound within this many dB of the loudest frame is heard; room tone of studio corpora lies lower. */
const SILENCE_FLOOR_DB = 40;

/** @param samples mono int16 at 16 kHz */
export function measure(samples: Int16Array): Measurements {
  const floats = new Float32Array(samples.length);
  let sum = 0;
  for (let i = 0; i < samples.length; i++) {
    const sample = samples[i]!;
    sum += sample;
    floats[i] = sample / 32768;
  }
  const [start, end] = activePart(floats, SILENCE_FLOOR_DB);
  return {
    offset: samples.length === 0 ? 0 : sum / samples.length / 32768,
    clipped: flatTops(samples),
    leading: start / SAMPLE_RATE,
    trailing: (samples.length - end) / SAMPLE_RATE,
  };
}

/** A wave that stays at its own extreme for this long was cut off there; sound passes it in a sample or two. */
const FLAT_RUN = 3;
/** Extremes below a quarter of full scale are not looked at: soft sounds are flat at the resolution of 16 bits. */
const FLAT_LEVEL = 8192;

/**
 * Samples in runs of three or more at the utterance's highest or lowest value: what clipping leaves, at full scale or, where
 * a recording was made quieter afterwards, below it.
 */
function flatTops(samples: Int16Array): number {
  let highest = 0;
  let lowest = 0;
  for (const sample of samples) {
    if (sample > highest) highest = sample;
    else if (sample < lowest) lowest = sample;
  }
  let count = 0;
  for (const extreme of [highest, lowest]) {
    if (Math.abs(extreme) < FLAT_LEVEL) continue;
    let run = 0;
    for (const sample of samples) {
      if (sample === extreme) {
        run++;
        continue;
      }
      if (run >= FLAT_RUN) count += run;
      run = 0;
    }
    if (run >= FLAT_RUN) count += run;
  }
  return count;
}
