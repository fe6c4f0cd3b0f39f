/** Compiles the addon with cmake-js into the cache. */

import { copyFile, mkdir, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { availableParallelism } from 'node:os';
import { dirname, join } from 'node:path';
import { RuntimeError } from '../errors.js';
import { explainDiskError, writeFolder } from './cache.js';
import { cudaMajor, type LibTorch } from './libtorch.js';
import { findNvcc } from './nvcc.js';
import { findObjects, keepObjects } from './objects.js';
import { runCommand } from './run-command.js';
import type { SetupListener } from './setup-event.js';
import { PACKAGE_ROOT, sourceHash } from './sources.js';
import { requireToolchain } from './toolchain.js';
import { packageVersion } from './version.js';

const require = createRequire(import.meta.url);

export interface AddonPlace {
  /** Folder that node-gyp-build is pointed at. */
  dir: string;
  /** The addon in it. */
  file: string;
  sourceHash: string;
}

/** Two compilers at once: each may take 1.3 GB on the headers of LibTorch. */
const MAX_JOBS = 2;

/** `SER_BUILD_JOBS` where it is a number from 1 on; a value that is none is as if it were not set. */
function buildJobs(env: NodeJS.ProcessEnv): number {
  const asked = Number(env.SER_BUILD_JOBS);
  return Number.isInteger(asked) && asked >= 1 ? asked : Math.min(MAX_JOBS, availableParallelism());
}

/**
 * Where the addon for this source and this LibTorch belongs. The hash covers everything that changes the result: sources,
 * CMake files, Node-API headers, and the path of LibTorch, which is linked as the loader's search path. It does not cover the
 * CPU, because the addon is compiled for the platform's baseline: LibTorch picks its kernels at run time, and own code is then
 * the same on every machine of a shared home folder.
 */
export async function addonPlace(
  cache: string,
  libtorch: LibTorch,
  env: NodeJS.ProcessEnv = process.env,
): Promise<AddonPlace> {
  const hash = await sourceHash(libtorch, env);
  const dir = join(cache, 'addon', `${packageVersion()}-${libtorch.version}-${libtorch.variant}-${hash}`);
  return { dir, file: join(dir, 'build', 'Release', 'ser_native.node'), sourceHash: hash };
}

export interface BuildContext {
  cache: string;
  env: NodeJS.ProcessEnv;
  onEvent: SetupListener;
  signal?: AbortSignal;
}

/** Compiles the addon into its place, atomically; what an interrupted build left is removed. */
export async function buildAddon(
  place: AddonPlace,
  libtorch: LibTorch,
  context: BuildContext,
): Promise<void> {
  const { compiler } = await requireToolchain(context.env);
  const cuda = libtorch.variant === 'cuda' ? await cudaOptions(libtorch, context) : [];
  // The two variants share most of their objects; what the other one has compiled is linked as it is.
  const objects =
    process.platform === 'linux'
      ? await findObjects(context.cache, libtorch, compiler?.text ?? '')
      : undefined;
  await writeFolder(place.dir, async (partial) => {
    const work = join(partial, 'work');
    const log: string[] = [];
    const cmakeJs = join(dirname(require.resolve('cmake-js/package.json')), 'bin', 'cmake-js');
    const run = async (command: 'configure' | 'build', more: string[]): Promise<void> => {
      const onLine = (line: string): void => {
        log.push(line);
        reportProgress(line, context.onEvent);
      };
      const args = [
        cmakeJs,
        command,
        '--directory',
        PACKAGE_ROOT,
        '--out',
        work,
        '--config',
        'Release',
        ...more,
      ];
      const result = await runCommand(process.execPath, args, {
        cwd: partial,
        env: buildEnvironment(context.env),
        signal: context.signal,
        onLine,
      });
      if (result.status !== 0) throw await explainBuildFailure(log, place, work);
    };
    // Named in both calls, or cmake-js refuses a machine whose compiler is not called g++ or clang++; no C is compiled.
    const compilers = compiler === undefined ? [] : ['--cxx', compiler.program, '--cc', 'cc'];
    const options = [
      ...compilers,
      `--CDLIBTORCH_DIR=${libtorch.dir}`,
      '--CDSER_BUILD_TESTS=OFF',
      ...cuda,
      ...(objects === undefined
        ? []
        : [
            objects.file === undefined ? '--CDSER_KEEP_ARCHIVE=ON' : `--CDSER_ENGINE_ARCHIVE=${objects.file}`,
          ]),
    ];
    context.onEvent({ type: 'stage', stage: 'configure', text: 'Configuring the addon with CMake' });
    await run('configure', options);
    context.onEvent({
      type: 'stage',
      stage: 'compile',
      text: `Compiling the addon against LibTorch ${libtorch.version}`,
    });
    await run('build', [...compilers, '--parallel', String(buildJobs(context.env))]);
    const release = join(partial, 'build', 'Release');
    await mkdir(release, { recursive: true });
    await copyFile(join(work, 'Release', 'ser_native.node'), join(release, 'ser_native.node'));
    if (objects !== undefined && objects.file === undefined) await keepObjects(objects, work);
    // The precompiled header alone has some 470 MB.
    await rm(work, { recursive: true, force: true });
    await writeFile(join(partial, 'build.log'), `${log.join('\n')}\n`);
  });
}

/** What CMake needs for the kernels; the compiler is there, or set-up has fetched it before. */
async function cudaOptions(libtorch: LibTorch, { cache, env }: BuildContext): Promise<string[]> {
  const nvcc = await findNvcc(cache, await cudaMajor(libtorch.dir), env);
  return [
    '--CDSER_CUDA=ON',
    ...(nvcc === undefined ? [] : [`--CDSER_NVCC=${nvcc.program}`]),
    ...(env.SER_CUDA_ARCHS ? [`--CDSER_CUDA_ARCHS=${env.SER_CUDA_ARCHS.replaceAll(';', ',')}`] : []),
  ];
}

/** npm hands its settings to children as npm_config_*; cmake-js takes some of them for its own and CMake's options. */
function buildEnvironment(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(env).filter(([key]) => !/^npm_config_c?make_?/i.test(key)));
}

