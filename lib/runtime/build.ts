/** Compiles the addon with cmake-js into the cache. */

import { createHash } from 'node:crypto';
import { copyFile, mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { availableParallelism } from 'node:os';
import { dirname, join, relative, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { RuntimeError } from '../errors.js';
import { explainDiskError, writeFolder } from './cache.js';
import type { LibTorch } from './libtorch.js';
import { runCommand } from './run-command.js';
import type { SetupListener } from './setup-event.js';
import { requireToolchain } from './toolchain.js';

/** Folder of this package: two levels above both `lib/runtime` and `dist/runtime`. */
export const PACKAGE_ROOT = fileURLToPath(new URL('../../', import.meta.url));

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

/**
 * Where the addon for this source and this LibTorch belongs. The hash covers everything that changes the result: sources,
 * CMake files, Node-API headers, and the path of LibTorch, which is linked as the loader's search path. It does not cover the
 * CPU, because the addon is compiled for the platform's baseline: LibTorch picks its kernels at run time, and own code is then
 * the same on every machine of a shared home folder.
 */
export async function addonPlace(cache: string, libtorch: LibTorch): Promise<AddonPlace> {
  const packageJson = JSON.parse(await readFile(join(PACKAGE_ROOT, 'package.json'), 'utf8')) as {
    version: string;
  };
  const sourceHash = await hashSources(libtorch);
  const dir = join(
    cache,
    'addon',
    `${packageJson.version}-${libtorch.version}-${libtorch.variant}-${sourceHash}`,
  );
  return { dir, file: join(dir, 'build', 'Release', 'ser_native.node'), sourceHash };
}

async function hashSources(libtorch: LibTorch): Promise<string> {
  const hash = createHash('sha256');
  const files = ['CMakeLists.txt'];
  for (const folder of ['cmake', 'native']) {
    for (const entry of await readdir(join(PACKAGE_ROOT, folder), { recursive: true, withFileTypes: true })) {
      if (entry.isFile())
        files.push(
          relative(PACKAGE_ROOT, join(entry.parentPath ?? entry.path, entry.name))
            .split(sep)
            .join('/'),
        );
    }
  }
  // Tests and experiments are no part of the addon: an edit there must not cost a build.
  for (const file of files
    .filter((name) => !/^native\/(test|lab)\//.test(name) && /\.(txt|cmake|h|cc|cu|cuh)$/.test(name))
    .sort()) {
    hash
      .update(`${file}\0`)
      .update(await readFile(join(PACKAGE_ROOT, file)))
      .update('\0');
  }
  for (const name of ['node-addon-api', 'node-api-headers']) {
    hash.update((require(`${name}/package.json`) as { version: string }).version).update('\0');
  }
  return hash.update(libtorch.dir).digest('hex').slice(0, 12);
}

export interface BuildContext {
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
      `--CDSER_CUDA=${libtorch.variant === 'cuda' ? 'ON' : 'OFF'}`,
    ];
    context.onEvent({ type: 'stage', stage: 'configure', text: 'Configuring the addon with CMake' });
    await run('configure', options);
    context.onEvent({
      type: 'stage',
      stage: 'compile',
      text: `Compiling the addon against LibTorch ${libtorch.version}`,
    });
    await run('build', [...compilers, '--parallel', String(Math.min(MAX_JOBS, availableParallelism()))]);
    const release = join(partial, 'build', 'Release');
    await mkdir(release, { recursive: true });
    await copyFile(join(work, 'Release', 'ser_native.node'), join(release, 'ser_native.node'));
    // The precompiled header alone has some 470 MB.
    await rm(work, { recursive: true, force: true });
    await writeFile(join(partial, 'build.log'), `${log.join('\n')}\n`);
  });
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
