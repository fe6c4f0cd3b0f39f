/** The CUDA compiler: one of the machine's, or NVIDIA's own wheels of it, which pip puts into the cache. */

import { existsSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { delimiter, join, resolve } from 'node:path';
import { RuntimeError } from '../errors.js';
import { writeFolder } from './cache.js';
import { type FetchContext, requireSpace } from './fetch.js';
import { findPip, installPackages } from './pip.js';
import { runCommand } from './run-command.js';

export interface Nvcc {
  program: string;
  /** e.g. `13.0`. */
  release: string;
}

/** Compiler, runtime headers and the C++ headers that these include, of the release that PyTorch's wheels are built with. */
const PACKAGES: Record<number, string> = { 13: 'cuda-toolkit[nvcc,cudart,cccl]==13.0.3' };
export const NVCC_BYTES = 115e6;
const UNPACKED_BYTES = 300e6;
const CHECK_MS = 20_000;

/**
 * The first nvcc of this major version: `CUDACXX`, `CUDA_HOME`, `CUDA_PATH`, /usr/local/cuda, PATH, then the cache. Of any
 * version when `major` is undefined.
 */
export async function findNvcc(
  cache: string,
  major: number | undefined,
  env: NodeJS.ProcessEnv = process.env,
): Promise<Nvcc | undefined> {
  const homes = [env.CUDA_HOME, env.CUDA_PATH, '/usr/local/cuda'].filter(
    (home) => home !== undefined && home !== '',
  );
  const candidates = [
    ...(env.CUDACXX ? [resolve(env.CUDACXX)] : []),
    ...homes.map((home) => join(home as string, 'bin', 'nvcc')),
    // By its path: CMake would take a bare name for a file of its own folder.
    ...(env.PATH ?? '')
      .split(delimiter)
      .filter((folder) => folder !== '')
      .map((folder) => join(folder, 'nvcc')),
    ...(await cachedCompilers(cache)),
  ];
  for (const program of candidates) {
    if (!existsSync(program)) continue;
    const result = await runCommand(program, ['--version'], { env, timeoutMs: CHECK_MS });
    const release = result.status === 0 ? result.stdout.match(/release (\d+\.\d+)/)?.[1] : undefined;
    if (release !== undefined && (major === undefined || Number.parseInt(release, 10) === major))
      return { program, release };
  }
  return undefined;
}

async function cachedCompilers(cache: string): Promise<string[]> {
  const tools = join(cache, 'tools');
  const names = (await readdir(tools).catch(() => [])).filter((name) => /^nvcc-\d+$/.test(name));
  return names.map((name) => join(tools, name, 'nvidia', `cu${name.slice('nvcc-'.length)}`, 'bin', 'nvcc'));
}

/** Puts the compiler into the cache; needs no toolkit and no rights of an administrator. */
export async function fetchNvcc(major: number, context: FetchContext): Promise<Nvcc> {
  const requirement = PACKAGES[major];
  const pip = requirement === undefined ? undefined : await findPip(context.env);
  if (requirement === undefined || pip === undefined) {
    throw new RuntimeError(
      `No nvcc of CUDA ${major} was found, which LibTorch's kernels are compiled with.`,
      {
        code: 'E_NO_NVCC',
        cure: `Install the CUDA toolkit ${major} and set CUDA_HOME to its folder${requirement === undefined ? '' : ', or install pip, with which set-up fetches the compiler'}.`,
      },
    );
  }
  await requireSpace(context.cache, NVCC_BYTES + UNPACKED_BYTES);
  context.onEvent({ type: 'stage', stage: 'download', text: `Downloading ${requirement} with pip` });
  const folder = join(context.cache, 'tools', `nvcc-${major}`);
  await writeFolder(folder, async (partial) => {
    await installPackages(pip, requirement, partial, {
      env: context.env,
      signal: context.signal,
      onBytes: (done) => context.onEvent({ type: 'progress', stage: 'download', done, unit: 'bytes' }),
    });
  });
  const found = await findNvcc(context.cache, major, { PATH: context.env.PATH });
  if (found !== undefined) return found;
  throw new RuntimeError(`The nvcc that pip put into ${folder} does not run.`, {
    code: 'E_NO_NVCC',
    cure: `Install the CUDA toolkit ${major} and set CUDA_HOME to its folder.`,
  });
}
