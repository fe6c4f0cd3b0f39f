/** The addon under test: the one that set-up built, or the file that `SER_ADDON` names (a build with sanitizers, say). */
import { createRequire } from 'node:module';
import type { Addon } from '../../bindings.js';
import { openEngine } from '../../lib/native/engine.js';
import { type SerEngine, startEngine } from '../../lib/native/ser-engine.js';
import { loadAddon } from '../../lib/runtime/load.js';

export async function rawAddon(): Promise<Addon> {
  const path = process.env.SER_ADDON;
  return path ? (createRequire(import.meta.url)(path) as Addon) : (await loadAddon({ device: 'cpu' })).addon;
}

/** One thread: OpenMP's threads wait by spinning, which is slow where several test files share few cores. */
export const OPTIONS = { threads: 1, device: 'cpu', deterministic: true } as const;

export async function testEngine(): Promise<SerEngine> {
  return process.env.SER_ADDON ? startEngine(await rawAddon(), OPTIONS, OPTIONS) : openEngine(OPTIONS);
}
