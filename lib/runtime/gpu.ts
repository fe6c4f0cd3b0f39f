/** What NVIDIA's driver on this machine says: its version, its GPUs, and whether the CUDA variant can run with them. */

import { existsSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { RuntimeError } from '../errors.js';
import { runCommand } from './run-command.js';
import { compareVersions } from './toolchain.js';

export interface Gpu {
  name: string;
  /** Total memory, bytes; null where only the kernel module was asked. */
  memoryBytes: number | null;
  /** Memory that some process holds, bytes. */
  usedBytes: number | null;
  /** Compute capability, e.g. `9.0`. */
  capability: string | null;
}

export interface Driver {
  /** e.g. `580.95.05`; null where there is none. */
  version: string | null;
  /** All GPUs of the machine, whatever `CUDA_VISIBLE_DEVICES` hides. */
  gpus: Gpu[];
  /** Why no GPU can be computed on, a sentence without its full stop; absent where one can. */
  problem?: string;
  cure?: string;
}

/** Oldest driver for each major version of CUDA; minor versions run on it as well. */
const OLDEST_DRIVER: Record<number, string> = { 12: '525', 13: '580' };
/** Of the wheels that are pinned. */
export const PINNED_CUDA = 13;
/** Oldest GPU that kernels are compiled for by default. */
const OLDEST_CAPABILITY = '8.0';

const ASK_MS = 20_000;
const QUERY = 'driver_version,name,memory.total,memory.used,compute_cap';

/** Where the driver's library lies when a container or a distribution has put it in. */
const LIBRARY_FOLDERS = [
  'usr/lib/x86_64-linux-gnu',
  'usr/lib/aarch64-linux-gnu',
  'usr/lib64',
  'usr/lib',
  'usr/lib/wsl/lib',
  'usr/local/nvidia/lib64',
  'usr/local/cuda/compat',
];

export interface DriverOptions {
  env?: NodeJS.ProcessEnv;
  /** Major version of CUDA that the variant is built with. */
  cuda?: number;
  /** Root of the file system; tests name another. */
  root?: string;
}

/** Asks `nvidia-smi`, else the kernel module; never a compiler, which a machine may have without a GPU and lack with one. */
export async function findDriver(options: DriverOptions = {}): Promise<Driver> {
  const { env = process.env, cuda = PINNED_CUDA, root = '/' } = options;
  const found = (await askSmi(env)) ?? (await askKernelModule(env, root));
  return { ...found, ...judge(found, cuda, env) };
}

/** Only the version of the driver, for telling whether a verdict is about the present one. */
export async function driverVersion(options: DriverOptions = {}): Promise<string | null> {
  const { env = process.env, root = '/' } = options;
  const fromModule = await moduleVersion(root);
  return fromModule ?? (await askSmi(env))?.version ?? null;
}

/** @throws RuntimeError `E_DEVICE` (exit code 4) with the driver's problem, if it has one */
export function requireGpu(driver: Driver): void {
  if (driver.problem === undefined) return;
  throw new RuntimeError(`The GPU cannot be used: ${driver.problem}.`, {
    code: 'E_DEVICE',
    cure: `${driver.cure ?? ''} Or compute on the CPU: --device cpu.`.trim(),
    details: driver,
  });
}

type Found = Pick<Driver, 'version' | 'gpus'> & { problem?: string; cure?: string };

function judge(found: Found, cuda: number, env: NodeJS.ProcessEnv): Pick<Driver, 'problem' | 'cure'> {
  if (found.problem !== undefined) return { problem: found.problem, cure: found.cure };
  if (found.version === null) {
    return {
      problem: 'no NVIDIA driver was found (asked nvidia-smi and /proc/driver/nvidia)',
      cure: 'Install the driver; in a container, start it with the GPU (docker run --gpus all).',
    };
  }
  if (found.gpus.length === 0)
    return { problem: `the NVIDIA driver ${found.version} finds no GPU`, cure: 'Run nvidia-smi to see why.' };
  const oldest = OLDEST_DRIVER[cuda] ?? '0';
  if (compareVersions(found.version, oldest) < 0) {
    return {
      problem: `the NVIDIA driver is ${found.version}, and CUDA ${cuda} needs ${oldest} or newer`,
      cure: `Install driver ${oldest} or newer.`,
    };
  }
  const visible = env.CUDA_VISIBLE_DEVICES;
  if (visible !== undefined && hidesAll(visible)) {
    return {
      problem: `CUDA_VISIBLE_DEVICES is '${visible}', which hides every GPU`,
      cure: 'Unset it, or set it to the number of a GPU, e.g. CUDA_VISIBLE_DEVICES=0.',
    };
  }
  const known = found.gpus.filter((gpu) => gpu.capability !== null);
  if (
    known.length === found.gpus.length &&
    known.every((gpu) => compareVersions(gpu.capability as string, OLDEST_CAPABILITY) < 0)
  ) {
    const list = known.map((gpu) => `${gpu.name} has ${gpu.capability}`).join(', ');
    return {
      problem: `compute capability ${OLDEST_CAPABILITY} or newer is needed, and ${list}`,
      cure: 'GPUs from Ampere (A100, RTX 30) on will do.',
    };
  }
  return {};
}

/** CUDA reads the list up to the first entry that names no device. */
function hidesAll(visible: string): boolean {
  const first = visible.split(',')[0]?.trim() ?? '';
  return first === '' || first.startsWith('-') || /^(none|void|NoDevFiles)$/i.test(first);
}

/** Undefined where there is no `nvidia-smi`. */
async function askSmi(env: NodeJS.ProcessEnv): Promise<Found | undefined> {
  const asked = ['--query-gpu', QUERY].join('=');
  const result = await runCommand('nvidia-smi', [asked, '--format=csv,noheader,nounits'], {
    env,
    timeoutMs: ASK_MS,
  });
  if (result.startError !== undefined) return undefined;
  if (result.timedOut) {
    return {
      version: null,
      gpus: [],
      problem: `nvidia-smi gave no answer within ${ASK_MS / 1000} s`,
      cure: 'Run nvidia-smi by hand; a GPU that hangs needs a restart of the machine.',
    };
  }
  if (result.status !== 0) {
    const said = `${result.stdout}\n${result.stderr}`.split('\n').find((line) => line.trim() !== '');
    return {
      version: null,
      gpus: [],
      problem: `nvidia-smi fails (${said?.trim().replace(/\.$/, '') ?? `exit status ${result.status}`})`,
      cure: 'Load or install the driver, then run nvidia-smi again.',
    };
  }
  const rows = result.stdout
    .split('\n')
    .map((line) => line.split(',').map((field) => field.trim()))
    .filter((fields) => fields.length >= 5);
  const mebibytes = (text: string | undefined): number | null =>
    text !== undefined && /^\d+$/.test(text) ? Number(text) * 2 ** 20 : null;
  return {
    version: rows[0]?.[0] ?? null,
    gpus: rows.map((fields) => ({
      name: fields.slice(1, -3).join(', '),
      memoryBytes: mebibytes(fields.at(-3)),
      usedBytes: mebibytes(fields.at(-2)),
      capability: /^\d+\.\d+$/.test(fields.at(-1) ?? '') ? (fields.at(-1) as string) : null,
    })),
  };
}

async function moduleVersion(root: string): Promise<string | null> {
  const text = await readFile(join(root, 'proc/driver/nvidia/version'), 'utf8').catch(() => '');
  return text.match(/Kernel Module(?: for \w+)?\s+(\d+(?:\.\d+)+)/)?.[1] ?? null;
}

/** The kernel's own files, for a container that has the driver's library and not its programs. */
async function askKernelModule(env: NodeJS.ProcessEnv, root: string): Promise<Found> {
  const version = await moduleVersion(root);
  if (version === null) return { version, gpus: [] };
  const folders = [
    ...(env.LD_LIBRARY_PATH ?? '').split(':').filter((folder) => folder !== ''),
    ...LIBRARY_FOLDERS.map((folder) => join(root, folder)),
  ];
  if (!folders.some((folder) => existsSync(join(folder, 'libcuda.so.1')))) {
    return {
      version,
      gpus: [],
      problem: `the NVIDIA kernel module ${version} is loaded, and its library libcuda.so.1 is not here`,
      cure: 'In a container, start it with the GPU (docker run --gpus all); elsewhere install the rest of the driver.',
    };
  }
  const cards = join(root, 'proc/driver/nvidia/gpus');
  const gpus: Gpu[] = [];
  for (const card of await readdir(cards).catch(() => [])) {
    const text = await readFile(join(cards, card, 'information'), 'utf8').catch(() => '');
    const name = text.match(/^Model:\s*(.+)$/m)?.[1]?.trim() ?? 'NVIDIA GPU';
    gpus.push({ name, memoryBytes: null, usedBytes: null, capability: null });
  }
  return { version, gpus };
}
