/**
 * Set-up: LibTorch found or fetched, the addon compiled for it and probed. Everything is kept in the cache, so that running it
 * again does nothing. The first command that needs the addon runs it by itself.
 */

import { existsSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { InterruptedError, RuntimeError, UsageError } from '../errors.js';
import { type AddonPlace, addonPlace, buildAddon } from './build.js';
import { cacheRoot } from './cache.js';
import { downloadBytes, type FetchContext, fetchLibTorch, takeLibTorch } from './fetch.js';
import { type Driver, findDriver, PINNED_CUDA } from './gpu.js';
import { cudaMajor, findLibTorch, hasCuda, type LibTorch, locateLibTorch, type Variant } from './libtorch.js';
import { withLock } from './lock.js';
import { fetchNvcc, findNvcc, NVCC_BYTES } from './nvcc.js';
import { DEFAULT_LIBTORCH } from './pins.js';
import { gpuFailure, probeAddon, probeFailure, readVerdict, type Verdict } from './probe.js';
import type { SetupListener } from './setup-event.js';
import { requireGlibc, requireToolchain } from './toolchain.js';

export type VariantChoice = 'auto' | 'cpu' | 'cuda';

export interface SetupOptions {
  /** `auto` (default) is `cuda` where NVIDIA's driver has a GPU that will do, else `cpu`. */
  variant?: VariantChoice;
  /** LibTorch to use instead of a fetched one: a folder, a torch wheel, or a libtorch zip. */
  from?: string;
  /** Expected digest of the file named by `from`; hexadecimal. */
  sha256?: string;
  /** Release to fetch instead of the pinned default, e.g. `2.15.0`. */
  libtorch?: string;
  /** Compile and probe again even if all is in place. */
  force?: boolean;
  /** Do not ask before large downloads. */
  yes?: boolean;
  /** Asked before more than 1 GB is fetched; absent = nobody is there to ask. */
  confirm?: (bytes: number) => Promise<boolean>;
  onProgress?: SetupListener;
  signal?: AbortSignal;
  /** Environment to read settings from and to hand to children; `process.env` by default. */
  env?: NodeJS.ProcessEnv;
}

export interface SetupResult {
  variant: Variant;
  libtorch: LibTorch;
  addon: AddonPlace;
  verdict: Verdict;
  /** Nothing had to be done. */
  ready: boolean;
  seconds: number;
}

const ASK_ABOVE_BYTES = 1e9;

/**
 * Makes the addon ready to load and says where it is. Safe to call from several processes at once: one works, the others wait.
 *
 * @throws RuntimeError (exit code 4) with the cure when a step failed; UsageError for options that contradict each other;
 *   InterruptedError when the signal aborts. Nothing half-written is left behind.
 */
export async function setup(options: SetupOptions = {}): Promise<SetupResult> {
  const started = performance.now();
  const env = options.env ?? process.env;
  const onEvent: SetupListener = options.onProgress ?? (() => {});
  const cache = cacheRoot(env);
  checkOptions(options);
  const { variant, reason } = await resolveVariant(options.variant ?? 'auto', options.from, env);
  const seconds = (): number => (performance.now() - started) / 1000;

  if (options.from === undefined && options.libtorch === undefined && !options.force) {
    const ready = await whatIsReady(cache, variant, env);
    if (ready !== undefined) return { variant, ...ready, ready: true, seconds: seconds() };
  }
  throwIfAborted(options.signal);
  requireGlibc();
  const onWait = (holder: string): void => onEvent({ type: 'note', text: `Waiting for set-up in ${holder}` });
  return await withLock(join(cache, 'setup.lock'), { signal: options.signal, onWait }, async () => {
    const context = { cache, variant, env, onEvent, signal: options.signal };
    if (variant === 'cuda' && reason !== '') onEvent({ type: 'note', text: reason });
    let libtorch = options.from === undefined ? await findLibTorch(cache, variant, env) : undefined;
    const wanted = options.libtorch;
    if (wanted !== undefined && libtorch?.version !== wanted) libtorch = undefined;
    const unbuilt =
      libtorch === undefined ||
      options.force === true ||
      !existsSync((await addonPlace(cache, libtorch, env)).file);
    const needsNvcc =
      variant === 'cuda' && unbuilt && (await findNvcc(cache, await majorOf(libtorch), env)) === undefined;
    const shown = variant === 'cpu' && reason !== '' ? `cpu (${reason})` : variant;
    onEvent({ type: 'plan', steps: planSteps(cache, libtorch, options, variant, shown, needsNvcc) });
    // Before the download: a machine that cannot compile should say so at once, not after half a gigabyte.
    if (unbuilt) await requireToolchain(env);
    if (options.from !== undefined) libtorch = await takeLibTorch(options.from, options.sha256, context);
    if (libtorch === undefined) {
      const version = wanted ?? DEFAULT_LIBTORCH;
      await askFor(downloadBytes(version, variant) + (needsNvcc ? NVCC_BYTES : 0), options);
      libtorch = await fetchLibTorch(version, context);
    }
    const addon = await addonPlace(cache, libtorch, env);
    if (options.force) await rm(addon.dir, { recursive: true, force: true });
    // Another process may have built it while this one waited for the lock.
    if (!existsSync(addon.file)) {
      if (variant === 'cuda') await provideNvcc(libtorch, context);
      await buildAddon(addon, libtorch, context);
    }
    let verdict = await readVerdict(addon, libtorch, env);
    if (!verdict?.ok || options.force) {
      onEvent({ type: 'stage', stage: 'probe', text: 'Trying the addon in a child process' });
      verdict = await probeAddon(addon, libtorch, env, options.signal);
    }
    if (!verdict.ok) throw probeFailure(verdict, libtorch);
    // With a GPU that should have done, it is a failure; without one it was said above.
    if (options.variant === 'cuda' && reason === '' && verdict.gpu?.ok === false) throw gpuFailure(verdict);
    if (verdict.gpu?.ok === false && reason === '')
      onEvent({ type: 'note', text: `On the CPU for now: ${verdict.gpu.reason ?? 'no GPU can be used'}` });
    onEvent({
      type: 'done',
      seconds: seconds(),
      text: `LibTorch ${libtorch.version} (${variant}, ${placeName(verdict)}) is ready`,
    });
    return { variant, libtorch, addon, verdict, ready: false, seconds: seconds() };
  });
}

/** What the addon computes on, for a person. */
export function placeName(verdict: Verdict): string {
  if (verdict.gpu?.ok) return verdict.gpu.name ?? 'GPU';
  return verdict.capability ?? 'unknown CPU';
}

async function majorOf(libtorch: LibTorch | undefined): Promise<number | undefined> {
  return libtorch === undefined ? PINNED_CUDA : await cudaMajor(libtorch.dir);
}

async function provideNvcc(libtorch: LibTorch, context: FetchContext): Promise<void> {
  const major = await cudaMajor(libtorch.dir);
  const found = await findNvcc(context.cache, major, context.env);
  if (found === undefined) await fetchNvcc(major ?? PINNED_CUDA, context);
}

/** LibTorch, addon and good verdict if all are in place. Fetches, compiles and tries nothing. */
export async function whatIsReady(
  cache: string,
  variant: Variant,
  env: NodeJS.ProcessEnv,
): Promise<Pick<SetupResult, 'libtorch' | 'addon' | 'verdict'> | undefined> {
  const libtorch = await findLibTorch(cache, variant, env);
  if (libtorch === undefined) return undefined;
  const addon = await addonPlace(cache, libtorch, env);
  if (!existsSync(addon.file)) return undefined;
  const verdict = await readVerdict(addon, libtorch, env);
  return verdict?.ok ? { libtorch, addon, verdict } : undefined;
}

function checkOptions(options: SetupOptions): void {
  if (options.sha256 !== undefined && !/^[0-9a-f]{64}$/i.test(options.sha256)) {
    throw new UsageError(`--sha256 expects 64 hexadecimal digits; found ${JSON.stringify(options.sha256)}.`, {
      code: 'E_SHA256',
      cure: 'Copy the digest from where the file was published, or from `sha256sum FILE`.',
    });
  }
  if (options.sha256 !== undefined && options.from === undefined) {
    throw new UsageError('--sha256 is the digest of the file that --from names; --from is missing.', {
      code: 'E_SHA256',
      cure: 'Add --from FILE, or leave --sha256 out: what set-up fetches has its digests pinned.',
    });
  }
}

/** The variant, and for a person why it is not another one or cannot be used now. */
async function resolveVariant(
  choice: VariantChoice,
  from: string | undefined,
  env: NodeJS.ProcessEnv,
): Promise<{ variant: Variant; reason: string }> {
  if (choice === 'cpu') return { variant: 'cpu', reason: '' };
  if (choice !== 'auto' && choice !== 'cuda') {
    throw new UsageError(`--variant expects auto, cpu or cuda; found ${JSON.stringify(choice)}.`, {
      code: 'E_VARIANT',
      cure: 'Use --variant auto.',
    });
  }
  if (process.platform !== 'linux') {
    if (choice === 'auto') return { variant: 'cpu', reason: 'auto: the CUDA variant is for Linux' };
    throw new RuntimeError(`The CUDA variant is for Linux; this is ${process.platform}.`, {
      code: 'E_NO_CUDA_VARIANT',
      cure: 'Use --variant cpu or auto; every result can be computed on the CPU.',
    });
  }
  // Picked from the driver and never from a compiler: that compiles without a GPU, and a GPU computes without it.
  const driver = await findDriver({ env });
  if (choice === 'cuda') {
    // Asked for by name it is set up all the same: on a cluster this may be a node without a GPU for others that have one.
    const reason = driver.problem === undefined ? '' : `No GPU can be used here now: ${driver.problem}`;
    return { variant: 'cuda', reason };
  }
  if (driver.problem !== undefined) return { variant: 'cpu', reason: `auto: ${driver.problem}` };
  const given = from ?? env.SER_LIBTORCH;
  if (given !== undefined && given !== '' && isCpuOnly(given)) {
    return {
      variant: 'cpu',
      reason: `auto: ${given} is a CPU-only LibTorch, and ${describeGpus(driver)} is idle`,
    };
  }
  return { variant: 'cuda', reason: '' };
}

/** As far as its name or folder tells. */
function isCpuOnly(given: string): boolean {
  if (/\+cpu[-.]/.test(given)) return true;
  const dir = locateLibTorch(given);
  return dir !== undefined && !hasCuda(dir);
}

function describeGpus(driver: Driver): string {
  return driver.gpus.map((gpu) => gpu.name).join(', ');
}

function planSteps(
  cache: string,
  libtorch: LibTorch | undefined,
  options: SetupOptions,
  variant: Variant,
  shown: string,
  needsNvcc: boolean,
): string[] {
  const steps = [`Variant ${shown}; everything is kept in ${cache}`];
  if (libtorch !== undefined) {
    steps.push(`Use LibTorch ${libtorch.version} in ${libtorch.dir} (${libtorch.origin})`);
  } else if (options.from !== undefined) {
    steps.push(`Take LibTorch from ${options.from}`);
  } else {
    const version = options.libtorch ?? DEFAULT_LIBTORCH;
    const bytes = downloadBytes(version, variant);
    steps.push(
      variant === 'cpu'
        ? `Fetch LibTorch ${version} with pip (at most ${Math.round(bytes / 1e6)} MB) and unpack its CPU part`
        : `Fetch LibTorch ${version} and the NVIDIA packages that it names with pip (about ${(bytes / 1e9).toFixed(1)} GB)`,
    );
  }
  if (needsNvcc)
    steps.push(`Fetch nvcc with pip (about ${Math.round(NVCC_BYTES / 1e6)} MB): none was found here`);
  steps.push(
    variant === 'cpu'
      ? 'Compile the addon with CMake and the C++ compiler (1 to 3 minutes)'
      : 'Compile the addon with CMake, the C++ compiler and nvcc (2 to 5 minutes)',
    'Try it in a child process',
  );
  return steps;
}

async function askFor(bytes: number, options: SetupOptions): Promise<void> {
  if (bytes <= ASK_ABOVE_BYTES || options.yes || options.confirm === undefined) return;
  if (await options.confirm(bytes)) return;
  throw new InterruptedError(`Set-up was stopped before it fetched ${(bytes / 1e9).toFixed(1)} GB.`, {
    code: 'E_DECLINED',
    cure: 'Run it again with --yes, or hand LibTorch over with --from.',
  });
}

function throwIfAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted) throw new InterruptedError('Set-up was stopped.', { code: 'E_INTERRUPTED' });
}
