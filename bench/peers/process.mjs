/** Programs that are compared run as processes of their own and take turns: only one of them is awake at a time. */
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

/** Exports and checkpoints may take minutes on a busy machine; an answer that takes longer than this never comes. */
const ANSWER_MS = 900_000;
const alive = new Set();
const temporary = new Set();

// A stopped process would outlive its parent.
process.once('exit', () => {
  for (const child of alive) child.kill('SIGKILL');
  for (const folder of temporary) rmSync(folder, { recursive: true, force: true });
});
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.once(signal, () => process.exit(130));

/** What the user can mend: told without a stack. */
export class BenchError extends Error {}

/** Runs main() and tells its failure: that of the user's doing in a line, any other with its stack. */
export async function runProgram(main) {
  try {
    await main();
  } catch (error) {
    process.stderr.write(error instanceof BenchError ? `${error.message}\n` : `${error?.stack ?? error}\n`);
    process.exitCode = 1;
  }
  for (const child of alive) child.kill('SIGKILL');
}

/** The folder that --keep names, or one that is gone when the program ends. */
export function workFolder(keep) {
  if (keep) {
    mkdirSync(keep, { recursive: true });
    return resolve(keep);
  }
  const folder = mkdtempSync(join(tmpdir(), 'ser-bench-'));
  temporary.add(folder);
  return folder;
}

export class Contestant {
  #child;
  #answers;
  #log = '';

  /** Starts `command` and resolves once it says that it is loaded; `facts` is what it says of itself. */
  static async start(name, command, args, { threads, env = {} } = {}) {
    const contestant = new Contestant();
    contestant.name = name;
    contestant.#child = spawn(command, args, {
      stdio: ['pipe', 'pipe', 'pipe'],
      env: {
        ...process.env,
        ...(threads && {
          OMP_NUM_THREADS: String(threads),
          MKL_NUM_THREADS: String(threads),
          SER_THREADS: String(threads),
        }),
        PYTHONUNBUFFERED: '1',
        HF_HUB_OFFLINE: '1',
        TOKENIZERS_PARALLELISM: 'false',
        ...env,
      },
    });
    alive.add(contestant.#child);
    contestant.#child.once('exit', () => alive.delete(contestant.#child));
    contestant.#child.on('error', () => {}); // told by the missing answer
    contestant.#child.stdin.on('error', () => {});
    contestant.#child.stderr.on('data', (data) => {
      contestant.#log = (contestant.#log + data).slice(-4000);
    });
    contestant.#answers = createInterface({ input: contestant.#child.stdout })[Symbol.asyncIterator]();
    try {
      contestant.facts = await contestant.#answer('start');
    } catch (error) {
      contestant.kill();
      throw error;
    }
    contestant.sleep();
    return contestant;
  }

  /** Wakes it, asks, and puts it to sleep again. */
  async ask(request) {
    this.#signal('SIGCONT');
    this.#child.stdin.write(`${JSON.stringify(request)}\n`);
    const answer = await this.#answer(request.do);
    this.sleep();
    return answer;
  }

  /** Idle threads of LibTorch and ONNX Runtime may spin, and would then take a core from whoever's turn it is. */
  sleep() {
    this.#signal('SIGSTOP');
  }

  kill() {
    this.#child.kill('SIGKILL');
  }

  #signal(signal) {
    if (process.platform !== 'win32') this.#child.kill(signal);
  }

  async #answer(what) {
    let timer;
    const late = new Promise((_, reject) => {
      timer = setTimeout(
        () => reject(new BenchError(`${this.name}: no answer to "${what}" in ${ANSWER_MS / 60_000} min`)),
        ANSWER_MS,
      );
    });
    try {
      const { value, done } = await Promise.race([this.#answers.next(), late]);
      if (done)
        throw new BenchError(`${this.name} ended at "${what}":\n${this.#log.trim() || 'it said nothing'}`);
      const answer = JSON.parse(value);
      if (answer?.error) throw new BenchError(`${this.name}: ${answer.error}\n${this.#log.trim()}`);
      return answer;
    } finally {
      clearTimeout(timer);
    }
  }
}

/** Path of a file of this folder. */
export const here = (name) => fileURLToPath(new URL(name, import.meta.url));

/** Flags of the processor that matter to speed, and whether it multiplies bf16 itself. */
export async function processor() {
  if (!existsSync(here('../../dist/index.js'))) throw new BenchError('dist/ is missing: npm run build');
  const { describeCpu } = await import('../../dist/runtime/toolchain.js');
  const { isa } = await describeCpu('');
  return { isa, bf16: ['avx512_bf16', 'amx_bf16'].some((flag) => isa.includes(flag)) };
}

/** A whole number of at least `least`, as given to an option. */
export function count(options, name, least = 1) {
  const value = Number(options[name]);
  if (!Number.isInteger(value) || value < least) {
    throw new BenchError(`--${name} takes a whole number of at least ${least}, not "${options[name]}"`);
  }
  return value;
}

/**
 * Versions of the packages that a benchmark needs, by name; fails saying which are missing.
 * @param python program, as given by --python
 */
export function requirePython(python, packages) {
  const code = `
import importlib.metadata, json
found = {}
for name in ${JSON.stringify(packages)}:
    try: found[name] = importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError: found[name] = None
print(json.dumps(found))`;
  const result = spawnSync(python, ['-c', code], { encoding: 'utf8' });
  const install = 'pip install -r bench/peers/requirements.txt';
  if (result.error || result.status !== 0) {
    const why = result.error ? result.error.message : result.stderr.trim();
    throw new BenchError(
      `${python} cannot be run (${why}). Name a Python with --python PATH, and in it: ${install}`,
    );
  }
  const versions = JSON.parse(result.stdout);
  const missing = packages.filter((name) => versions[name] === null);
  if (missing.length > 0) {
    throw new BenchError(
      `${python} lacks ${missing.join(', ')}. Name another with --python PATH, or: ${install}`,
    );
  }
  return versions;
}

/** Runs a program to its end; fails with what it said. */
export function runToEnd(command, args) {
  const result = spawnSync(command, args, { encoding: 'utf8', maxBuffer: 1e8 });
  if (result.error || result.status !== 0) {
    throw new BenchError(`${[command, ...args].join(' ')}: ${result.error?.message ?? result.stderr.trim()}`);
  }
}

/**
 * Lets all take turns, `rounds` times after `warmups`: whatever else the machine does meets everyone alike. Who begins changes
 * from round to round.
 *
 * @returns each contestant's answers, one a round, by name
 */
export async function takeTurns(contestants, { rounds, warmups, request, onRound = () => {} }) {
  const answers = Object.fromEntries(contestants.map(({ name }) => [name, []]));
  for (let round = -warmups; round < rounds; round++) {
    for (let turn = 0; turn < contestants.length; turn++) {
      const contestant = contestants[(turn + Math.max(0, round)) % contestants.length];
      const answer = await contestant.ask(request);
      if (round >= 0) answers[contestant.name].push(answer);
    }
    onRound(round + warmups + 1, rounds + warmups);
  }
  return answers;
}
