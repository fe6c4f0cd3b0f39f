/** Loads the addon into this env (the main thread or a worker), setting it up first where that has not been done. */

import { createRequire } from 'node:module';
import type { Addon, CudaReport } from '../../bindings.js';
import { InterruptedError, RuntimeError, UsageError } from '../errors.js';
import { chooseVariant, type DeviceChoice, type VariantPlan } from './choose-variant.js';
import type { Variant } from './libtorch.js';
import { gpuFailure } from './probe.js';
import { type SetupOptions, type SetupResult, setup } from './setup.js';
import type { SetupListener } from './setup-event.js';

/** Version of `bindings.d.ts` that this package speaks. */
export const ADDON_API = 2;

export interface LoadOptions extends Pick<SetupOptions, 'onProgress' | 'signal' | 'confirm'> {
  /** Default `auto`. */
  device?: DeviceChoice;
}

export interface LoadedAddon {
  addon: Addon;
  variant: Variant;
  /** What to compute on for the device asked for. */
  device: 'cpu' | 'cuda';
  /** The GPUs, where `device` is `cuda`. */
  gpus?: CudaReport;
}

let loading: Promise<LoadedAddon> | undefined;

/**
 * The addon, loaded once per env. The first call sets up what is missing and prints its plan and progress to stderr, unless
 * `onProgress` takes them. The engine thread is not started: `addon.start()` does that; it is stopped when the env exits.
 *
 * The first call also decides the variant. One with CUDA serves `cpu` as well.
 *
 * @throws what `setup` throws; RuntimeError `E_DEVICE` or `E_NO_CUDA_VARIANT` where `cuda` was asked for and cannot be had;
 *   UsageError `E_ENGINE_OPTIONS` for `cuda` after the CPU variant was loaded. After a failure the next call tries again.
 */
export async function loadAddon(options: LoadOptions = {}): Promise<LoadedAddon> {
  const { device = 'auto' } = options;
  if (loading === undefined) {
    loading = load(device, options).catch((error: unknown) => {
      loading = undefined;
      throw error;
    });
    return await loading;
  }
  const loaded = await loading;
  if (device === 'auto') return loaded;
  if (device === 'cpu') return { ...loaded, device };
  if (loaded.variant === 'cpu') {
    throw new UsageError(
      'device "cuda" was asked for, and this process has loaded the CPU variant already.',
      {
        code: 'E_ENGINE_OPTIONS',
        cure: 'Ask for "cuda" the first time that the process opens an engine.',
      },
    );
  }
  return { ...loaded, device, gpus: requireDevice(loaded.addon) };
}

async function load(choice: DeviceChoice, options: LoadOptions): Promise<LoadedAddon> {
  let { onProgress } = options;
  if (onProgress === undefined) {
    // The one look from here into the command line's code, and only where set-up is about to print.
    const { setupReporter } = await import('../cli/setup-progress.js');
    onProgress = setupReporter();
  }
  const plan = await chooseVariant(choice);
  const { variant, result } = await setUp(plan, choice, { ...options, onProgress });
  const addon = open(result.addon.dir);
  if (variant === 'cpu' || plan.device === 'cpu') return { addon, variant, device: 'cpu' };
  if (choice === 'cuda') {
    if (result.verdict.gpu?.ok === false) throw gpuFailure(result.verdict);
    const gpus = requireDevice(addon);
    tellOfOthers(gpus, onProgress);
    return { addon, variant, device: 'cuda', gpus };
  }
  const gpus = addon.cudaDevices();
  const why = result.verdict.gpu?.ok === false ? result.verdict.gpu.reason : gpus.problem;
  if (why === undefined) {
    tellOfOthers(gpus, onProgress);
    return { addon, variant, device: 'cuda', gpus };
  }
  onProgress({ type: 'note', text: `Computing on the CPU: ${why}.` });
  return { addon, variant, device: 'cpu' };
}

/** Of GPUs of one kind any will do; of different ones the user may have meant another. */
function tellOfOthers({ devices, chosen }: CudaReport, onProgress: SetupListener): void {
  const own = devices.find((device) => device.index === chosen);
  const others = devices.filter((device) => device !== own && device.name !== own?.name);
  if (own === undefined || others.length === 0) return;
  onProgress({
    type: 'note',
    text: `Computing on GPU ${own.index} (${own.name}), not on ${others.map((gpu) => `GPU ${gpu.index} (${gpu.name})`).join(', ')}; CUDA_VISIBLE_DEVICES chooses.`,
  });
}

/** Sets up what was chosen. Gigabytes for a GPU are fetched only when somebody has said yes. */
async function setUp(
  plan: VariantPlan,
  choice: DeviceChoice,
  options: LoadOptions & { onProgress: SetupListener },
): Promise<{ variant: Variant; result: SetupResult }> {
  const { onProgress, signal, confirm = await terminalQuestion() } = options;
  if (choice === 'cuda' && plan.offer && confirm === undefined) {
    throw new RuntimeError('device "cuda" was asked for, and the CUDA variant is not set up.', {
      code: 'E_NO_CUDA_VARIANT',
      cure: 'Run `npx ser-native setup --variant cuda`; it fetches about 3 GB.',
    });
  }
  if (choice === 'auto' && plan.offer && confirm !== undefined) {
    try {
      return { variant: 'cuda', result: await setup({ variant: 'cuda', onProgress, signal, confirm }) };
    } catch (error) {
      if (!(error instanceof InterruptedError) || error.code !== 'E_DECLINED') throw error;
    }
  }
  if (plan.note !== undefined) onProgress({ type: 'note', text: plan.note });
  const { variant } = plan;
  return { variant, result: await setup({ variant, onProgress, signal, confirm }) };
}

/** Undefined where nobody is there to answer. */
async function terminalQuestion(): Promise<SetupOptions['confirm']> {
  if (!process.stdin.isTTY || !process.stderr.isTTY) return undefined;
  const { confirmDownload } = await import('../cli/confirm-download.js');
  return confirmDownload;
}

function open(dir: string): Addon {
  // Node loads native code through require only. The directory was chosen above, so node-gyp-build finds one build in it.
  const require = createRequire(import.meta.url);
  const nodeGypBuild = require('node-gyp-build') as (dir: string) => Addon;
  const addon = nodeGypBuild(dir);
  const { api } = addon.buildInfo();
  if (api !== ADDON_API) {
    throw new RuntimeError(
      `The addon in ${dir} speaks version ${api} of the contract; version ${ADDON_API} was expected.`,
      {
        code: 'E_ADDON_API',
        cure: 'Run `npx ser-native setup --force`.',
      },
    );
  }
  return addon;
}

function requireDevice(addon: Addon): CudaReport {
  const report = addon.cudaDevices();
  if (report.chosen !== undefined) return report;
  throw new RuntimeError(`The GPU cannot be used: ${report.problem ?? 'none was found'}.`, {
    code: 'E_DEVICE',
    cure: 'Run `npx ser-native doctor`; or compute on the CPU: --device cpu.',
    details: report,
  });
}
