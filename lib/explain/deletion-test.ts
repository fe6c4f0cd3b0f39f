/**
 * The deletion test: does the model change its mind where the moments of highest pooling weight are cut out, more than
 * where others are? After self-attention a weight alone is no proof of that.
 */

import { MIN_SAMPLES, SAMPLE_RATE } from '../audio/types.js';
import { clusteredInterval } from '../metrics/clustered-interval.js';
import { softmax } from '../metrics/index.js';
import type { SpeakerStatistic } from '../metrics/speaker-statistic.js';
import type { NativeModel } from '../native/engine.js';
import { Random } from '../random/philox.js';
import type { DeletionOrder, DeletionTest, Interval } from '../report/types.js';
import { deletionCuts } from './delete-frames.js';

/** Shares of an utterance's frames that are cut out. */
const SHARES = [0.1, 0.2, 0.3, 0.5];
/** Random placements for each share. */
const DRAWS = 5;
const ORDERS: readonly DeletionOrder[] = ['highest', 'random', 'loudest', 'lowest'];
/** An utterance of fewer frames cannot lose a tenth of them. */
const FEWEST_FRAMES = 10;

/** Waveforms that are computed for one utterance. */
export const PASSES = 1 + SHARES.length * (3 + DRAWS);

/** Probability of the class that an utterance is taken for, whole (share 0) and with parts cut out. */
export interface DeletionCurve {
  speaker: string;
  probability: Record<DeletionOrder, number[]>;
}

/**
 * Computes an utterance's curves; null where it is too short to cut.
 *
 * @param samples that the model hears
 * @param key names the random draws
 */
export async function deletionCurve(
  model: NativeModel,
  samples: Float32Array,
  facts: {
    id: string;
    speaker: string;
    seed: number;
    classes: number;
    precision: 'fp32' | 'bf16';
    /** Cap of a batch, seconds of audio. */
    maxSeconds: number;
  },
): Promise<DeletionCurve | null> {
  const { id, speaker, seed, classes, precision, maxSeconds } = facts;
  const whole = await model.forwardSamples([samples], { weights: true, precision });
  const weights = whole.weights;
  if (!weights || weights.length < FEWEST_FRAMES) return null;
  const random = new Random({ seed, stream: 'deletion', item: id });
  const cuts = deletionCuts(samples, weights, SHARES, DRAWS, random);
  if (cuts.some((cut) => cut.samples.length < MIN_SAMPLES)) return null;
  const before = softmax(whole.logits, classes);
  const predicted = before.indexOf(Math.max(...before));
  const probability = Object.fromEntries(
    ORDERS.map((order) => [order, [before[predicted]!, ...SHARES.map(() => 0)]]),
  ) as DeletionCurve['probability'];
  const perBatch = Math.max(1, Math.floor((maxSeconds * SAMPLE_RATE) / samples.length));
  for (let first = 0; first < cuts.length; first += perBatch) {
    const batch = cuts.slice(first, first + perBatch);
    const { logits } = await model.forwardSamples(
      batch.map((cut) => cut.samples),
      { precision },
    );
    const after = softmax(logits, classes);
    batch.forEach(({ order, share }, i) => {
      probability[order][1 + share]! += after[i * classes + predicted]! / (order === 'random' ? DRAWS : 1);
    });
  }
  return { speaker, probability };
}

/** The curves' mean, and how far apart they lie; null where there are none. */
export function summariseDeletion(curves: readonly DeletionCurve[]): DeletionTest | null {
  if (curves.length === 0) return null;
  const speakers = curves.map(({ speaker }) => speaker);
  const meanAt = (order: DeletionOrder, share: number) =>
    mean(curves.map(({ probability }) => probability[order][share]!));
  const gap = (other: 'random' | 'loudest') => {
    const gaps = curves.map(({ probability }) => area(probability[other], probability.highest));
    return { mean: mean(gaps), ci95: meanInterval(gaps, speakers) };
  };
  return {
    utterances: curves.length,
    speakers: new Set(speakers).size,
    draws: DRAWS,
    shares: [0, ...SHARES],
    probability: Object.fromEntries(
      ORDERS.map((order) => [order, [0, ...SHARES].map((_, share) => meanAt(order, share))]),
    ) as DeletionTest['probability'],
    gap: { random: gap('random'), loudest: gap('loudest') },
  };
}

/** Mean height between two curves over the shares (trapezoids). */
function area(upper: readonly number[], lower: readonly number[]): number {
  const shares = [0, ...SHARES];
  let sum = 0;
  for (let i = 1; i < shares.length; i++) {
    const here = (upper[i]! - lower[i]! + upper[i - 1]! - lower[i - 1]!) / 2;
    sum += here * (shares[i]! - shares[i - 1]!);
  }
  return sum / shares.at(-1)!;
}

/** A mean over utterances, from each speaker's sum and count. */
const MEAN: SpeakerStatistic = {
  value: (sums) => (sums[1]! > 0 ? sums[0]! / sums[1]! : null),
  gradient(sums, out) {
    out[0] = 1 / sums[1]!;
    out[1] = -sums[0]! / sums[1]! ** 2;
  },
};

/** 95 % interval of the mean, over speakers; null with a single one. */
function meanInterval(values: readonly number[], speakers: readonly string[]): Interval | null {
  const sums = new Map<string, Float64Array>();
  values.forEach((value, i) => {
    const sum = sums.get(speakers[i]!) ?? new Float64Array(2);
    sum[0]! += value;
    sum[1]! += 1;
    sums.set(speakers[i]!, sum);
  });
  return clusteredInterval([...sums.values()], MEAN, 'plain');
}

const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
