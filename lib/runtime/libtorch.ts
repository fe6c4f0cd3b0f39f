/** LibTorch on disk: what a folder must have, where the cache keeps it, and how it is found. */

import { existsSync } from 'node:fs';
import { readdir, readFile, realpath } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { hasCode, RuntimeError } from '../errors.js';
import { DEFAULT_LIBTORCH, isSupported, NEWEST_LIBTORCH, OLDEST_LIBTORCH } from './pins.js';

export type Variant = 'cpu' | 'cuda';

export interface LibTorch {
  /** Folder with `include/` and `lib/`. */
  dir: string;
  /** e.g. `2.13.0`. */
  version: string;
  /** What the addon uses of it. */
  variant: Variant;
  /** Where it came from, for people. */
  origin: string;
}

/** Kept beside an unpacked LibTorch as `libtorch.json`; or alone, naming a folder that was given with `--from`. */
export interface LibTorchRecord {
  schema: 1;
  version: string;
  variant: Variant;
  /** Relative to the record, or absolute for a folder of the user's. */
  dir: string;
  origin: string;
  /** Digest of the wheel or zip; absent for a folder. */
  sha256?: string;
}

export const RECORD_FILE = 'libtorch.json';

export function libTorchFolder(cache: string): string {
  return join(cache, 'libtorch');
}

function libraryFile(name: string): string {
  if (process.platform === 'win32') return `${name}.dll`;
  return process.platform === 'darwin' ? `lib${name}.dylib` : `lib${name}.so`;
}

/**
 * The folder with LibTorch in or just below `path`: it may be LibTorch itself, a Python's torch folder, the site-packages
 * around one, or an unpacked archive. Undefined when there is none.
 */
export function locateLibTorch(path: string): string | undefined {
  for (const dir of [path, join(path, 'torch'), join(path, 'libtorch')]) {
    if (existsSync(join(dir, 'include', 'ATen')) && existsSync(join(dir, 'lib', libraryFile('torch_cpu'))))
      return resolve(dir);
  }
  return undefined;
}

/** Whether a LibTorch folder has the CUDA backend. */
export function hasCuda(dir: string): boolean {
  return ['torch_cuda', 'c10_cuda'].every((name) => existsSync(join(dir, 'lib', libraryFile(name))));
}

/**
 * Major version of the CUDA runtime that a LibTorch folder uses, by the name of libcudart beside it; undefined where it takes
 * the system's.
 */
export async function cudaMajor(dir: string): Promise<number | undefined> {
  const packages = join(dir, '..', 'nvidia');
  const folders = (await readdir(packages).catch(() => [])).map((name) => join(packages, name, 'lib'));
  for (const folder of [join(dir, 'lib'), ...folders]) {
    for (const name of await readdir(folder).catch(() => [])) {
      const major = name.match(/^libcudart(?:-\w+)?\.so\.(\d+)/)?.[1];
      if (major !== undefined) return Number(major);
    }
  }
  const text = await readFile(join(dir, 'version.py'), 'utf8').catch(() => '');
  const major = text.match(/^cuda\b.*=\s*'(\d+)\./m)?.[1];
  return major === undefined ? undefined : Number(major);
}

/** The release of a LibTorch folder, from its header; throws `E_LIBTORCH` when the header is missing. */
export async function readVersion(dir: string): Promise<string> {
  const headers = ['torch/csrc/api/include/torch/version.h', 'torch/headeronly/version.h'];
  for (const header of headers) {
    const text = await readFile(join(dir, 'include', header), 'utf8').catch((error) => {
      if (hasCode(error, 'ENOENT')) return '';
      throw error;
    });
    const number = (part: string): string | undefined =>
      text.match(new RegExp(`TORCH_VERSION_${part} (\\d+)`))?.[1];
    const parts = [number('MAJOR'), number('MINOR'), number('PATCH')];
    if (parts.every((part) => part !== undefined)) return parts.join('.');
  }
  throw new RuntimeError(`The LibTorch in ${dir} has no version header.`, {
    code: 'E_LIBTORCH',
    cure: 'The folder is incomplete: fetch LibTorch again, or unpack the whole archive.',
  });
}

/** Describes the LibTorch in or below a folder of the user's; throws with the cure when it cannot be used. */
export async function inspectLibTorch(
  path: string,
  origin: string,
  variant: Variant = 'cpu',
): Promise<LibTorch> {
  const found = locateLibTorch(path);
  if (found === undefined) {
    throw new RuntimeError(
      `${origin} names ${path}, which has no LibTorch: expected include/ATen and lib/${libraryFile('torch_cpu')}.`,
      {
        code: 'E_LIBTORCH',
        cure: "Name an unpacked libtorch folder or a Python's site-packages/torch, or leave it out and set-up fetches LibTorch.",
      },
    );
  }
  const dir = await realpath(found);
  const version = await readVersion(dir);
  if (!isSupported(version)) {
    throw new RuntimeError(
      `${origin} names LibTorch ${version}; ${OLDEST_LIBTORCH} to ${NEWEST_LIBTORCH} are supported.`,
      {
        code: 'E_LIBTORCH_VERSION',
        cure: 'Name a supported release, or leave it out and set-up fetches one.',
      },
    );
  }
  if (variant === 'cuda' && !hasCuda(dir)) {
    throw new RuntimeError(
      `${origin} names ${dir}, which is a CPU-only LibTorch: ${libraryFile('torch_cuda')} is not in lib/.`,
      {
        code: 'E_LIBTORCH',
        cure: 'Name a CUDA build, or leave it out and set-up fetches one; --variant cpu uses this one.',
      },
    );
  }
  return { dir, version, variant, origin };
}

/**
 * `SER_LIBTORCH` if set, else what the cache holds; undefined when there is none. Never fetches. A CUDA build serves the CPU
 * variant as well, so that a machine with a GPU fetches one LibTorch.
 */
export async function findLibTorch(
  cache: string,
  variant: Variant,
  env: NodeJS.ProcessEnv = process.env,
): Promise<LibTorch | undefined> {
  if (env.SER_LIBTORCH) return await inspectLibTorch(env.SER_LIBTORCH, 'SER_LIBTORCH', variant);
  const folder = libTorchFolder(cache);
  const chosen = await readRecord(join(folder, `chosen-${variant}`));
  if (chosen !== undefined) return chosen;
  const names = await readdir(folder).catch(() => []);
  const fitting = names.filter((name) => name.endsWith(`-${variant}`) && !name.startsWith('chosen-')).sort();
  // The release that set-up would fetch, else the newest.
  const isDefault = (name: string) => Number(name.startsWith(`${DEFAULT_LIBTORCH}-`));
  for (const name of fitting.reverse().sort((a, b) => isDefault(b) - isDefault(a))) {
    const record = await readRecord(join(folder, name));
    if (record !== undefined) return record;
  }
  if (variant === 'cuda') return undefined;
  const withCuda = await findLibTorch(cache, 'cuda', env);
  return withCuda === undefined ? undefined : { ...withCuda, variant };
}

/** Reads the record in `folder`; undefined when it is missing, damaged, or names a folder that has gone. */
export async function readRecord(folder: string): Promise<LibTorch | undefined> {
  let record: LibTorchRecord;
  try {
    record = JSON.parse(await readFile(join(folder, RECORD_FILE), 'utf8')) as LibTorchRecord;
  } catch {
    return undefined;
  }
  if (record.schema !== 1) return undefined;
  const dir = locateLibTorch(resolve(folder, record.dir));
  if (dir === undefined || !isSupported(record.version)) return undefined;
  return { dir, version: record.version, variant: record.variant, origin: record.origin };
}
