/** The store's index file: what is written, and what is checked before a word of it is believed. */
import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { hasCode } from '../errors.js';
import { type BadAudio, MIN_SAMPLES, SAMPLE_RATE, type StoreEntry } from './types.js';

/** Raised whenever the meaning of the packed samples changes (resampler, rounding): older stores are then rebuilt. */
export const STORE_VERSION = 1;
export const INDEX_FILE = 'index.json';

/** What tells, without reading it, that a source file is the one that was decoded. Demo URIs have neither. */
export interface SourceStamp {
  path: string;
  size?: number;
  mtimeMs?: number;
}

export type IndexEntry = StoreEntry & SourceStamp;
export type IndexedBad = BadAudio & SourceStamp;

export interface StoreIndex {
  version: number;
  /** Corpus. */
  name: string;
  sampleRate: number;
  /** Packed file beside the index. */
  file: string;
  /** Samples in it. */
  samples: number;
  entries: IndexEntry[];
  /** Files that were found bad and would be again. */
  bad: IndexedBad[];
}

export interface LoadedIndex {
  index: StoreIndex;
  /** Absolute path of the packed file. */
  path: string;
}

/**
 * Reads an index and checks it against its packed file.
 * @returns the index; `undefined` where there is none; or a sentence that says why it cannot be used
 */
export async function loadIndex(directory: string): Promise<LoadedIndex | string | undefined> {
  let text: string;
  try {
    text = await readFile(join(directory, INDEX_FILE), 'utf8');
  } catch (error) {
    return hasCode(error, 'ENOENT', 'ENOTDIR')
      ? undefined
      : `its index cannot be read (${(error as Error).message})`;
  }
  let index: StoreIndex;
  try {
    index = JSON.parse(text) as StoreIndex;
  } catch {
    return 'its index is no JSON';
  }
  const fault = faultOf(index);
  if (fault !== undefined) return fault;
  const path = join(directory, index.file);
  try {
    const { size } = await stat(path);
    if (size !== index.samples * 2) return `its packed file has ${size} bytes, expected ${index.samples * 2}`;
  } catch {
    return 'its packed file is missing';
  }
  return { index, path };
}

function faultOf(index: StoreIndex): string | undefined {
  if (typeof index !== 'object' || index === null) return 'its index is no object';
  if (index.version !== STORE_VERSION)
    return `it has version ${index.version}, this program writes ${STORE_VERSION}`;
  if (index.sampleRate !== SAMPLE_RATE) return `it is at ${index.sampleRate} Hz, expected ${SAMPLE_RATE}`;
  if (!Number.isSafeInteger(index.samples) || !Array.isArray(index.entries) || !Array.isArray(index.bad)) {
    return 'its index lacks a part';
  }
  // The name is joined to a path: nothing but the names that we write.
  if (!/^samples-[0-9a-f]{16}\.i16$/.test(index.file)) return 'its index names no packed file';
  for (const entry of index.entries) {
    const { id, offset, length } = entry;
    const fits =
      typeof id === 'string' &&
      Number.isSafeInteger(offset) &&
      Number.isSafeInteger(length) &&
      offset >= 0 &&
      length >= MIN_SAMPLES &&
      offset + length <= index.samples;
    if (!fits) return `its entry ${JSON.stringify(id)} lies outside the packed file`;
  }
  return undefined;
}

/** One entry a line: a person can read it, and `grep` finds an utterance. */
export function formatIndex(index: StoreIndex): string {
  const { entries, bad, ...head } = index;
  const lines = (rows: unknown[]) =>
    rows.length === 0 ? '[]' : `[\n${rows.map((row) => JSON.stringify(row)).join(',\n')}\n]`;
  return `${JSON.stringify(head).slice(0, -1)},\n"entries": ${lines(entries)},\n"bad": ${lines(bad)}}\n`;
}
