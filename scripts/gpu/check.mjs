/**
 * Sets up the CUDA variant on this machine, tests it and measures it: docs/gpu.md. Needs no network where LibTorch is there, and no
 * development package. Ends with 4 where there is no GPU, with 1 where something failed.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join, relative, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { runCli } from './cli-tests.mjs';
import { buildJobs, buildTests, runTests, sanitize } from './cpp-tests.mjs';
import { Steps } from './run.mjs';

const ROOT = resolve(import.meta.dirname ?? new URL('.', import.meta.url).pathname, '..', '..');
const HELP = `scripts/gpu-check [options]: set up, test and measure the CUDA variant; see docs/gpu.md

  --from PATH        LibTorch to build against (default: what is set up, else that of --python)
  --python PROGRAM   Python whose torch is LibTorch, and whose transformers is compared with (default: python3)
  --tests-only       no bench
  --bench-only       no tests
  --no-sanitizer     no compute-sanitizer
  --encoder LIST     encoders for bench (default: wavlm-base,wavlm-large)
  --out DIR          where the results go (default: bench/results)
  --logs DIR         where logs and the tests' build go (default: runs/gpu-check)`;

const flags = readFlags();
if (flags.help) {
  console.log(HELP);
  process.exit(0);
}
const main = join(ROOT, 'dist', 'cli', 'main.js');
if (!existsSync(main)) {
  console.error('dist/cli/main.js is missing: run `npm run build` in the checkout first.');
  process.exit(2);
}
const { findDriver } = await import('../../dist/runtime/gpu.js');
const driver = await findDriver();
if (driver.problem !== undefined) {
  console.error(`No GPU can be used here: ${driver.problem}. ${driver.cure ?? ''}`.trim());
  process.exit(4);
}

const gpu = driver.gpus[0];
const name = `gpu-${gpu.name.toLowerCase().replace(/[^a-z0-9]+/g, '-')}`;
// Code for this GPU alone compiles in a third of the time.
if (gpu.capability !== null) process.env.SER_CUDA_ARCHS ??= gpu.capability.replace('.', '');
process.env.SER_BUILD_JOBS ??= String(buildJobs());
console.log(`${gpu.name}, driver ${driver.version}`);

const steps = new Steps(resolve(flags.logs));
const started = new Date().toISOString();
const libtorch = await setUp();
if (libtorch !== undefined) {
  if (!flags['bench-only']) {
    const { SER_CUDA_ARCHS: archs, SER_BUILD_JOBS: jobs } = process.env;
    const tests = await buildTests(steps, { libtorch, archs, folder: join(steps.logs, 'build'), jobs });
    if (tests !== undefined) await runTests(steps, tests);
    await runCli(steps);
    if (tests !== undefined && !flags['no-sanitizer']) await sanitize(steps, tests);
  }
  if (!flags['tests-only']) await measure();
}
finish();

function readFlags() {
  try {
    return parseArgs({
      options: {
        from: { type: 'string' },
        python: { type: 'string', default: 'python3' },
        'tests-only': { type: 'boolean' },
        'bench-only': { type: 'boolean' },
        'no-sanitizer': { type: 'boolean' },
        encoder: { type: 'string', default: 'wavlm-base,wavlm-large' },
        out: { type: 'string', default: join(ROOT, 'bench', 'results') },
        logs: { type: 'string', default: join(ROOT, 'runs', 'gpu-check') },
        help: { type: 'boolean' },
      },
    }).values;
  } catch (error) {
    console.error(`${error.message}\n\n${HELP}`);
    process.exit(2);
  }
}

async function setUp() {
  const ready = await steps.check('set-up of the CUDA variant', async () => {
    const from = flags.from ?? (await unsetTorch());
    const args = [main, 'setup', '--variant', 'cuda', '--yes', '--json', ...(from ? ['--from', from] : [])];
    const { output } = await steps.program('setup', process.execPath, args, { timeoutS: 1800 });
    const { libtorch: found, verdict } = JSON.parse(output.trim().split('\n').at(-1));
    if (!verdict.gpu?.ok) throw new Error(`the trial step did not run on the GPU: ${verdict.gpu?.reason}`);
    return { ...found, gpu: verdict.gpu.name };
  });
  if (ready !== undefined) console.log(`      LibTorch ${ready.version} in ${ready.dir}, on ${ready.gpu}`);
  return ready;
}

/** The folder of Python's torch, where no LibTorch with CUDA is set up; else nothing, and set-up takes what it has. */
async function unsetTorch() {
  const { cacheRoot } = await import('../../dist/runtime/cache.js');
  const { findLibTorch } = await import('../../dist/runtime/libtorch.js');
  if ((await findLibTorch(cacheRoot(), 'cuda').catch(() => undefined)) !== undefined) return undefined;
  const asked = spawnSync(flags.python, ['-c', 'import torch; print(torch.__path__[0])'], {
    encoding: 'utf8',
  });
  return asked.status === 0 ? asked.stdout.trim() : undefined;
}

async function measure() {
  mkdirSync(flags.out, { recursive: true });
  const bench = async (what, args, timeoutS) => {
    const file = join(flags.out, `${name}-${what}.json`);
    await steps.check(`bench: ${what}`, async () => {
      const common = ['bench', '--device', 'cuda', '--json', file];
      await steps.program(`bench-${what}`, process.execPath, [main, ...common, ...args], { timeoutS });
      return { file: relative(ROOT, file) };
    });
  };
  const compare = ['--compare', 'transformers', '--python', flags.python, '--offline'];
  await bench('operations', ['--encoder', 'none', '--batch', '32'], 900);
  await bench(
    'inference',
    ['--encoder', flags.encoder, '--task', 'inference', '--batch', '32', '--precision', 'bf16', ...compare],
    1800,
  );
  await bench(
    'train',
    ['--encoder', flags.encoder, '--task', 'train', '--batch', '32', '--precision', 'bf16', ...compare],
    1800,
  );
  await bench(
    'train-lengths',
    [
      '--encoder',
      flags.encoder,
      '--task',
      'train',
      '--batch',
      '32',
      '--precision',
      'bf16',
      '--lengths',
      'iemocap',
      ...compare,
    ],
    1800,
  );
}

function finish() {
  mkdirSync(flags.out, { recursive: true });
  const file = join(flags.out, `${name}-check.json`);
  const report = {
    schema: 'ser-native/gpu-check@1',
    started,
    gpu: gpu.name,
    driver: driver.version,
    libtorch: libtorch?.version ?? null,
    ok: steps.failed.length === 0,
    steps: steps.done,
  };
  writeFileSync(file, `${JSON.stringify(report, null, 2)}\n`);
  const skipped = steps.done.filter((step) => step.skipped !== undefined).length;
  console.log(
    `\n${steps.done.length - steps.failed.length - skipped} passed, ${steps.failed.length} failed, ${skipped} skipped; ${relative(process.cwd(), file)}, logs in ${relative(process.cwd(), steps.logs)}`,
  );
  process.exit(steps.failed.length === 0 ? 0 : 1);
}
