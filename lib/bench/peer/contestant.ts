/**
 * A program that is compared with: a process of its own that answers lines of JSON (scripts/bench/protocol.py) and sleeps unless it
 * is asked.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { RuntimeError } from '../../errors.js';

/** Compiling a model may take minutes on a busy machine; an answer that takes longer than this never comes. */
const ANSWER_MS = 900_000;
/** Of what a program writes to stderr, the end. */
const KEPT_LOG = 4000;

const alive = new Set<ChildProcess>();
let guarded = false;

/** A stopped process would outlive its parent. */
function guardExit(): void {
  if (guarded) return;
  guarded = true;
  process.once('exit', () => {
    for (const child of alive) child.kill('SIGKILL');
  });
}

export interface ContestantOptions {
  threads?: number;
  env?: NodeJS.ProcessEnv;
  /** Aborting ends it at once. */
  signal?: AbortSignal;
}

export class Contestant {
  readonly name: string;
  /** What it says of itself once it is loaded. */
  facts: Record<string, unknown> = {};
  readonly #child: ChildProcess;
  readonly #answers: AsyncIterator<string>;
  #log = '';

  private constructor(name: string, child: ChildProcess) {
    this.name = name;
    this.#child = child;
    this.#answers = createInterface({ input: child.stdout! })[Symbol.asyncIterator]();
  }

  /**
   * Starts a program and waits until it says that it is loaded.
   *
   * @throws RuntimeError `E_PEER` with what it said where it fails
   */
  static async start(
    name: string,
    command: string,
    args: readonly string[],
    { threads, env = {}, signal }: ContestantOptions = {},
  ): Promise<Contestant> {
    guardExit();
    const count = String(threads);
    const child = spawn(command, args, {
      stdio: ['pipe', 'pipe', 'pipe'],
      // Out of reach of the terminal's Ctrl-C: who asks decides when it ends.
      detached: process.platform !== 'win32',
      env: {
        ...process.env,
        ...(threads === undefined
          ? {}
          : { OMP_NUM_THREADS: count, MKL_NUM_THREADS: count, SER_THREADS: count }),
        PYTHONUNBUFFERED: '1',
        HF_HUB_OFFLINE: '1',
        TOKENIZERS_PARALLELISM: 'false',
        ...env,
      },
    });
    alive.add(child);
    const end = () => child.kill('SIGKILL');
    signal?.addEventListener('abort', end, { once: true });
    child.once('exit', () => {
      alive.delete(child);
      signal?.removeEventListener('abort', end);
    });
    child.on('error', () => {}); // told by the missing answer
    child.stdin.on('error', () => {});
    const contestant = new Contestant(name, child);
    child.stderr.on('data', (data: Buffer) => {
      contestant.#log = (contestant.#log + data).slice(-KEPT_LOG);
    });
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
  async ask<T>(request: { do: string } & Record<string, unknown>): Promise<T> {
    this.#signal('SIGCONT');
    this.#child.stdin!.write(`${JSON.stringify(request)}\n`);
    const answer = await this.#answer(request.do);
    this.sleep();
    return answer as T;
  }

  /** Idle threads of LibTorch and ONNX Runtime may spin, and would then take a core from whoever's turn it is. */
  sleep(): void {
    this.#signal('SIGSTOP');
  }

  kill(): void {
    this.#child.kill('SIGKILL');
  }

  #signal(signal: NodeJS.Signals): void {
    if (process.platform !== 'win32') this.#child.kill(signal);
  }

  async #answer(what: string): Promise<Record<string, unknown>> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(
        () => reject(failure(`${this.name}: no answer to "${what}" in ${ANSWER_MS / 60_000} min`)),
        ANSWER_MS,
      );
    });
    try {
      const { value, done } = await Promise.race([this.#answers.next(), late]);
      if (done) {
        throw failure(
          `${this.name} ended at "${what}": ${this.#log.trim().split('\n').at(-1) || 'it said nothing'}`,
        );
      }
      const answer = JSON.parse(value) as Record<string, unknown>;
      if (answer.error) throw failure(`${this.name}: ${answer.error}`);
      return answer;
    } finally {
      clearTimeout(timer);
    }
  }
}

const failure = (message: string) =>
  new RuntimeError(message, {
    code: 'E_PEER',
    cure: 'Run its Python with the same packages by hand, or leave the comparison out.',
  });

/** Path of a file of scripts/bench, which is part of the package. */
export const peerScript = (name: string): string =>
  fileURLToPath(new URL(`../../../scripts/bench/${name}`, import.meta.url));
