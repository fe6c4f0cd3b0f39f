/** Clips to measure on: their lengths, the batches they come in, and the noise that they are cut from. */
import { writeFile } from 'node:fs/promises';
import { SAMPLE_RATE } from '../audio/types.js';
import { Random } from '../random/philox.js';
import { sum } from './quartiles.js';
import type { Batching } from './types.js';

/** An utterance as it lies in the file of noise. */
export interface Clip {
  id: string;
  offset: number;
  /** Samples. */
  length: number;
  label: number;
}

export const CLASSES = 8;
/** Clips are cut anywhere from so much noise, however many there are. */
const NOISE_SECONDS = 240;
export const NOISE_SAMPLES = NOISE_SECONDS * SAMPLE_RATE;

/**
 * Seconds like IEMOCAP's utterances: log-normal of mean 4.5 s and deviation 3.2 s, cut to 0.5 to 16 s. Padded to the longest of 32,
 * such clips take 2.9 times their own length, near what IEMOCAP's own do (3.2).
 */
function iemocapSeconds(random: Random): number {
  const sigma = Math.sqrt(Math.log(1 + (3.2 / 4.5) ** 2));
  const seconds = Math.exp(Math.log(4.5) - sigma ** 2 / 2 + sigma * random.normal());
  return Math.min(16, Math.max(0.5, seconds));
}

export type ClipLengths = { seconds: number } | { law: 'iemocap' };

export const describeLengths = (lengths: ClipLengths): string =>
  'law' in lengths ? lengths.law : `${lengths.seconds} s`;

export function drawClips(lengths: ClipLengths, count: number, seed: number): Clip[] {
  const random = new Random({ seed, stream: 'bench clips' });
  return Array.from({ length: count }, (_, index) => {
    const seconds = 'law' in lengths ? iemocapSeconds(random) : lengths.seconds;
    const length = Math.round(seconds * SAMPLE_RATE);
    const offset = random.below(NOISE_SAMPLES - length + 1);
    return { id: `clip-${index}`, offset, length, label: random.below(CLASSES) };
  });
}

function cut<T>(items: readonly T[], size: number): T[][] {
  return Array.from({ length: Math.ceil(items.length / size) }, (_, i) =>
    items.slice(i * size, (i + 1) * size),
  );
}

/**
 * Batches of the same clips. All ways give the same number of batches, but that packed ones may be a few fewer or more; the order
 * of batches of similar length is drawn, so that the first ones are not the shortest.
 */
export function makeBatches(
  clips: readonly Clip[],
  size: number,
  batching: Batching | 'fixed',
  seed: number,
): Clip[][] {
  if (batching === 'drawn' || batching === 'fixed') return cut(clips, size);
  const random = new Random({ seed, stream: 'bench batches' });
  if (batching === 'grouped') {
    const sorted = [...clips].sort((a, b) => a.length - b.length || (a.id < b.id ? -1 : 1));
    return random.shuffled(cut(sorted, size));
  }
  const budget = (sum(clips.map(({ length }) => length)) / clips.length) * size;
  const batches: Clip[][] = [];
  let filled = Infinity;
  for (const clip of clips) {
    if (filled + clip.length / 2 > budget) {
      batches.push([]);
      filled = 0;
    }
    batches.at(-1)!.push(clip);
    filled += clip.length;
  }
  return batches;
}

export const audioSeconds = (clips: readonly Clip[]): number =>
  sum(clips.map(({ length }) => length)) / SAMPLE_RATE;

/** Padded to the longest of the batch. */
export const paddedSeconds = (clips: readonly Clip[]): number =>
  (clips.length * Math.max(...clips.map(({ length }) => length))) / SAMPLE_RATE;

/** Writes the noise as int16: at the level and with the syllables' rhythm of speech. */
export async function writeNoise(path: string, seed: number): Promise<void> {
  const random = new Random({ seed, stream: 'bench noise' });
  const samples = new Int16Array(NOISE_SAMPLES);
  let smooth = 0;
  for (let index = 0; index < samples.length; index++) {
    smooth = 0.7 * smooth + 0.3 * random.range(-1, 1); // less at high frequencies, as in speech
    const syllable = 0.5 - 0.5 * Math.cos((2 * Math.PI * 4 * index) / SAMPLE_RATE);
    samples[index] = Math.round(9830 * smooth * (0.1 + syllable));
  }
  await writeFile(path, new Uint8Array(samples.buffer));
}
