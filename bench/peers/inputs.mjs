/** What all contestants are given: signals, checkpoints, precisions. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { writeRandomCheckpoint } from '../../dist/bench/random-checkpoint.js';
import { SHAPES } from '../../dist/bench/shapes.js';
import { BenchError, here } from './process.mjs';

export const SAMPLE_RATE = 16_000;
export const WHISPER = here('../../../shared/models/whisper-tiny.en');

/** Uniform numbers in [0, 1), the same on every machine (mulberry32). */
export function uniform(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Noise at the level and with the syllables' rhythm of speech: root mean square about 0.05 of full scale. */
export function speechLikeNoise(samples, seed) {
  const draw = uniform(seed);
  const wave = new Float32Array(samples);
  let smooth = 0;
  for (let index = 0; index < samples; index++) {
    smooth = 0.7 * smooth + 0.3 * (2 * draw() - 1); // less at high frequencies, as in speech
    const syllable = 0.5 - 0.5 * Math.cos((2 * Math.PI * 4 * index) / SAMPLE_RATE);
    wave[index] = 0.3 * smooth * (0.1 + syllable);
  }
  return wave;
}

/** Folder of a checkpoint of the named shape with random weights under `folder`, written unless it is there. */
export async function randomCheckpoint(folder, name) {
  if (!SHAPES[name])
    throw new BenchError(`no shape is called ${name}: there are ${Object.keys(SHAPES).join(', ')}`);
  return writeRandomCheckpoint(SHAPES[name], join(folder, `random-${name}`), 1);
}

/** Checks that a folder holds a checkpoint of Whisper. */
export function whisperCheckpoint(directory, option) {
  if (!existsSync(join(directory, 'model.safetensors'))) {
    throw new BenchError(
      `${directory} holds no Whisper checkpoint: name one with ${option} DIR (e.g. what ser-native pull openai/whisper-tiny.en fetched)`,
    );
  }
  return directory;
}

/** Text of columns that line up; the first to the left, the others to the right. */
export function table(header, rows) {
  const lines = [header, ...rows].map((row) => row.map((cell) => String(cell)));
  const widths = header.map((_, column) => Math.max(...lines.map((line) => line[column].length)));
  const text = (line) =>
    line
      .map((cell, column) => (column === 0 ? cell.padEnd(widths[0]) : cell.padStart(widths[column])))
      .join('  ');
  return `${lines.map((line) => text(line).trimEnd()).join('\n')}\n`;
}
