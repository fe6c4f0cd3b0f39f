/** Which variant a process loads for the device that it was asked to compute on. Looks only; sets nothing up. */

import { existsSync } from 'node:fs';
import { addonPlace } from './build.js';
import { cacheRoot } from './cache.js';
import { findDriver, requireGpu } from './gpu.js';
import { findLibTorch, type Variant } from './libtorch.js';
import { whatIsReady } from './setup.js';

export type DeviceChoice = 'auto' | 'cpu' | 'cuda';

export interface VariantPlan {
  variant: Variant;
  device: 'cpu' | 'cuda';
  /** For the user, where something better could be had or something failed. */
  note?: string;
  /** This machine's GPU could be used by a variant that has not been fetched: ask before it is. */
  offer?: boolean;
}

/**
 * @throws RuntimeError `E_DEVICE` or `E_NO_CUDA_VARIANT` (exit code 4) where `cuda` was asked for and cannot be had
 */
export async function chooseVariant(
  choice: DeviceChoice,
  env: NodeJS.ProcessEnv = process.env,
): Promise<VariantPlan> {
  const cache = cacheRoot(env);
  if (choice === 'cuda') {
    requireGpu(await findDriver({ env }));
    return { variant: 'cuda', device: 'cuda', offer: (await findLibTorch(cache, 'cuda', env)) === undefined };
  }
  const cpu = await whatIsReady(cache, 'cpu', env);
  if (choice === 'cpu' && cpu !== undefined) return { variant: 'cpu', device: 'cpu' };
  const hasCuda = await hasCudaAddon(cache, env);
  if (choice === 'cpu') return { variant: hasCuda ? 'cuda' : 'cpu', device: 'cpu' };
  if (!hasCuda) {
    // What is set up is used as it is; `doctor` tells that there is something faster.
    if (cpu !== undefined) return { variant: 'cpu', device: 'cpu' };
    const driver = await findDriver({ env });
    if (driver.problem !== undefined || process.platform !== 'linux')
      return { variant: 'cpu', device: 'cpu' };
    const names = driver.gpus.map((gpu) => gpu.name).join(', ');
    return {
      variant: 'cpu',
      device: 'cpu',
      offer: true,
      note: `This machine has a GPU (${names}); \`npx ser-native setup --variant cuda\` sets ser-native up for it.`,
    };
  }
  const driver = await findDriver({ env });
  if (driver.problem !== undefined) {
    const plan: VariantPlan = { variant: cpu === undefined ? 'cuda' : 'cpu', device: 'cpu' };
    // A node without a driver is as it should be; a driver that does not do is worth a line.
    return driver.version === null ? plan : { ...plan, note: `Computing on the CPU: ${driver.problem}.` };
  }
  // No verdict about this driver, or a bad one: set-up tries again, and the engine decides by what comes of it.
  return { variant: 'cuda', device: 'cuda' };
}

/**
 * Compiled, whether or not it has been tried with the present driver: it may have been set up on another node of a cluster, or
 * the driver be a new one.
 */
async function hasCudaAddon(cache: string, env: NodeJS.ProcessEnv): Promise<boolean> {
  // SER_LIBTORCH may name a CPU-only one, which is an error only where CUDA was asked for.
  const libtorch = await findLibTorch(cache, 'cuda', env).catch(() => undefined);
  return libtorch !== undefined && existsSync((await addonPlace(cache, libtorch, env)).file);
}
