#!/usr/bin/env node
/**
 * Plants faults in the CUDA kernels' sources, one at a time in a scratch copy, and demands that the kernel's test in the emulator
 * notices each, and that it passes without one. Ends with 1 where a fault survives, a list is wrong or a test fails by itself.
 *   node scripts/planted-faults.mjs                        every list: native/test/cuda/faults/*.json
 *   node scripts/planted-faults.mjs reduce multi_loss      these lists
 *   node scripts/planted-faults.mjs --check                only whether the lists fit the sources; compiles nothing
 *   --jobs N   tests at once (default: half of the cores)      --compiler FILE   default: $CXX, else g++
 * A list:
 *   { "test": "native/test/cuda/x_kernel_test.cc",
 *     "faults": [{ "file": "native/x/x.cu", "what": "no barrier after the tile is loaded",
 *                  "text": "text that is in the file exactly once", "replacement": "what stands there instead" }] }
 */
import { spawn, spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const ROOT = fileURLToPath(new URL('../', import.meta.url));
const LISTS = 'native/test/cuda/faults';
const FLAGS = 'cmake/emulator_flags.txt';
/** One failed check is enough. */
const ENVIRONMENT = { ...process.env, LC_ALL: 'C', SER_FAIL_FAST: '1' };
/** What a test may take is what it took without a fault, times this, plus some seconds: a fault may well hang it. */
const PATIENCE = { factor: 5, seconds: 20 };

const { values: options, positionals } = readArguments();

function readArguments() {
  try {
    return parseArgs({
      allowPositionals: true,
      options: {
        check: { type: 'boolean', default: false },
        jobs: { type: 'string', default: String(Math.max(1, Math.floor(availableParallelism() / 2))) },
        compiler: { type: 'string', default: process.env.CXX || 'g++' },
      },
    });
  } catch (error) {
    console.error(`${error.message}. There are --check, --jobs N and --compiler FILE.`);
    process.exit(2);
  }
}

/** Reads one list; every sentence it returns in `wrong` says what does not hold in it. */
function readList(name) {
  const wrong = [];
  const list = JSON.parse(readFileSync(join(ROOT, LISTS, `${name}.json`), 'utf8'));
  if (typeof list.test !== 'string') wrong.push('"test" must be the path of a test from the root');
  if (!Array.isArray(list.faults) || list.faults.length === 0) wrong.push('"faults" must have an entry');
  for (const [index, fault] of (list.faults ?? []).entries()) {
    const missing = ['file', 'what', 'text', 'replacement'].filter((key) => typeof fault[key] !== 'string');
    if (missing.length > 0) {
      wrong.push(`fault ${index + 1} lacks ${missing.join(', ')}`);
      continue;
    }
    const found = readFileSync(join(ROOT, fault.file), 'utf8').split(fault.text).length - 1;
    if (found !== 1)
      wrong.push(`"${fault.what}": its text is in ${fault.file} ${found} times instead of once`);
    if (fault.text === fault.replacement) wrong.push(`"${fault.what}": the replacement changes nothing`);
  }
  return { name, ...list, wrong };
}

/** Runs a program to its end: exit status or signal, output, seconds; `limit` in seconds. */
function run(program, args, limit = 600) {
  return new Promise((resolve, reject) => {
    const started = performance.now();
    const child = spawn(program, args, {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: ENVIRONMENT,
    });
    let output = '';
    let late = false;
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text) => {
        output += text;
      });
    }
    const timer = setTimeout(() => {
      late = true;
      child.kill('SIGKILL');
    }, limit * 1000);
    child.on('error', reject);
    child.on('close', (status, signal) => {
      clearTimeout(timer);
      resolve({ status, signal, late, output, seconds: (performance.now() - started) / 1000 });
    });
  });
}

/** How a failed test noticed, in a few words. */
function symptom({ output, late, signal }) {
  if (late) return 'does not end';
  const sanitizer =
    /ERROR: AddressSanitizer: ([\w-]+)/.exec(output)?.[1] ?? /runtime error: ([^\n]{1,60})/.exec(output)?.[1];
  if (sanitizer) return `sanitizer: ${sanitizer}`;
  const failed = /^ {2}FAIL +(.+?)(?: \(\S+:\d+\))?$/m.exec(output)?.[1];
  if (failed) return `check: ${failed.slice(0, 80)}`;
  const thrown = /what\(\): +([^\n]{1,80})/.exec(output)?.[1];
  return thrown ? `thrown: ${thrown}` : `ends with ${signal ?? 'an error'}`;
}

async function compile(folder, sources, target, extra = []) {
  const flags = `@${join(folder, FLAGS)}`;
  return run(options.compiler, [flags, `-I${join(folder, 'native')}`, ...extra, ...sources, '-o', target]);
}

/** Compiles and runs a list's test in `folder`, a copy of the tree, with one fault or with none. */
async function trial(folder, core, list, fault, limit) {
  const program = join(folder, 'test');
  const file = fault && join(folder, fault.file);
  const original = fault && readFileSync(file, 'utf8');
  if (fault) writeFileSync(file, original.split(fault.text).join(fault.replacement));
  try {
    const built = await compile(folder, [join(folder, list.test), core], program);
    if (built.status !== 0) return { verdict: 'does not compile', detail: built.output };
    const ended = await run(program, [], limit);
    if (ended.status === 0) return { verdict: 'passes', seconds: ended.seconds, detail: '' };
    return { verdict: 'fails', seconds: ended.seconds, symptom: symptom(ended), detail: ended.output };
  } finally {
    if (fault) writeFileSync(file, original);
  }
}

