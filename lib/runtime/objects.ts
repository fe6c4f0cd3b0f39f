/** The objects that both variants share, kept in the cache so that the second variant does not compile them again. */

import { existsSync } from 'node:fs';
import { copyFile, readdir, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { writeFolder } from './cache.js';
import type { LibTorch } from './libtorch.js';
import { sharedHash } from './sources.js';

export interface SharedObjects {
  /** Where the cache has or will have them. */
  dir: string;
  /** The archive of them; undefined when they have not been compiled. */
  file?: string;
}

const ARCHIVE = 'libser_shared.a';

export async function findObjects(
  cache: string,
  libtorch: LibTorch,
  compiler: string,
): Promise<SharedObjects> {
  const dir = join(cache, 'objects', `${libtorch.version}-${await sharedHash(libtorch, compiler)}`);
  const file = join(dir, ARCHIVE);
  return existsSync(file) ? { dir, file } : { dir };
}

/** Takes the archive out of a finished build; those of older sources go. */
export async function keepObjects(objects: SharedObjects, build: string): Promise<void> {
  const made = join(build, ARCHIVE);
  if (!existsSync(made)) return;
  const parent = dirname(objects.dir);
  for (const name of await readdir(parent).catch(() => []))
    await rm(join(parent, name), { recursive: true, force: true });
  await writeFolder(objects.dir, (folder) => copyFile(made, join(folder, ARCHIVE)));
}
