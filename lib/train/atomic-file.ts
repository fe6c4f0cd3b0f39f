/** Files that are there whole or not at all, whatever kills the process. */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { DataError, hasCode } from '../errors.js';

let counter = 0;

/**
 * Lets `write` fill a partial file beside `path`, flushes it, and renames it onto `path`. On any failure nothing is left
 * behind and what stood at `path` still stands.
 *
 * @throws DataError `E_DISK_FULL`, `E_READ_ONLY` with the cure; other errors as they come
 */
export async function writeAtomically(
  path: string,
  write: (partial: string) => Promise<void>,
): Promise<void> {
  const partial = `${path}.tmp-${process.pid}-${counter++}`;
  try {
    await write(partial);
    const file = await open(partial, 'r+');
    try {
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(partial, path);
    await syncDirectory(dirname(path));
  } catch (error) {
    await rm(partial, { force: true });
    throw explain(error, path);
  }
}

/** Writes a small text file atomically. */
export function writeTextAtomically(path: string, text: string): Promise<void> {
  return writeAtomically(path, async (partial) => {
    const file = await open(partial, 'w');
    try {
      await file.writeFile(text);
    } finally {
      await file.close();
    }
  });
}

/** A rename is on disk only once its directory is; some platforms cannot sync one, which is no failure. */
async function syncDirectory(path: string): Promise<void> {
  const directory = await open(path, 'r').catch(() => null);
  if (!directory) return;
  try {
    await directory.sync();
  } catch (error) {
    if (!hasCode(error, 'EINVAL', 'EPERM', 'EBADF', 'ENOTSUP')) throw error;
  } finally {
    await directory.close();
  }
}

/** sha256 (hex) of a file. */
export async function fileSha256(path: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(path)) hash.update(chunk as Buffer);
  return hash.digest('hex');
}

function explain(error: unknown, path: string): unknown {
  if (hasCode(error, 'ENOSPC', 'EFBIG', 'EDQUOT')) {
    return new DataError(`no room left to write ${path}`, {
      code: 'E_DISK_FULL',
      cure: 'Free some space, or name another folder with --out; then run again with --resume.',
      cause: error,
    });
  }
  if (hasCode(error, 'EACCES', 'EPERM', 'EROFS')) {
    return new DataError(`${path} cannot be written: permission denied`, {
      code: 'E_READ_ONLY',
      cure: 'Name a folder you may write to with --out.',
      cause: error,
    });
  }
  return error;
}
