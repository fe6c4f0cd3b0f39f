/** Where in an utterance something is heard. */

/** Frames of 25 ms every 10 ms at 16 kHz, as everywhere in speech. */
const WINDOW = 400;
const HOP = 160;
/** Kept before the first and after the last loud frame, so that soft onsets and decays stay in: 80 ms. */
const MARGIN = 8 * HOP;

/**
 * The span [start, end) of samples from the first to the last frame that is at most `floor` dB below the loudest one,
 * with 80 ms on either side. Pauses inside it stay in. A silent utterance, or one too short to judge, is returned whole.
 *
 * @param samples mono at 16 kHz
 * @param floor dB; room tone of studio corpora lies 45 dB and more below speech
 */
export function activePart(samples: Float32Array, floor: number): [start: number, end: number] {
  const frames = Math.max(0, Math.floor((samples.length - WINDOW) / HOP) + 1);
  const power = new Float64Array(frames);
  let loudest = 0;
  for (let frame = 0; frame < frames; frame++) {
    let sum = 0;
    for (let index = frame * HOP; index < frame * HOP + WINDOW; index++)
      sum += samples[index]! * samples[index]!;
    power[frame] = sum;
    if (sum > loudest) loudest = sum;
  }
  if (loudest === 0) return [0, samples.length];
  const threshold = loudest * 10 ** (-floor / 10);
  const first = power.findIndex((value) => value >= threshold);
  const last = power.findLastIndex((value) => value >= threshold);
  return [Math.max(0, first * HOP - MARGIN), Math.min(samples.length, last * HOP + WINDOW + MARGIN)];
}
