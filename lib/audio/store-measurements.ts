/** Measurements of a store's utterances, made once and kept beside it. */
import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { type Measurements, measure } from './measure.js';
import { readInt16Samples } from './read-samples.js';
import { writeStoreFile } from './store-files.js';
import { throwIfAborted } from './store-options.js';
import type { SampleStore } from './types.js';

export const MEASUREMENTS_FILE = 'measurements.json';
/** Raised whenever a measurement changes its meaning. */
const VERSION = 1;
/** Utterances between two looks at signals and timers: some tens of milliseconds. */
const AT_ONCE = 16;

interface MeasurementsFile {
  version: number;
  /** By hash of the decoded samples: offset, clipped, leading, trailing. */
  measured: Record<string, [number, number, number, number]>;
}

export interface MeasureOptions {
  signal?: AbortSignal;
  onProgress?: (event: { type: 'measure'; done: number; total: number }) => void;
}

/**
 * Measures every utterance of a store; those measured before, by whatever command, are looked up.
 *
 * @returns by utterance id
 * @throws InterruptedError; DataError `E_STORE_DAMAGED` where the store was removed meanwhile
 */
export async function measureStore(
  store: SampleStore,
  options: MeasureOptions = {},
): Promise<Map<string, Measurements>> {
  const directory = dirname(store.path);
  const known = await readKnown(join(directory, MEASUREMENTS_FILE));
  const pending = [...store.entries.values()].filter(({ samplesSha256 }) => !known.has(samplesSha256));
  for (const [i, { id, samplesSha256 }] of pending.entries()) {
    throwIfAborted(options.signal);
    known.set(samplesSha256, measure(readInt16Samples(store, id)));
    if (i % AT_ONCE !== AT_ONCE - 1 && i + 1 < pending.length) continue;
    options.onProgress?.({ type: 'measure', done: i + 1, total: pending.length });
    await new Promise((resume) => setImmediate(resume));
  }
  if (pending.length > 0) {
    // It only saves time: a cache that may not be written costs the next command a few seconds, no more.
    await writeStoreFile(directory, MEASUREMENTS_FILE, format(known)).catch(() => {});
  }
  return new Map([...store.entries].map(([id, entry]) => [id, known.get(entry.samplesSha256)!]));
}

async function readKnown(path: string): Promise<Map<string, Measurements>> {
  try {
    const file = JSON.parse(await readFile(path, 'utf8')) as MeasurementsFile;
    if (file.version !== VERSION) return new Map();
    return new Map(
      Object.entries(file.measured).map(([hash, [offset, clipped, leading, trailing]]) => [
        hash,
        { offset, clipped, leading, trailing },
      ]),
    );
  } catch {
    return new Map(); // missing or damaged: measured anew
  }
}

function format(measured: ReadonlyMap<string, Measurements>): string {
  const lines = [...measured].map(
    ([hash, { offset, clipped, leading, trailing }]) =>
      `${JSON.stringify(hash)}: ${JSON.stringify([offset, clipped, leading, trailing])}`,
  );
  return `{"version":${VERSION},"measured":{\n${lines.join(',\n')}\n}}\n`;
}
