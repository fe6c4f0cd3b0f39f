/** Reading utterances back out of a store. */
import { closeSync, openSync, readSync } from 'node:fs';
import { DataError, UsageError } from '../errors.js';
import { fromLittleEndian } from './store-files.js';
import type { SampleStore, StoreEntry } from './types.js';

/**
 * One utterance as mono floats at 16 kHz, full scale 1.
 * @throws UsageError for an id that the store lacks; DataError if the packed file was removed or cut since it was opened
 */
export function readSamples(store: SampleStore, id: string): Float32Array {
  const samples = readInt16Samples(store, id);
  const floats = new Float32Array(samples.length);
  for (let i = 0; i < floats.length; i++) floats[i] = samples[i]! / 32768;
  return floats;
}

/** As `readSamples`, in the stored type. */
export function readInt16Samples(store: SampleStore, id: string): Int16Array {
  const entry = store.entries.get(id);
  if (entry === undefined) {
    throw new UsageError(`The store ${store.path} has no utterance ${JSON.stringify(id)}`, {
      code: 'E_NO_UTTERANCE',
      cure: 'Check the id; utterances whose audio was bad are listed in `store.bad`.',
    });
  }
  return readEntry(store.path, entry);
}

/** Reads an entry's range of a packed file. */
export function readEntry(path: string, entry: Pick<StoreEntry, 'id' | 'offset' | 'length'>): Int16Array {
  const bytes = Buffer.from(new ArrayBuffer(entry.length * 2));
  let read = 0;
  try {
    const file = openSync(path, 'r');
    try {
      while (read < bytes.length) {
        const got = readSync(file, bytes, read, bytes.length - read, entry.offset * 2 + read);
        if (got === 0) break;
        read += got;
      }
    } finally {
      closeSync(file);
    }
  } catch (cause) {
    throw new DataError(`The sample store ${path} cannot be read: ${(cause as Error).message}`, {
      code: 'E_STORE_DAMAGED',
      cure: 'Run the command again: the store is rebuilt.',
      cause,
    });
  }
  if (read < bytes.length) {
    throw new DataError(`The sample store ${path} ends within utterance ${JSON.stringify(entry.id)}`, {
      code: 'E_STORE_DAMAGED',
      cure: 'Run the command again: the store is rebuilt.',
    });
  }
  return fromLittleEndian(bytes);
}
