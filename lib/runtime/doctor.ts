/** What a bug report needs, and whether training could run here. Changes nothing and fetches nothing. */

import { existsSync } from 'node:fs';
import { cpus, release, totalmem } from 'node:os';
import { locateFfmpeg } from '../audio/ffmpeg.js';
import { SerError } from '../errors.js';
import { addonPlace } from './build.js';
import { cacheRoot } from './cache.js';
import { freeBytes } from './fetch.js';
import { type Driver, findDriver } from './gpu.js';
import { findLibTorch, type LibTorch } from './libtorch.js';
import { findNvcc } from './nvcc.js';
import { DEFAULT_LIBTORCH, wheelPlatform } from './pins.js';
import { findPip } from './pip.js';
import { type GpuVerdict, readVerdict } from './probe.js';
import {
  describeCpu,
  findCMake,
  findCompiler,
  glibcVersion,
  requireGlibc,
  requireToolchain,
} from './toolchain.js';
import { packageVersion } from './version.js';

export interface Problem {
  /** What is wrong. */
  text: string;
  /** What to do about it. */
  cure: string;
  /** Training cannot run until it is cured; otherwise something smaller does not work. */
  blocking: boolean;
}

export interface DoctorReport {
  schema: 1;
  package: string;
  node: string;
  /** Platform, architecture and kernel. */
  system: string;
  glibc: string | null;
  cpu: { model: string; threads: number; isa: string[] };
  memoryBytes: number;
  compiler: string | null;
  cmake: string | null;
  pip: string | null;
  ffmpeg: string | null;
  cache: { folder: string; freeBytes: number | null };
  libtorch: { version: string; variant: string; dir: string; origin: string } | null;
  /** `ready`, `not built`, `not tried`, or why it failed in a child process. */
  addon: { state: string; file: string | null; capability: string | null };
  /** NVIDIA's driver and GPUs, with the reason where none can be computed on. */
  driver: Driver;
  /** The CUDA compiler that set-up would use; null where it would fetch one. */
  nvcc: string | null;
  /** The CUDA variant; null where it is not set up. */
  cuda: {
    libtorch: { version: string; dir: string; origin: string };
    addon: DoctorReport['addon'];
    /** Whether a step has run on the GPU with the present driver. */
    gpu: GpuVerdict | null;
  } | null;
  /** What `device: auto` computes on. */
  computesOn: 'cpu' | 'cuda';
  /** Settings that change what set-up does. */
  environment: Record<string, string>;
  problems: Problem[];
  /** Training can run, at once or after the set-up that runs by itself. */
  ok: boolean;
}

const SETTINGS = [
  'SER_CACHE',
  'SER_LIBTORCH',
  'XDG_CACHE_HOME',
  'CXX',
  'CUDACXX',
  'CUDA_HOME',
  'CUDA_PATH',
  'CUDA_VISIBLE_DEVICES',
  'SER_CUDA_ARCHS',
  'FFMPEG_BIN',
  'OMP_NUM_THREADS',
  'PREBUILDS_ONLY',
  'SER_NATIVE_PREBUILD',
];

