/** The C++ tests that need a GPU: compiled against the LibTorch of the set-up, run, and run again under compute-sanitizer. */
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { availableParallelism, totalmem } from 'node:os';
import { delimiter, join } from 'node:path';
import { cacheRoot } from '../../dist/runtime/cache.js';
import { cudaMajor } from '../../dist/runtime/libtorch.js';
import { findNvcc } from '../../dist/runtime/nvcc.js';
import { findObjects } from '../../dist/runtime/objects.js';
import { PACKAGE_ROOT } from '../../dist/runtime/sources.js';
import { findCompiler } from '../../dist/runtime/toolchain.js';

const TESTS = readdirSync(join(PACKAGE_ROOT, 'native/test/gpu'))
  .filter((file) => file.endsWith('_test.cc'))
  .map((file) => file.slice(0, -'.cc'.length))
  .sort();
const SKIPPED = 77;
/** A compiler on the headers of LibTorch. */
const COMPILER_BYTES = 1.5e9;

/** Compilers that may run at once. */
export function buildJobs() {
  return Math.max(1, Math.min(availableParallelism(), Math.floor((totalmem() * 0.7) / COMPILER_BYTES)));
}

/** @returns the folder of the tests; undefined where they could not be built */
export async function buildTests(steps, { libtorch, archs, folder, jobs }) {
  return await steps.check('C++ GPU tests: compile', async () => {
    const nvcc = await findNvcc(cacheRoot(), await cudaMajor(libtorch.dir));
    const compiler = await findCompiler();
    const objects = await findObjects(cacheRoot(), libtorch, compiler?.text ?? '');
    const options = [
      '-DCMAKE_BUILD_TYPE=Release',
      `-DLIBTORCH_DIR=${libtorch.dir}`,
      '-DSER_CUDA=ON',
      ...(nvcc === undefined ? [] : [`-DSER_NVCC=${nvcc.program}`]),
      ...(archs === undefined ? [] : [`-DSER_CUDA_ARCHS=${archs}`]),
      ...(objects.file === undefined ? [] : [`-DSER_ENGINE_ARCHIVE=${objects.file}`]),
    ];
    const env = { PATH: [join(process.execPath, '..'), process.env.PATH].join(delimiter) };
    await steps.program('cpp-configure', 'cmake', ['-S', PACKAGE_ROOT, '-B', folder, ...options], { env });
    await steps.program(
      'cpp-compile',
      'cmake',
      ['--build', folder, '--target', 'ser_gpu_tests', '--parallel', jobs],
      { env, timeoutS: 1800 },
    );
    return folder;
  });
}

export async function runTests(steps, folder) {
  for (const name of TESTS) {
    await steps.check(`C++ GPU test: ${name}`, async () => {
      const { status, output } = await steps.program(name, join(folder, name), [], {
        timeoutS: 900,
        codes: [0, SKIPPED],
      });
      if (status === SKIPPED) throw new Error(output.trim());
      return { checks: (output.match(/^ {2}ok /gm) ?? []).length };
    });
  }
}

function findSanitizer() {
  const homes = [process.env.CUDA_HOME, process.env.CUDA_PATH, '/usr/local/cuda'].filter(Boolean);
  const candidates = ['compute-sanitizer', ...homes.map((home) => join(home, 'bin', 'compute-sanitizer'))];
  return candidates.find(
    (program) =>
      (program === 'compute-sanitizer' || existsSync(program)) &&
      spawnSync(program, ['--version']).status === 0,
  );
}

/** Our kernels under NVIDIA's sanitizers, at the smaller sizes. LibTorch's pool of memory is off, since it would hide overruns. */
export async function sanitize(steps, folder) {
  const program = findSanitizer();
  if (program === undefined) {
    steps.skip('compute-sanitizer', 'it was not found on PATH or below CUDA_HOME');
    return;
  }
  for (const tool of ['memcheck', 'racecheck', 'synccheck']) {
    const name = `compute-sanitizer ${tool}`;
    const test = [join(folder, 'device_ops_test'), '--quick'];
    let unsupported = false;
    const once = async (own) => {
      const { status, output } = await steps.program(name, program, ['--tool', tool, ...own, ...test], {
        env: { PYTORCH_NO_CUDA_MEMORY_CACHING: '1' },
        timeoutS: 900,
        onLine: (line) => {
          unsupported ||= /not supported/i.test(line);
        },
        codes: [0, 1, 9, 255],
      });
      const [text, count] = output.match(/(?:ERROR|RACECHECK) SUMMARY: (\d+)[^\n]*/) ?? [];
      return text === undefined ? null : { text, clean: count === '0', status };
    };
    await steps.check(name, async () => {
      // It watches every kernel, LibTorch's and NVIDIA's too; those are not ours to mend. Older ones know no such filter.
      const summary = (await once(['--kernel-name', 'kns=3ser'])) ?? (await once([]));
      if (unsupported && summary === null)
        return { note: 'this device or its driver does not support the tool' };
      if (summary === null) throw new Error('it printed no summary; see its log');
      if (!summary.clean) throw new Error(`${summary.text}; see its log`);
      // No error of memory, but the test itself failed: then it need not have come to all of its kernels.
      if (summary.status !== 0) throw new Error(`the test ended with ${summary.status}; see its log`);
      return { summary: summary.text };
    });
  }
}