function copyTree(to) {
  for (const path of ['native', FLAGS]) {
    mkdirSync(dirname(join(to, path)), { recursive: true });
    cpSync(join(ROOT, path), join(to, path), { recursive: true });
  }
}

/** All faults of the lists, by `jobs` workers with a copy of the tree each. Rows in the order of the lists. */
async function plantAll(lists, scratch, jobs) {
  const tasks = lists.map((list) => ({ list }));
  const trials = lists.reduce((sum, { faults }) => sum + 1 + faults.length, 0);
  const rows = [];
  const worker = async (number) => {
    const folder = join(scratch, `tree-${number}`);
    copyTree(folder);
    const core = join(folder, 'emulator.o');
    const built = await compile(folder, [join(folder, 'native/test/emulator/emulator.cc')], core, ['-c']);
    if (built.status !== 0) throw new Error(`the emulator does not compile:\n${built.output}`);
    for (let task = tasks.shift(); task; task = tasks.shift()) {
      const { list, fault, limit } = task;
      const result = await trial(folder, core, list, fault, limit);
      const wanted = fault ? 'fails' : 'passes';
      const row = {
        list: list.name,
        what: fault?.what ?? '(none)',
        ok: result.verdict === wanted,
        ...result,
      };
      rows.push({ row, rank: [lists.indexOf(list), fault ? list.faults.indexOf(fault) : -1] });
      console.error(
        `${rows.length}/${trials} ${row.ok ? 'ok  ' : 'MISS'} ${row.list}: ${row.what}: ${row.verdict}`,
      );
      if (!row.ok) console.error(result.detail.split('\n').slice(-40).join('\n'));
      if (!fault && row.ok) {
        const allowed = PATIENCE.factor * result.seconds + PATIENCE.seconds;
        tasks.push(...list.faults.map((each) => ({ list, fault: each, limit: allowed })));
      }
    }
  };
  await Promise.all(Array.from({ length: jobs }, (_, number) => worker(number)));
  return rows.sort((a, b) => a.rank[0] - b.rank[0] || a.rank[1] - b.rank[1]).map(({ row }) => row);
}

function table(rows) {
  const cells = rows.map((row) => [
    row.list,
    row.what,
    row.ok ? (row.symptom ?? 'passes') : `MISSED: ${row.verdict}`,
    row.seconds === undefined ? '' : `${row.seconds.toFixed(1)} s`,
  ]);
  const all = [['kernel', 'fault', 'test', ''], ...cells];
  const widths = [0, 1, 2].map((column) => Math.max(...all.map((row) => row[column].length)));
  return all.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd(),
  );
}

const known = readdirSync(join(ROOT, LISTS))
  .filter((file) => file.endsWith('.json'))
  .map((file) => basename(file, '.json'))
  .sort();
const unknown = positionals.filter((name) => !known.includes(name));
if (unknown.length > 0 || !/^[1-9]\d*$/.test(options.jobs)) {
  console.error(
    unknown.length > 0
      ? `No list ${unknown.join(', ')}; there are ${known.join(', ')}.`
      : '--jobs takes a number.',
  );
  process.exit(2);
}
const lists = (positionals.length > 0 ? positionals : known).map(readList);
const wrong = lists.flatMap((list) => list.wrong.map((what) => `${LISTS}/${list.name}.json: ${what}`));
for (const what of wrong) console.error(what);
const count = lists.reduce((sum, list) => sum + (list.faults?.length ?? 0), 0);
if (wrong.length > 0) process.exit(1);
if (options.check) {
  console.log(`planted-faults: ${count} faults in ${lists.length} lists fit the sources.`);
  process.exit(0);
}

const compiler = spawnSync(options.compiler, ['--version'], { stdio: 'ignore' });
if (compiler.error !== undefined) {
  console.error(
    `The compiler ${options.compiler} cannot be run (${compiler.error.code}). Install it, or name another: --compiler FILE.`,
  );
  process.exit(2);
}
console.error(`planted-faults: ${count} faults in ${lists.length} lists, each compiled and run`);
const scratch = mkdtempSync(join(tmpdir(), 'ser-faults-'));
for (const signal of ['SIGINT', 'SIGTERM']) {
  process.once(signal, () => {
    rmSync(scratch, { recursive: true, force: true });
    process.exit(1);
  });
}
try {
  const rows = await plantAll(lists, scratch, Math.min(Number(options.jobs), count + lists.length));
  console.log(table(rows).join('\n'));
  const caught = rows.filter((row) => row.ok && row.what !== '(none)').length;
  console.log(`planted-faults: ${caught} of ${count} faults caught.`);
  process.exitCode = rows.every((row) => row.ok) && caught === count ? 0 : 1;
} finally {
  rmSync(scratch, { recursive: true, force: true });
}