/** Make prints `[ 42%]`, ninja `[3/12]`. */
function reportProgress(line: string, onEvent: SetupListener): void {
  const percent = line.match(/^\[\s*(\d+)%\]/);
  if (percent !== null)
    onEvent({ type: 'progress', stage: 'compile', done: Number(percent[1]), total: 100, unit: 'steps' });
  const steps = line.match(/^\[(\d+)\/(\d+)\]/);
  if (steps !== null)
    onEvent({
      type: 'progress',
      stage: 'compile',
      done: Number(steps[1]),
      total: Number(steps[2]),
      unit: 'steps',
    });
}

async function explainBuildFailure(log: string[], place: AddonPlace, folder: string): Promise<unknown> {
  const text = log.join('\n');
  if (/No space left on device/.test(text))
    return explainDiskError(Object.assign(new Error('compiler'), { code: 'ENOSPC' }), folder);
  const logFile = `${place.dir}.failed.log`;
  await writeFile(logFile, `${text}\n`).catch(() => {});
  if (
    /(Killed|internal compiler error: Killed|out of memory|cannot allocate memory|std::bad_alloc)/i.test(text)
  ) {
    return new RuntimeError('The compiler was stopped for lack of memory while it compiled the addon.', {
      code: 'E_BUILD_MEMORY',
      cure: 'About 1.5 GB of free memory are needed per compiler: close other programs or add swap, then run `npx ser-native setup` again.',
    });
  }
  const telling = log.filter((line) => /\berror\b|CMake Error|undefined reference/i.test(line)).slice(0, 5);
  const errors = telling.length > 0 ? telling : log.filter((line) => line.trim() !== '').slice(-5);
  return new RuntimeError(
    `The addon could not be compiled:\n${errors.map((line) => `  ${line.trim()}`).join('\n') || '  no message'}`,
    {
      code: 'E_BUILD',
      cure: `The whole output is in ${logFile}; \`npx ser-native doctor\` prints what a bug report needs besides.`,
      details: { log: logFile },
    },
  );
}
