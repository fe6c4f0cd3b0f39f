/** A lock between processes, so that two of them do not fetch or compile the same thing at once. */

import { link, mkdir, open, readFile, rename, stat, unlink, utimes } from 'node:fs/promises';
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
  const release = hold(path);
  try {
    return await work();
  } finally {
    await release();
  }
}

export type Claim = { release: () => Promise<void> } | { holder: string };

/** Takes the lock file `path` where it is free or its holder died, else says who holds it; does not wait. */
export async function tryLock(path: string): Promise<Claim> {
  await makeParent(path);
  const holder = await attempt(path);
  return holder === null ? { release: hold(path) } : { holder };
}

/** Whether someone who is alive holds the lock file `path`. */
export async function isLocked(path: string): Promise<boolean> {
  const holder = await readHolder(path);
  return holder !== 'gone' && !holder.stale;
}

/** Keeps a lock that was just taken from looking abandoned, until it is released. */
function hold(path: string): () => Promise<void> {
  const heartbeat = setInterval(() => {
    const now = new Date();
    utimes(path, now, now).catch(() => {});
  }, HEARTBEAT_MS);
  heartbeat.unref();
  return async () => {
    clearInterval(heartbeat);
    await unlink(path).catch(() => {});
  };
}

async function makeParent(path: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true }).catch((error: unknown) => {
    throw explainDiskError(error, dirname(path));
  });
}

async function acquire(path: string, options: LockOptions): Promise<void> {
  let waited = false;
  await makeParent(path);
  for (;;) {
    if (options.signal?.aborted) throw interrupted();
    const holder = await attempt(path);
    if (holder === null) return;
    if (!waited) options.onWait?.(holder);
    waited = true;
    await sleep(POLL_MS, undefined, { signal: options.signal }).catch(() => {});
  }
}

/** One try: null where the lock is ours now, else who holds it. */
async function attempt(path: string): Promise<string | null> {
  for (;;) {
    try {
      const file = await open(path, 'wx');
      await file.writeFile(JSON.stringify({ pid: process.pid, host: hostname() }));
      await file.close();
      return null;
    } catch (error) {
      if (!hasCode(error, 'EEXIST')) throw explainDiskError(error, dirname(path));
    }
    const holder = await readHolder(path);
    if (holder === 'gone') continue;
    if (!holder.stale) return holder.name;
    // Renamed first: of several that find the lock stale, only one wins.
    const taken = `${path}.stale-${process.pid}`;
    if (
      !(await rename(path, taken).then(
        () => true,
        () => false,
      ))
    )
      continue;
    // Another may have won before, and this be its new lock: it goes back.
    const found = await readHolder(taken);
    if (found !== 'gone' && !found.stale) await link(taken, path).catch(() => {});
    await unlink(taken).catch(() => {});
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
