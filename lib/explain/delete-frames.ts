/** Cutting frames out of an utterance: which, and how the rest is joined. */

import type { Random } from '../random/philox.js';
import type { DeletionOrder } from '../report/types.js';

/** Samples over which a piece fades at a cut: 2.5 ms, so that a join is no click. */
const FADE = 40;

/** Frames to cut, 1 where one goes; as many as the share of all asks for, rounded, but at least one. */
export type FrameMask = Uint8Array;

/** The frames of largest value, earlier ones first among equals. */
export function largest(values: ArrayLike<number>, share: number): FrameMask {
  const order = Array.from(values, (value, frame) => ({ value, frame }));
  order.sort((a, b) => b.value - a.value || a.frame - b.frame);
  const mask = new Uint8Array(values.length);
  for (const { frame } of order.slice(0, Math.max(1, Math.round(share * values.length)))) mask[frame] = 1;
  return mask;
}

/**
 * The same pattern elsewhere: turned round the utterance by a random number of frames. Frames drawn one by one would cut
 * the utterance into far more pieces than those of highest weight, which lie together, and would harm it by their joins.
 */
export function elsewhere(mask: FrameMask, random: Random): FrameMask {
  const by = mask.length > 1 ? 1 + random.below(mask.length - 1) : 0;
  return mask.map((_, frame) => mask[(frame + by) % mask.length]!);
}

/** Mean square of the samples under each frame. */
export function framePower(samples: Float32Array, frames: number): Float64Array {
  return Float64Array.from({ length: frames }, (_, frame) => {
    const [start, end] = frameSpan(samples.length, frames, frame);
    let sum = 0;
    for (let i = start; i < end; i++) sum += samples[i]! ** 2;
    return sum / Math.max(1, end - start);
  });
}

/** First sample of a frame and of the one after it. */
function frameSpan(length: number, frames: number, frame: number): [start: number, end: number] {
  return [Math.floor((frame * length) / frames), Math.floor(((frame + 1) * length) / frames)];
}

/** The samples without those under the frames of a mask; what remains is faded at the cuts and joined. */
export function cutOut(samples: Float32Array, mask: FrameMask): Float32Array {
  const pieces: [start: number, end: number][] = [];
  for (let frame = 0; frame < mask.length; frame++) {
    if (mask[frame]) continue;
    const [start, end] = frameSpan(samples.length, mask.length, frame);
    const last = pieces.at(-1);
    if (last && last[1] === start) last[1] = end;
    else pieces.push([start, end]);
  }
  const kept = new Float32Array(pieces.reduce((sum, [start, end]) => sum + end - start, 0));
  let filled = 0;
  for (const [start, end] of pieces) {
    kept.set(samples.subarray(start, end), filled);
    const fade = Math.min(FADE, Math.floor((end - start) / 2));
    for (let i = 0; i < fade; i++) {
      const gain = (i + 0.5) / fade;
      if (start > 0) kept[filled + i] = kept[filled + i]! * gain;
      if (end < samples.length)
        kept[filled + end - start - 1 - i] = kept[filled + end - start - 1 - i]! * gain;
    }
    filled += end - start;
  }
  return kept;
}

/** One waveform with a part cut out. */
export interface Cut {
  order: DeletionOrder;
  /** Index into the shares. */
  share: number;
  samples: Float32Array;
}

/**
 * All waveforms that the deletion test asks of an utterance.
 *
 * @param samples that the model hears
 * @param weights pooling weight of each frame
 * @param shares of the frames, each in (0, 1)
 * @param draws random placements for each share
 */
export function deletionCuts(
  samples: Float32Array,
  weights: ArrayLike<number>,
  shares: readonly number[],
  draws: number,
  random: Random,
): Cut[] {
  const power = framePower(samples, weights.length);
  const lightest = Float64Array.from(weights, (weight) => -weight);
  return shares.flatMap((share, index) => {
    const highest = largest(weights, share);
    const masks: [DeletionOrder, FrameMask][] = [
      ['highest', highest],
      ['loudest', largest(power, share)],
      ['lowest', largest(lightest, share)],
    ];
    for (let draw = 0; draw < draws; draw++) masks.push(['random', elsewhere(highest, random)]);
    return masks.map(([order, mask]): Cut => ({ order, share: index, samples: cutOut(samples, mask) }));
  });
}
