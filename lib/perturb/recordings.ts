/** Noise from recordings: a file, or a folder such as MUSAN's `noise` or the backgrounds of DEMAND. */
import { stat } from 'node:fs/promises';
import { basename, extname, resolve } from 'node:path';
import { readEntry } from '../audio/read-samples.js';
import { openOrBuildStore, storeDirectory } from '../audio/store.js';
import type { SampleStore, StoreEntry } from '../audio/types.js';
import { findMedia, isAudio } from '../corpus/audio-files.js';
import { DataError, hasCode } from '../errors.js';
import { Random } from '../random/philox.js';
import { cacheRoot } from '../runtime/cache.js';
import { meanSquare } from './power.js';
import type { NoiseSource } from './types.js';

/** A recording may be silent for a while; after this many silent crops the folder is taken for silent. */
const TRIES = 100;

export interface RecordingOptions {
  seed: number;
  signal?: AbortSignal;
  onWarning?: (message: string) => void;
  onProgress?: (event: { done: number; total: number; etaSeconds: number }) => void;
}

/**
 * Crops of recordings, decoded once into a store of their own. Which recording, and where in it, is drawn by utterance; one
 * that is shorter than the utterance is repeated.
 *
 * @throws DataError where there is no audio at `path`
 */
export async function recordedNoise(path: string, options: RecordingOptions): Promise<NoiseSource> {
  const store = await openNoiseStore(path, options);
  const entries = [...store.entries.values()];
  return {
    description: `recordings of ${basename(resolve(path))} (${entries.length} file${entries.length === 1 ? '' : 's'})`,
    draw({ id }, length, span) {
      const random = new Random({ seed: options.seed, stream: 'noise-recordings', item: id });
      for (let attempt = 0; attempt < TRIES; attempt++) {
        const noise = crop(store, entries[random.below(entries.length)]!, length, random);
        if (meanSquare(noise, span) > 0) return noise;
      }
      throw new DataError(`the recordings of ${path} are silent where noise was looked for ${TRIES} times`, {
        code: 'E_NOISE_SILENT',
        cure: 'Name a folder of noise that sounds throughout.',
      });
    },
  };
}

function crop(store: SampleStore, entry: StoreEntry, length: number, random: Random): Float32Array {
  const samples = Math.min(length, entry.length);
  const start = random.below(entry.length - samples + 1);
  const taken = readEntry(store.path, { id: entry.id, offset: entry.offset + start, length: samples });
  return Float32Array.from({ length }, (_, index) => taken[index % samples]! / 32_768);
}

async function openNoiseStore(path: string, options: RecordingOptions): Promise<SampleStore> {
  const root = resolve(path);
  const info = await stat(root).catch((error: unknown) => {
    throw new DataError(
      hasCode(error, 'ENOENT') ? `there is no noise at ${root}` : `the noise at ${root} cannot be read`,
      {
        code: 'E_NOISE',
        cure: '--noise-kind is white, pink, babble, a folder or an audio file.',
        cause: error,
      },
    );
  });
  const files = info.isDirectory()
    ? (await findMedia(root)).files.filter(({ extension }) => isAudio(extension))
    : [{ relative: basename(root, extname(root)), path: root }];
  if (files.length === 0) {
    throw new DataError(`there is no audio below ${root}`, {
      code: 'E_NOISE',
      cure: 'Name a folder of recordings of noise, or --noise-kind white, pink or babble.',
    });
  }
  return openOrBuildStore({
    name: 'noise',
    utterances: files.map((file) => ({ id: file.relative, path: file.path })),
    directory: storeDirectory(cacheRoot(), 'noise', root),
    onBadAudio: 'skip',
    signal: options.signal,
    onWarning: options.onWarning,
    onProgress: options.onProgress,
  });
}
