/** From what the user calls an encoder to what is measured: the mel encoder, a shape with random weights, or a checkpoint. */
import { join } from 'node:path';
import { resolveEncoder } from '../encoder/resolve.js';
import { UsageError } from '../errors.js';
import { writeRandomCheckpoint } from './random-checkpoint.js';
import { SHAPES } from './shapes.js';

export interface BenchEncoder {
  /** As the user called it. */
  name: string;
  /** Folder or Hugging Face id; undefined for mel. */
  source?: string;
  /** Folder of the files; undefined for mel. */
  directory?: string;
  /** Random weights: the figures are of the shape, not of a model. */
  random: boolean;
}

export async function benchEncoder(
  name: string,
  options: { folder: string; seed: number; offline?: boolean; signal?: AbortSignal },
): Promise<BenchEncoder> {
  if (name === 'mel') return { name, random: true };
  const shape = Object.hasOwn(SHAPES, name) ? SHAPES[name] : undefined;
  if (shape) {
    const directory = join(options.folder, `random-${name}`);
    await writeRandomCheckpoint(shape, directory, options.seed, options.signal);
    return { name, source: directory, directory, random: true };
  }
  if (!/[/\\]|^\.|@/.test(name)) {
    throw new UsageError(`no encoder is called "${name}"`, {
      code: 'E_BENCH_ENCODER',
      cure: `Take mel, ${Object.keys(SHAPES).join(', ')}, a folder (./name), or a Hugging Face id (org/name).`,
    });
  }
  const { offline, signal } = options;
  const { directory } = await resolveEncoder(name, { offline, signal });
  return { name, source: name, directory, random: false };
}
