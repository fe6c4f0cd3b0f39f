/** Stand-ins for licensed corpora, written by `scripts/fixtures/<corpus>.mjs` into temporary folders. */

import path from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

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