export async function doctor(options: { env?: NodeJS.ProcessEnv } = {}): Promise<DoctorReport> {
  const env = options.env ?? process.env;
  const cache = cacheRoot(env);
  const problems: Problem[] = [];
  /** Runs a step that throws its cure, and turns that into a finding. */
  const attempt = async <T>(work: () => T | Promise<T>, blocking: boolean): Promise<T | undefined> => {
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof SerError)) throw error;
      problems.push({ text: error.message, cure: error.cure ?? '', blocking });
      return undefined;
    }
  };
  const firstCpu = cpus()[0]?.model.trim() ?? 'unknown';
  const [cpu, compiler, cmake, pip, ffmpeg, free, driver, nvcc] = await Promise.all([
    describeCpu(firstCpu),
    findCompiler(env),
    findCMake(env),
    findPip(env),
    attempt(locateFfmpeg, false),
    freeBytes(cache),
    findDriver({ env }),
    findNvcc(cache, undefined, env),
  ]);
  await attempt(() => requireGlibc(), true);
  const libtorch = await attempt(() => findLibTorch(cache, 'cpu', env), true);
  const { gpu: _, ...addon } = await judgeAddon(cache, libtorch, env);
  const cuda = await judgeCuda(cache, env);
  const computesOn = driver.problem === undefined && cuda?.gpu?.ok ? 'cuda' : 'cpu';
  const wrongLibTorch = problems.some((problem) => problem.blocking);
  if (addon.state !== 'ready') await attempt(() => requireToolchain(env), true);
  if (libtorch === undefined && !wrongLibTorch) {
    if (pip === undefined || wheelPlatform() === undefined) {
      problems.push({
        text: 'LibTorch is not on this machine, and there is no pip (or no wheel for this platform) to fetch it with.',
        cure: 'Install pip, or run `npx ser-native setup --from PATH` with a torch wheel, a libtorch zip, or a folder.',
        blocking: true,
      });
    } else {
      problems.push({
        text: `LibTorch is not here yet; the first command that needs it fetches ${DEFAULT_LIBTORCH} with pip.`,
        cure: 'Nothing to do; `npx ser-native setup` does it now.',
        blocking: false,
      });
    }
  } else if (addon.state === 'not built' || addon.state === 'not tried') {
    problems.push({
      text: `The addon is ${addon.state} yet; the first command that needs it does that.`.replace(
        'is not',
        'has not been',
      ),
      cure: 'Nothing to do; `npx ser-native setup` does it now.',
      blocking: false,
    });
  } else if (addon.state !== 'ready') {
    problems.push({
      text: `The addon failed its trial: ${addon.state}.`,
      cure: 'Run `npx ser-native setup --force`.',
      blocking: true,
    });
  }
  problems.push(...gpuProblems(driver, cuda));
  if (ffmpeg === undefined && !problems.some(({ text }) => text.startsWith('FFMPEG_BIN'))) {
    problems.push({
      text: 'ffmpeg was not found: WAV, FLAC, MP3 and Ogg are decoded without it, other formats are not.',
      cure: 'Install ffmpeg, or set FFMPEG_BIN, if your corpus has other formats.',
      blocking: false,
    });
  }
  return {
    schema: 1,
    package: packageVersion(),
    node: process.version,
    system: `${process.platform} ${process.arch} ${release()}`,
    glibc: glibcVersion() ?? null,
    cpu: { model: cpu.model, threads: cpus().length, isa: cpu.isa },
    memoryBytes: totalmem(),
    compiler: compiler?.text ?? null,
    cmake: cmake?.text ?? null,
    pip: pip === undefined ? null : `${pip.version} (${pip.command.join(' ')})`,
    ffmpeg: ffmpeg === undefined ? null : `${ffmpeg.version} (${ffmpeg.source}: ${ffmpeg.path})`,
    cache: { folder: cache, freeBytes: free ?? null },
    libtorch:
      libtorch === undefined
        ? null
        : {
            version: libtorch.version,
            variant: libtorch.variant,
            dir: libtorch.dir,
            origin: libtorch.origin,
          },
    addon,
    driver,
    nvcc: nvcc === undefined ? null : `${nvcc.release} (${nvcc.program})`,
    cuda,
    computesOn,
    environment: Object.fromEntries(
      SETTINGS.flatMap((name) => (env[name] ? [[name, env[name] as string]] : [])),
    ),
    problems,
    ok: !problems.some((problem) => problem.blocking),
  };
}

async function judgeAddon(
  cache: string,
  libtorch: LibTorch | undefined,
  env: NodeJS.ProcessEnv,
): Promise<DoctorReport['addon'] & { gpu: GpuVerdict | null }> {
  const none = { state: 'not built', file: null, capability: null, gpu: null };
  if (libtorch === undefined) return none;
  const place = await addonPlace(cache, libtorch, env);
  if (!existsSync(place.file)) return none;
  const verdict = await readVerdict(place, libtorch, env);
  const state = verdict === undefined ? 'not tried' : verdict.ok ? 'ready' : (verdict.reason ?? 'failed');
  return { state, file: place.file, capability: verdict?.capability ?? null, gpu: verdict?.gpu ?? null };
}

async function judgeCuda(cache: string, env: NodeJS.ProcessEnv): Promise<DoctorReport['cuda']> {
  // SER_LIBTORCH may name a CPU-only one, which is no problem as long as nobody asks for a GPU.
  const libtorch = await findLibTorch(cache, 'cuda', env).catch(() => undefined);
  if (libtorch === undefined) return null;
  const { gpu, ...addon } = await judgeAddon(cache, libtorch, env);
  const { version, dir, origin } = libtorch;
  return { libtorch: { version, dir, origin }, addon, gpu };
}

/** None of them blocks: every result can be computed on the CPU. */
function gpuProblems(driver: Driver, cuda: DoctorReport['cuda']): Problem[] {
  const names = driver.gpus.map((gpu) => gpu.name);
  const problems: Problem[] = [];
  if (driver.problem !== undefined) {
    // A machine without NVIDIA's driver is as it should be, unless CUDA was set up on it.
    if (driver.version === null && driver.gpus.length === 0 && cuda === null) return [];
    problems.push({
      text: `No GPU can be used: ${driver.problem}.`,
      cure: driver.cure ?? '',
      blocking: false,
    });
    return problems;
  }
  if (new Set(names).size > 1) {
    problems.push({
      text: `The GPUs differ (${names.join(', ')}); a process computes on the first that it sees and has code for.`,
      cure: 'Choose another with CUDA_VISIBLE_DEVICES, e.g. CUDA_VISIBLE_DEVICES=1.',
      blocking: false,
    });
  }
  if (cuda === null || cuda.addon.state === 'not built') {
    problems.push({
      text: `This machine has a GPU (${names.join(', ')}), and the CUDA variant is not set up.`,
      cure: 'Run `npx ser-native setup --variant cuda`.',
      blocking: false,
    });
  } else if (cuda.gpu?.ok === false || (cuda.addon.state !== 'ready' && cuda.addon.state !== 'not tried')) {
    problems.push({
      text: `The CUDA variant failed its trial: ${cuda.gpu?.reason ?? cuda.addon.state}.`,
      cure: 'Run `npx ser-native setup --variant cuda --force`.',
      blocking: false,
    });
  }
  return problems;
}
