/** Batch plans: the order in which an epoch visits its utterances, drawn from the seed and nothing else. */
import { SAMPLE_RATE } from '../audio/types.js';
import type { TrainConfig } from '../config/schema.js';
import { Random } from '../random/philox.js';

export interface BatchPlan {
  schema: 'ser-native/batches@1';
  seed: number;
  fold: number;
  /** Counts from 1. */
  epoch: number;
  /** Utterance ids of each batch. */
  batches: string[][];
}

export interface Sized {
  id: string;
  /** Samples. */
  length: number;
}

/** How many batches are shuffled together before being cut by length: enough to stay random, few enough to pad little. */
const GROUP_BATCHES = 8;

/**
 * The batches of one epoch. With `grouping: 'length'` utterances are shuffled, cut into groups of several batches, sorted
 * by length within a group, cut into batches, and the batches shuffled; a batch ends at `size` utterances or at
 * `maxSeconds` of audio, whichever comes first. No batch holds a single utterance unless that cap forces it, since
 * SupCon has nothing to contrast there.
 */
export function planBatches(
  utterances: readonly Sized[],
  settings: TrainConfig['batch'],
  key: { seed: number; fold: number; epoch: number },
): BatchPlan {
  const random = new Random({ ...key, stream: 'batches' });
  const shuffled = random.shuffled(utterances);
  const batches: string[][] = [];
  const group = settings.grouping === 'length' ? settings.size * GROUP_BATCHES : shuffled.length;
  for (let first = 0; first < shuffled.length; first += group) {
    const members = shuffled.slice(first, first + group);
    if (settings.grouping === 'length') members.sort((a, b) => a.length - b.length || (a.id < b.id ? -1 : 1));
    batches.push(...cut(members, settings));
  }
  joinSingle(batches, utterances, settings);
  return { schema: 'ser-native/batches@1', ...key, batches: random.shuffled(batches) };
}

function cut(members: readonly Sized[], settings: TrainConfig['batch']): string[][] {
  const batches: string[][] = [];
  let current: string[] = [];
  let seconds = 0;
  for (const member of members) {
    const duration = member.length / SAMPLE_RATE;
    if (current.length > 0 && (current.length >= settings.size || seconds + duration > settings.maxSeconds)) {
      batches.push(current);
      current = [];
      seconds = 0;
    }
    current.push(member.id);
    seconds += duration;
  }
  if (current.length > 0) batches.push(current);
  return batches;
}

/** A last batch of one joins the one before it where the cap in seconds allows. */
function joinSingle(batches: string[][], utterances: readonly Sized[], settings: TrainConfig['batch']): void {
  const last = batches.at(-1);
  const before = batches.at(-2);
  if (!last || !before || last.length > 1 || settings.size === 1) return;
  const length = new Map(utterances.map((utterance) => [utterance.id, utterance.length]));
  const seconds = [...before, ...last].reduce((sum, id) => sum + length.get(id)! / SAMPLE_RATE, 0);
  if (seconds > settings.maxSeconds) return;
  before.push(...last);
  batches.pop();
}

/** Batches for inference: by length, in a fixed order. */
export function evaluationBatches(utterances: readonly Sized[], settings: TrainConfig['batch']): string[][] {
  const sorted = utterances.slice().sort((a, b) => a.length - b.length || (a.id < b.id ? -1 : 1));
  return cut(sorted, { ...settings, size: Math.max(settings.size, 32) });
}
