import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { cacheRoot, writeFolder } from '../../lib/runtime/cache.js';
import { withLock } from '../../lib/runtime/lock.js';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'ser-lock-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** No process has it: above the largest pid that Linux gives. */
const DEAD_PID = 2 ** 22 + 1;

test('two holders never overlap, and the second is told whom it waits for', async () => {
  const path = join(folder, 'setup.lock');
  const order: string[] = [];
  const waits: string[] = [];
  const first = withLock(path, {}, async () => {
    order.push('first in');
    await sleep(300);
    order.push('first out');
  });
  await sleep(50);
  await withLock(path, { onWait: (holder) => waits.push(holder) }, async () => void order.push('second in'));
  await first;
  expect(order).toEqual(['first in', 'first out', 'second in']);
  expect(waits).toEqual([`process ${process.pid} on ${hostname()}`]);
  expect(existsSync(path)).toBe(false);
});

test('the lock of a process that died is taken over', async () => {
  const path = join(folder, 'setup.lock');
  writeFileSync(path, JSON.stringify({ pid: DEAD_PID, host: hostname() }));
  await expect(withLock(path, {}, async () => 'done')).resolves.toBe('done');
  expect(readdirSync(folder)).toEqual([]);
});

test('an abort ends the wait, and the holder keeps its lock', async () => {
  const path = join(folder, 'setup.lock');
  writeFileSync(path, JSON.stringify({ pid: process.pid, host: hostname() }));
  await expect(
    withLock(path, { signal: AbortSignal.timeout(100) }, async () => 'done'),
  ).rejects.toMatchObject({ exitCode: 130 });
  expect(existsSync(path)).toBe(true);
});

test('a failed work gives the lock back', async () => {
  const path = join(folder, 'setup.lock');
  await expect(withLock(path, {}, () => Promise.reject(new Error('no')))).rejects.toThrow('no');
  expect(existsSync(path)).toBe(false);
});

test('a folder appears whole or not at all, and what a killed process left is removed', async () => {
  const target = join(folder, 'thing');
  const fill = async (partial: string): Promise<void> => writeFileSync(join(partial, 'a'), '1');
  await expect(
    writeFolder(target, (partial) => fill(partial).then(() => Promise.reject(new Error('no')))),
  ).rejects.toThrow('no');
  expect(readdirSync(folder)).toEqual([]);
  writeFileSync(join(folder, `thing.partial-${DEAD_PID}-abc`), '');
  await writeFolder(target, fill);
  expect(readdirSync(folder)).toEqual(['thing']);
});

test('a full disk is said in a sentence', async () => {
  const full = (): Promise<never> => Promise.reject(Object.assign(new Error('write'), { code: 'ENOSPC' }));
  await expect(writeFolder(join(folder, 'thing'), full)).rejects.toMatchObject({
    code: 'E_DISK_FULL',
    cure: expect.stringContaining('SER_CACHE'),
  });
  expect(readdirSync(folder)).toEqual([]);
});

test('the cache is where SER_CACHE, XDG_CACHE_HOME or the home folder say', () => {
  expect(cacheRoot({ SER_CACHE: '/a', XDG_CACHE_HOME: '/b' })).toBe('/a');
  expect(cacheRoot({ XDG_CACHE_HOME: '/b' })).toBe('/b/ser-native');
  expect(cacheRoot({ XDG_CACHE_HOME: 'relative' })).toMatch(/\.cache\/ser-native$/);
});

test('a file where the cache folder should be is told, not waited for', async () => {
  writeFileSync(join(folder, 'cache'), '');
  const failure = withLock(join(folder, 'cache', 'setup.lock'), {}, async () => {});
  await expect(failure).rejects.toMatchObject({ code: 'E_CACHE_PATH', exitCode: 4 });
});
