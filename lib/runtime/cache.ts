/** Where everything that set-up fetches or compiles lives: outside the package, so that a read-only or shared install works. */

import { randomBytes } from 'node:crypto';
import { mkdir, readdir, rename, rm } from 'node:fs/promises';
import { homedir } from 'node:os';
import { basename, dirname, join, resolve } from 'node:path';
import { hasCode, RuntimeError } from '../errors.js';

/** `$SER_CACHE`, else `$XDG_CACHE_HOME/ser-native`, else `~/.cache/ser-native`. */
export function cacheRoot(env: NodeJS.ProcessEnv = process.env): string {
  if (env.SER_CACHE) return resolve(env.SER_CACHE);
  // The XDG specification says that a relative path there is invalid and to be ignored.
  if (env.XDG_CACHE_HOME?.startsWith('/')) return join(env.XDG_CACHE_HOME, 'ser-native');
  return join(homedir(), '.cache', 'ser-native');
}

const PARTIAL = '.partial-';

/** Whether a process of this machine is alive. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return hasCode(error, 'EPERM');
  }
}

/**
 * Fills a folder under a partial name and gives it its final name only when `fill` has returned, so that a folder with the
 * final name is always whole. A failure or a cancellation leaves nothing behind; what a killed process left is removed here.
 *
 * @param target final path; replaced if it exists
 */
export async function writeFolder<T>(target: string, fill: (partial: string) => Promise<T>): Promise<T> {
  const parent = dirname(target);
  const prefix = `${basename(target)}${PARTIAL}`;
  await mkdir(parent, { recursive: true });
  await removeAbandoned(parent, prefix);
  const partial = join(parent, `${prefix}${process.pid}-${randomBytes(3).toString('hex')}`);
  try {
    await mkdir(partial);
    const result = await fill(partial);
    await rm(target, { recursive: true, force: true });
    await rename(partial, target);
    return result;
  } catch (error) {
    await rm(partial, { recursive: true, force: true });
    throw explainDiskError(error, parent);
  }
}

async function removeAbandoned(parent: string, prefix: string): Promise<void> {
  for (const name of await readdir(parent)) {
    if (!name.startsWith(prefix)) continue;
    const pid = Number.parseInt(name.slice(prefix.length), 10);
    if (!isAlive(pid)) await rm(join(parent, name), { recursive: true, force: true });
  }
}

/** Turns errors of a full or read-only disk into a sentence with its cure; passes others through. */
export function explainDiskError(error: unknown, folder: string): unknown {
  if (hasCode(error, 'ENOSPC', 'EDQUOT')) {
    return new RuntimeError(
      `The disk that holds ${folder} is full; what was half-written has been removed.`,
      {
        code: 'E_DISK_FULL',
        cure: 'Free about 2 GB there, or set SER_CACHE to a folder on a larger disk.',
        cause: error,
      },
    );
  }
  if (hasCode(error, 'EACCES', 'EROFS', 'EPERM')) {
    return new RuntimeError(`The cache folder ${folder} cannot be written.`, {
      code: 'E_CACHE_READ_ONLY',
      cure: 'Set SER_CACHE to a folder that you may write.',
      cause: error,
    });
  }
  if (hasCode(error, 'ENOTDIR', 'EEXIST')) {
    return new RuntimeError(`The cache folder ${folder} cannot be made: a file stands in its path.`, {
      code: 'E_CACHE_PATH',
      cure: 'Set SER_CACHE to a folder, or move that file away.',
      cause: error,
    });
  }
  return error;
}
