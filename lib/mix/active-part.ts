/** Where in an utterance something is heard, for mix plans with `segment: voiced`. */

/** Frames of 25 ms every 10 ms at 16 kHz, as everywhere in speech. */
const WINDOW = 400;
const HOP = 160;
/** Frames this far below the loudest one count as silence; room tone of studio corpora lies 45 dB and more below. */
const FLOOR_DB = 40;

/**
 * The span [start, end) of samples from the first to the last frame that is within 40 dB of the loudest one. Pauses
 * inside it stay in. A silent utterance is returned whole.
 *
 * @param samples mono at 16 kHz
 */
export function activePart(samples: Float32Array): [start: number, end: number] {
  const frames = Math.max(0, Math.floor((samples.length - WINDOW) / HOP) + 1);
  const power = new Float64Array(frames);
  let loudest = 0;
  for (let frame = 0; frame < frames; frame++) {
    let sum = 0;
    for (let index = frame * HOP; index < frame * HOP + WINDOW; index++) sum += samples[index]! ** 2;
    power[frame] = sum;
    loudest = Math.max(loudest, sum);
  }
  if (loudest === 0) return [0, samples.length];
  const threshold = loudest * 10 ** (-FLOOR_DB / 10);
  const first = power.findIndex((value) => value >= threshold);
  const last = power.findLastIndex((value) => value >= threshold);
  return [first * HOP, Math.min(samples.length, last * HOP + WINDOW)];
}
