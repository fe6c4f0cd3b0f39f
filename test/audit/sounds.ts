/** Copies of a recording as they turn up in collected corpora, made in memory. */

import { SAMPLE_RATE } from '../../lib/audio/types.js';
import { demoCorpus, synthesiseDemo } from '../../lib/corpus/demo/index.js';

export interface Sound {
  id: string;
  samples: Int16Array;
}

/** Utterances of the demo corpus: the same sentences, by several voices, in several moods. */
export function demoSounds(count: number): Sound[] {
  return demoCorpus()
    .utterances.slice(0, count)
    .map(({ id, path }) => ({ id, samples: synthesiseDemo(path) }));
}

/** Louder or quieter, rounded anew. */
export function gain(samples: Int16Array, decibels: number): Int16Array {
  const factor = 10 ** (decibels / 20);
  return samples.map((sample) => Math.max(-32768, Math.min(32767, Math.round(sample * factor))));
}

/** Without its first and its last seconds. */
export function cut(samples: Int16Array, first: number, last = 0): Int16Array {
  return samples.slice(Math.round(first * SAMPLE_RATE), samples.length - Math.round(last * SAMPLE_RATE));
}

/** With white noise, as a cassette or a lossy codec leaves it. */
export function noisy(samples: Int16Array, snrDb: number): Int16Array {
  let state = 1;
  const power = samples.reduce((sum, sample) => sum + sample * sample, 0) / samples.length;
  const width = Math.sqrt((3 * power) / 10 ** (snrDb / 10));
  return samples.map((sample) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.max(-32768, Math.min(32767, Math.round(sample + width * (state / 2 ** 31 - 1))));
  });
}

/** Down to 8 kHz and back, by averages and straight lines: worse than any real resampler. */
export function at8kHz(samples: Int16Array): Int16Array {
  const half = Int16Array.from({ length: samples.length >> 1 }, (_, i) =>
    Math.round((samples[2 * i]! + samples[2 * i + 1]!) / 2),
  );
  return Int16Array.from({ length: 2 * half.length }, (_, i) => {
    const at = (i - 0.5) / 2;
    const before = half[Math.max(0, Math.floor(at))]!;
    const after = half[Math.min(half.length - 1, Math.floor(at) + 1)]!;
    return Math.round(before + (after - before) * (at - Math.floor(at)));
  });
}
