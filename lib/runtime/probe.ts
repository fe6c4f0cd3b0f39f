/**
 * Judges an addon before this process loads it: a child process loads it and runs a training step, on the GPU where the addon has
 * CUDA and the machine a GPU, so that a wrong library, CPU or driver costs a sentence and not the process. The verdict is kept
 * beside the addon.
 */

import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { CudaReport } from '../../bindings.js';
import { RuntimeError } from '../errors.js';
import { sha256File } from './archive.js';
import type { AddonPlace } from './build.js';
import { driverVersion } from './gpu.js';
import type { LibTorch } from './libtorch.js';
import { runCommand } from './run-command.js';

export interface Verdict {
  schema: 1;
  ok: boolean;
  /** SHA-256 of the addon; another addon needs another probe. */
  addon: string;
  libtorch: string;
  /** Node's module version and the platform: a cache may be shared between machines. */
  node: string;
  /** What LibTorch dispatches to here, e.g. `AVX512`. */
  capability?: string;
  compiler?: string;
  /** Why not, for a person. */
  reason?: string;
  /** Of the CUDA variant. */
  gpu?: GpuVerdict;
}

export interface GpuVerdict {
  /** NVIDIA's driver; another one needs another probe. Null where there is none. */
  driver: string | null;
  /** A step has run on the GPU. */
  ok: boolean;
  /** The GPU that it ran on, e.g. `NVIDIA H100 80GB HBM3`. */
  name?: string;
  /** Compute capability, e.g. `9.0`. */
  capability?: string;
  /** Names of the other GPUs that a process sees. */
  others?: string[];
  /** Why not, for a person, without its full stop. */
  reason?: string;
}

/** Loading LibTorch from a slow disk takes seconds; a step of the tiny model milliseconds. */
const PROBE_MS = 120_000;

// Plain CommonJS handed over on the command line: it must run from TypeScript sources and from dist/ alike.
const CHILD = `
const addon = require(process.argv[1]);
process.env.CUBLAS_WORKSPACE_CONFIG ??= ':4096:8';
const say = (value) => require('node:fs').writeSync(1, 'SER_PROBE ' + JSON.stringify(value) + '\\n');
const info = addon.buildInfo();
const cuda = info.cuda ? addon.cudaDevices() : undefined;
const device = cuda?.chosen === undefined ? 'cpu' : 'cuda';
const end = (value) => { addon.stop(); say({ ...value, info, device, cuda }); };
const fail = (error) => end({ ok: false, reason: error.code + ': ' + error.message });
try {
  addon.start({ threads: 1, device, deterministic: true });
  addon.selfTest().then((loss) => end({ ok: Number.isFinite(loss), loss }), fail);
} catch (error) { fail(error); }
`;

interface Said {
  ok: boolean;
  reason?: string;
  info: { capability: string; compiler: string };
  device: 'cpu' | 'cuda';
  cuda?: CudaReport;
}

function nodeKey(): string {
  return `${process.platform}-${process.arch}-${process.versions.modules}`;
}

/** The driver is part of the name: machines that share a cache may have different ones. */
function verdictFile(place: AddonPlace, driver: string | null | undefined): string {
  const suffix = driver === undefined ? '' : `-driver-${driver ?? 'none'}`;
  return join(place.dir, `verdict-${nodeKey()}${suffix}.json`);
}

/** Undefined for the CPU variant, whose verdict does not depend on it. */
async function driverOf(libtorch: LibTorch, env: NodeJS.ProcessEnv): Promise<string | null | undefined> {
  return libtorch.variant === 'cuda' ? await driverVersion({ env }) : undefined;
}

/** The kept verdict if it is about this very addon; undefined when there is none or the addon has changed. */
export async function readVerdict(
  place: AddonPlace,
  libtorch: LibTorch,
  env: NodeJS.ProcessEnv = process.env,
): Promise<Verdict | undefined> {
  try {
    const driver = await driverOf(libtorch, env);
    const verdict = JSON.parse(await readFile(verdictFile(place, driver), 'utf8')) as Verdict;
    const current =
      verdict.schema === 1 && verdict.libtorch === libtorch.version && verdict.node === nodeKey();
    return current && verdict.addon === (await sha256File(place.file)) ? verdict : undefined;
  } catch {
    return undefined;
  }
}

