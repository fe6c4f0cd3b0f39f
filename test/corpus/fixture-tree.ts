/** Stand-ins for licensed corpora, written by `scripts/fixtures/<corpus>.mjs` into temporary folders. */

import { rename } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

import { expect } from '@jest/globals';

import { DataError } from '../../lib/errors.js';
import { makeFolder } from './temporary-tree.js';

/** The generator's own truth about an utterance; what else a corpus has is in further fields. */
export interface FixtureUtterance {
  id: string;
  /** Below the root. */
  path: string;
  speaker: string;
  gender: 'male' | 'female';
  session?: string;
  /** The source's label. */
  label: string;
}

export interface FixtureTree<T extends FixtureUtterance = FixtureUtterance> {
  root: string;
  files: number;
  bytes: number;
  /** Every utterance that has audio and a label, in no particular order. */
  utterances: T[];
}

interface FixtureModule<T extends FixtureUtterance> {
  write(root: string, options: Record<string, unknown>): Omit<FixtureTree<T>, 'root'>;
}

const scripts = fileURLToPath(new URL('../../scripts/fixtures/', import.meta.url));

/** Writes a fixture corpus into a new folder; `removeTrees` of `temporary-tree` clears it. */
export async function fixtureTree<T extends FixtureUtterance = FixtureUtterance>(
  corpus: string,
  options: Record<string, unknown> = {},
): Promise<FixtureTree<T>> {
  // A path that is computed: the scripts are plain JavaScript, without types to import.
  const location = pathToFileURL(path.join(scripts, `${corpus}.mjs`)).href;
  const { write } = (await import(location)) as FixtureModule<T>;
  const root = await makeFolder();
  return { root, ...write(root, options) };
}

/** Takes a file or folder out of a tree, runs `use`, and puts it back: a copy that lacks it. */
export async function lacking<R>(tree: FixtureTree, relative: string, use: () => Promise<R>): Promise<R> {
  const place = path.join(tree.root, relative);
  const aside = path.join(await makeFolder(), 'aside');
  await rename(place, aside);
  try {
    return await use();
  } finally {
    await rename(aside, place);
  }
}

/** The error that a reading ends with, which must be one about the data. */
export async function refusalOf(reading: Promise<unknown>): Promise<DataError> {
  const error: unknown = await reading.catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(DataError);
  return error as DataError;
}

/** How many of a list there are of each kind. */
export function countBy<T>(list: readonly T[], kindOf: (one: T) => string): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const one of list) counts[kindOf(one)] = (counts[kindOf(one)] ?? 0) + 1;
  return counts;
}
