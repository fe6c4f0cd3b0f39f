/** A lock between processes, so that two of them do not fetch or compile the same thing at once. */

import { mkdir, open, readFile, rename, stat, unlink, utimes } from 'node:fs/promises';
import { hostname } from 'node:os';
import { dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { hasCode, InterruptedError } from '../errors.js';
import { explainDiskError, isAlive } from './cache.js';

const HEARTBEAT_MS = 10_000;
/** A holder on another machine (a shared home folder) that has not touched its lock for so long is gone. */
const STALE_MS = 60_000;
const POLL_MS = 200;

export interface LockOptions {
  signal?: AbortSignal;
  /** Called once when another process holds the lock. */
  onWait?: (holder: string) => void;
}

/** Runs `work` while holding the lock file `path`; waits for another holder, and takes over from one that died. */
export async function withLock<T>(path: string, options: LockOptions, work: () => Promise<T>): Promise<T> {
  await acquire(path, options);
  const heartbeat = setInterval(() => {
    const now = new Date();
    utimes(path, now, now).catch(() => {});
  }, HEARTBEAT_MS);
  heartbeat.unref();
  try {
    return await work();
  } finally {
    clearInterval(heartbeat);
    await unlink(path).catch(() => {});
  }
}

async function acquire(path: string, options: LockOptions): Promise<void> {
  let waited = false;
  await mkdir(dirname(path), { recursive: true }).catch((error: unknown) => {
    throw explainDiskError(error, dirname(path));
  });
  for (;;) {
    if (options.signal?.aborted) throw interrupted();
    try {
      const file = await open(path, 'wx');
      await file.writeFile(JSON.stringify({ pid: process.pid, host: hostname() }));
      await file.close();
      return;
    } catch (error) {
      if (!hasCode(error, 'EEXIST')) throw explainDiskError(error, dirname(path));
    }
    const holder = await readHolder(path);
    if (holder === 'gone') continue;
    if (holder.stale) {
      // Renamed first: of several that find the lock stale, only one wins, and none unlinks a lock that is new again.
      const taken = `${path}.stale-${process.pid}`;
      await rename(path, taken)
        .then(() => unlink(taken))
        .catch(() => {});
      continue;
    }
    if (!waited) options.onWait?.(holder.name);
    waited = true;
    await sleep(POLL_MS, undefined, { signal: options.signal }).catch(() => {});
  }
}

async function readHolder(path: string): Promise<'gone' | { stale: boolean; name: string }> {
  try {
    const { mtimeMs } = await stat(path);
    const text = await readFile(path, 'utf8');
    const age = Date.now() - mtimeMs;
    let holder: { pid?: number; host?: string } = {};
    try {
      holder = JSON.parse(text) as typeof holder;
    } catch {
      // Created and not yet written: give its owner the time to do so.
    }
    const name = `process ${holder.pid ?? '?'} on ${holder.host ?? '?'}`;
    if (holder.pid !== undefined && holder.host === hostname()) return { stale: !isAlive(holder.pid), name };
    return { stale: age > STALE_MS, name };
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return 'gone';
    throw error;
  }
}

function interrupted(): InterruptedError {
  return new InterruptedError('Set-up was stopped while it waited for another process.', {
    code: 'E_INTERRUPTED',
  });
}
