/** Small folder trees for reader tests. */

import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';

/** Folders made by this test file; `removeTrees` clears them. */
const made: string[] = [];

/** A new, empty folder. */
export async function makeFolder(): Promise<string> {
  const root = await mkdtemp(path.join(tmpdir(), 'ser-native-test-'));
  made.push(root);
  return root;
}

/** Writes files (relative path to content) into a new folder and returns it. */
export async function makeTree(files: Record<string, string>): Promise<string> {
  const root = await makeFolder();
  for (const [relative, content] of Object.entries(files)) {
    const full = path.join(root, relative);
    await mkdir(path.dirname(full), { recursive: true });
    await writeFile(full, content);
  }
  return root;
}

export async function removeTrees(): Promise<void> {
  for (const root of made.splice(0)) await rm(root, { recursive: true, force: true });
}
