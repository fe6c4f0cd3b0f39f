/** What this machine has to compile the addon with, and whether that will do. */

import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { RuntimeError } from '../errors.js';
import { MIN_GLIBC } from './pins.js';
import { runCommand } from './run-command.js';

export interface Tool {
  /** Program as called. */
  program: string;
  /** First line of `--version`. */
  text: string;
  /** e.g. `12.2.0`; empty when it could not be read. */
  version: string;
}

const MIN_CMAKE = '3.21';
const MIN_GCC = '11';
const MIN_CLANG = '14';
const CHECK_MS = 20_000;

/** -1, 0 or 1, comparing dotted numbers. */
export function compareVersions(a: string, b: string): number {
  const x = a.split('.').map(Number);
  const y = b.split('.').map(Number);
  for (let i = 0; i < Math.max(x.length, y.length); i++) {
    const difference = (x[i] || 0) - (y[i] || 0);
    if (difference !== 0) return Math.sign(difference);
  }
  return 0;
}

async function findTool(programs: string[], env: NodeJS.ProcessEnv): Promise<Tool | undefined> {
  for (const program of programs) {
    const result = await runCommand(program, ['--version'], { env, timeoutMs: CHECK_MS });
    if (result.status !== 0) continue;
    const text = result.stdout.split('\n')[0]?.trim() ?? '';
    // The last dotted number: `g++ (Debian 12.2.0-14) 12.2.0` has the distribution's first.
    const version = text.match(/\d+\.\d+(\.\d+)?/g)?.at(-1) ?? '';
    return { program, text, version };
  }
  return undefined;
}

/** `$CXX`, else c++, g++ or clang++ on PATH. On Windows CMake finds Visual Studio by itself, and this finds nothing. */
export function findCompiler(env: NodeJS.ProcessEnv = process.env): Promise<Tool | undefined> {
  return findTool(env.CXX ? [env.CXX] : ['c++', 'g++', 'clang++'], env);
}

export function findCMake(env: NodeJS.ProcessEnv = process.env): Promise<Tool | undefined> {
  return findTool(['cmake'], env);
}

/** The program that CMake has run the compiler. */
function findBuildProgram(env: NodeJS.ProcessEnv): Promise<Tool | undefined> {
  return findTool(['ninja', 'make', 'gmake'], env);
}

/** Throws with the cure when the addon cannot be compiled here. */
export async function requireToolchain(
  env: NodeJS.ProcessEnv = process.env,
): Promise<{ compiler?: Tool; cmake: Tool }> {
  const [compiler, cmake, builder] = await Promise.all([
    findCompiler(env),
    findCMake(env),
    findBuildProgram(env),
  ]);
  if (compiler === undefined && process.platform !== 'win32') {
    const looked = env.CXX ? `CXX=${env.CXX} does not run` : 'looked for c++, g++ and clang++ on PATH';
    throw new RuntimeError(`No C++ compiler was found (${looked}).`, {
      code: 'E_NO_COMPILER',
      cure:
        process.platform === 'darwin'
          ? 'Install one: xcode-select --install'
          : `Install g++ ${MIN_GCC} or newer, e.g. sudo apt-get install g++ (or dnf install gcc-c++), or set CXX to a compiler.`,
    });
  }
  if (compiler !== undefined) refuseOldCompiler(compiler);
  if (cmake === undefined || compareVersions(cmake.version, MIN_CMAKE) < 0) {
    const found = cmake === undefined ? 'none was found on PATH' : `found ${cmake.version}`;
    throw new RuntimeError(`CMake ${MIN_CMAKE} or newer is needed to compile the addon; ${found}.`, {
      code: 'E_NO_CMAKE',
      cure: 'Install it: sudo apt-get install cmake, dnf install cmake, brew install cmake, or pip install cmake.',
    });
  }
  if (builder === undefined && process.platform !== 'win32') {
    throw new RuntimeError(
      'Neither ninja nor make was found on PATH; CMake needs one of them to compile the addon.',
      {
        code: 'E_NO_MAKE',
        cure: 'Install one: sudo apt-get install make (or ninja-build), dnf install make, xcode-select --install.',
      },
    );
  }
  return { compiler, cmake };
}

function refuseOldCompiler(compiler: Tool): void {
  const clang = /clang/i.test(compiler.text);
  const least = clang ? MIN_CLANG : MIN_GCC;
  if (compiler.version === '' || compareVersions(compiler.version, least) >= 0) return;
  throw new RuntimeError(
    `${compiler.program} is "${compiler.text}"; C++20 needs ${clang ? 'clang' : 'gcc'} ${least} or newer.`,
    {
      code: 'E_OLD_COMPILER',
      cure: 'Install a newer compiler and name it with CXX, e.g. CXX=g++-12 npx ser-native setup.',
    },
  );
}

/** glibc's version at run time; undefined on musl, macOS and Windows. */
export function glibcVersion(): string | undefined {
  const report = process.report as (NodeJS.ProcessReport & { excludeNetwork?: boolean }) | undefined;
  if (report === undefined) return undefined;
  // Without this, a report resolves the name of every peer, which takes seconds where DNS is slow.
  report.excludeNetwork = true;
  const { header } = report.getReport() as unknown as { header: { glibcVersionRuntime?: string } };
  return header.glibcVersionRuntime;
}

/** Throws where PyTorch's Linux wheels cannot run. */
export function requireGlibc(
  found: string | undefined = glibcVersion(),
  platform: string = process.platform,
): void {
  if (platform !== 'linux' || (found !== undefined && compareVersions(found, MIN_GLIBC) >= 0)) return;
  throw new RuntimeError(
    found === undefined
      ? `LibTorch needs glibc ${MIN_GLIBC} or newer; this system has another C library (musl?).`
      : `LibTorch needs glibc ${MIN_GLIBC} or newer; this system has ${found}.`,
    {
      code: 'E_OLD_GLIBC',
      cure: 'Use a newer distribution (Debian 10, Ubuntu 20.04, RHEL 8 or later) or a container with one, e.g. node:22-bookworm.',
    },
  );
}

export interface Cpu {
  model: string;
  /** Of the flags that matter to speed, those present. */
  isa: string[];
  /** Short digest of model and all flags. */
  identity: string;
}

const TELLING = [
  'sse4_2',
  'avx',
  'avx2',
  'fma',
  'f16c',
  'avx512f',
  'avx512bw',
  'avx512_bf16',
  'avx512_vnni',
  'amx_bf16',
  'asimd',
  'bf16',
  'sve',
];

/** From /proc/cpuinfo; elsewhere only the model that Node reports. */
export async function describeCpu(fallbackModel: string): Promise<Cpu> {
  const text = await readFile('/proc/cpuinfo', 'utf8').catch(() => '');
  const model = text.match(/^model name\s*:\s*(.+)$/m)?.[1]?.trim() ?? fallbackModel;
  const flags = (text.match(/^(?:flags|Features)\s*:\s*(.+)$/m)?.[1] ?? '').trim().split(/\s+/);
  const identity = createHash('sha256')
    .update(`${model}\n${flags.sort().join(' ')}`)
    .digest('hex')
    .slice(0, 12);
  return { model, isa: TELLING.filter((flag) => flags.includes(flag)), identity };
}
