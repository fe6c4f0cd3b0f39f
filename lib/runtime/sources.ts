/** The sources that the addon is made of, and digests that say when what was made of them is stale. */

import { createHash, type Hash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join, relative, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { LibTorch } from './libtorch.js';

/** Folder of this package: two levels above both `lib/runtime` and `dist/runtime`. */
export const PACKAGE_ROOT = fileURLToPath(new URL('../../', import.meta.url));

const require = createRequire(import.meta.url);

/** Compiled for the CUDA variant only. */
const CUDA_ONLY = /\.(cu|cuh)$|_cuda\.cc$|^cmake\/Cuda\.cmake$/;

/** Digest of all that an addon for this LibTorch is made of. */
export async function sourceHash(libtorch: LibTorch, env: NodeJS.ProcessEnv): Promise<string> {
  const cuda = libtorch.variant === 'cuda';
  const hash = createHash('sha256');
  // A kernel that changed is no reason to compile the CPU variant again.
  await addFiles(hash, (name) => cuda || !CUDA_ONLY.test(name));
  for (const name of ['node-addon-api', 'node-api-headers']) {
    hash.update((require(`${name}/package.json`) as { version: string }).version).update('\0');
  }
  if (cuda) hash.update(`${env.SER_CUDA_ARCHS ?? ''}\0`);
  return hash.update(libtorch.dir).digest('hex').slice(0, 12);
}

/** Digest of what both variants compile the same way: the engine's own units, and the headers of this LibTorch. */
export async function sharedHash(libtorch: LibTorch, compiler: string): Promise<string> {
  const hash = createHash('sha256').update(`${process.platform}-${process.arch}\0${compiler}\0`);
  await addFiles(hash, (name) => !CUDA_ONLY.test(name) && !/^native\/(addon\.cc$|binding\/)/.test(name));
  const include = join(libtorch.dir, 'include');
  const folders = ['ATen', 'c10', join('torch', 'csrc'), join('torch', 'headeronly')];
  for (const folder of folders) {
    const entries = await readdir(join(include, folder), { recursive: true, withFileTypes: true }).catch(
      () => [],
    );
    const files = entries
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath ?? entry.path, entry.name));
    for (const file of files.sort())
      hash
        .update(`${relative(include, file)}\0`)
        .update(await readFile(file))
        .update('\0');
  }
  return hash.digest('hex').slice(0, 12);
}

async function addFiles(hash: Hash, wanted: (name: string) => boolean): Promise<void> {
  const files = ['CMakeLists.txt'];
  for (const folder of ['cmake', 'native']) {
    for (const entry of await readdir(join(PACKAGE_ROOT, folder), { recursive: true, withFileTypes: true })) {
      if (entry.isFile())
        files.push(
          relative(PACKAGE_ROOT, join(entry.parentPath ?? entry.path, entry.name))
            .split(sep)
            .join('/'),
        );
    }
  }
  // Tests and experiments are no part of the addon: an edit there must not cost a build.
  for (const file of files
    .filter((name) => !/^native\/(test|lab)\//.test(name) && /\.(txt|cmake|h|cc|cu|cuh)$/.test(name))
    .filter(wanted)
    .sort()) {
    hash
      .update(`${file}\0`)
      .update(await readFile(join(PACKAGE_ROOT, file)))
      .update('\0');
  }
}