/** Runs the child and keeps its verdict where the cache can be written. */
export async function probeAddon(
  place: AddonPlace,
  libtorch: LibTorch,
  env: NodeJS.ProcessEnv,
  signal?: AbortSignal,
): Promise<Verdict> {
  const driver = await driverOf(libtorch, env);
  let trial = await runTrial(place, env, signal);
  let gpu: GpuVerdict | undefined;
  if (libtorch.variant === 'cuda') {
    gpu = judgeGpu(trial, driver ?? null);
    // Whether the addon itself is sound: on the CPU, out of the GPU's reach.
    if (!trial.ok && trial.device !== 'cpu')
      trial = await runTrial(place, { ...env, CUDA_VISIBLE_DEVICES: '' }, signal);
  }
  const verdict: Verdict = {
    schema: 1,
    ok: trial.ok,
    addon: await sha256File(place.file),
    libtorch: libtorch.version,
    node: nodeKey(),
    ...(trial.info === undefined ? {} : { capability: trial.info.capability, compiler: trial.info.compiler }),
    ...(trial.reason === undefined ? {} : { reason: trial.reason }),
    ...(gpu === undefined ? {} : { gpu }),
  };
  // A GPU that is full or hidden today may be free tomorrow: only what lasts is kept.
  if (gpu === undefined || gpu.ok || driver === null) {
    // In a cache that cannot be written the probe is run again by the next process; that is slow, not wrong.
    await writeFile(verdictFile(place, driver), `${JSON.stringify(verdict, null, 2)}\n`).catch(() => {});
  }
  return verdict;
}

type Trial = Pick<Verdict, 'ok' | 'reason'> & Partial<Pick<Said, 'info' | 'device' | 'cuda'>>;

async function runTrial(place: AddonPlace, env: NodeJS.ProcessEnv, signal?: AbortSignal): Promise<Trial> {
  const child = await runCommand(process.execPath, ['-e', CHILD, place.file], {
    // Options of the parent (a loader, an inspector) are not the child's.
    env: { ...env, NODE_OPTIONS: '' },
    timeoutMs: PROBE_MS,
    signal,
  });
  const line = child.stdout.split('\n').find((text) => text.startsWith('SER_PROBE '));
  if (line !== undefined) {
    const { ok, reason, info, device, cuda } = JSON.parse(line.slice('SER_PROBE '.length)) as Said;
    const told = { info, device, cuda };
    if (!ok) return { ...told, ok, reason: reason ?? 'the loss of its training step is not a finite number' };
    if (child.status === 0) return { ...told, ok };
    return { ...told, ok: false, reason: `it did not exit cleanly (${ending(child.status, child.signal)})` };
  }
  const error = child.stderr
    .split('\n')
    .find((text) => /error/i.test(text))
    ?.trim();
  const how = child.timedOut
    ? `it gave no answer within ${PROBE_MS / 1000} s`
    : `it ended with ${ending(child.status, child.signal)}`;
  return { ok: false, reason: error === undefined ? how : `${how}: ${error}` };
}

function judgeGpu(trial: Trial, driver: string | null): GpuVerdict {
  const { cuda } = trial;
  if (trial.ok && cuda?.chosen !== undefined) {
    const chosen = cuda.devices.find((device) => device.index === cuda.chosen);
    return {
      driver,
      ok: true,
      name: chosen?.name,
      capability: chosen?.capability,
      others: cuda.devices.filter((device) => device !== chosen).map((device) => device.name),
    };
  }
  if (cuda !== undefined && cuda.chosen === undefined) return { driver, ok: false, reason: cuda.problem };
  return { driver, ok: false, reason: trial.reason };
}

function ending(status: number | null, signal: NodeJS.Signals | null): string {
  return signal === null ? `exit status ${status}` : signal;
}

/** The error for an addon that did not pass. */
export function probeFailure(verdict: Verdict, libtorch: LibTorch): RuntimeError {
  const missing = verdict.reason?.match(/(lib[\w.+-]+\.so[\w.]*): cannot open shared object/)?.[1];
  return new RuntimeError(
    `The addon was compiled, but a trial step in a child process failed: ${verdict.reason ?? 'no reason given'}.`,
    {
      code: 'E_PROBE',
      cure:
        missing === undefined
          ? 'Run `npx ser-native setup --force` to compile it again; if it fails again, report the output of `npx ser-native doctor`.'
          : `The loader does not find ${missing}, which the LibTorch in ${libtorch.dir} needs: unset SER_LIBTORCH to let set-up fetch a whole one, or install the library.`,
      details: verdict,
    },
  );
}

/** The error for a GPU that a step does not run on. */
export function gpuFailure(verdict: Verdict): RuntimeError {
  const reason = verdict.gpu?.reason ?? 'no reason was given';
  const full = /E_OUT_OF_MEMORY|out of memory/i.test(reason);
  return new RuntimeError(
    full
      ? `The GPU cannot be used: its memory is taken, most likely by another process (${reason}).`
      : `The GPU cannot be used: ${reason}.`,
    {
      code: 'E_DEVICE',
      cure: full
        ? 'See with nvidia-smi who holds it, wait or choose another GPU with CUDA_VISIBLE_DEVICES, or compute on the CPU: --device cpu.'
        : 'Run `npx ser-native doctor`; or compute on the CPU: --device cpu.',
      details: verdict,
    },
  );
}
