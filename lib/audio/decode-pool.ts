/** Decodes many files at once, in worker threads where that pays, else on the calling thread. */
import { existsSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { InterruptedError, RuntimeError } from '../errors.js';
import { AudioError } from './audio-error.js';
import { type DecodedFile, decodeFile } from './decode.js';
import type { DecodeReply, DecodeRequest } from './decode-worker.js';
import { DECODE_TIMEOUT_MS } from './ffmpeg.js';

export interface DecodePool {
  /** Files decoded at a time. */
  readonly size: number;
  readonly threads: boolean;
  /** As `decodeFile`. */
  decode(path: string): Promise<DecodedFile>;
  /** Ends the threads; files still being decoded are rejected with InterruptedError. */
  close(): Promise<void>;
}

export interface DecodePoolOptions {
  /** Files to come: few do not repay the start of threads. */
  files: number;
  /** Threads; default one per available core, at most 8. */
  concurrency?: number;
  timeoutMs?: number;
  signal?: AbortSignal;
}

const FILES_PER_THREAD = 24;
const MAX_THREADS = 8;
/** Beyond the decoder's own limit, which a thread caught in a loop cannot keep. */
const GRACE_MS = 5_000;

export function createDecodePool(options: DecodePoolOptions): DecodePool {
  const wanted = options.concurrency ?? Math.min(availableParallelism(), MAX_THREADS);
  const size = Math.min(wanted, Math.floor(options.files / FILES_PER_THREAD));
  // Run from TypeScript sources (tests), there is no compiled file that a thread could load.
  const script = fileURLToPath(new URL('./decode-worker.js', import.meta.url));
  return size >= 2 && existsSync(script) ? new ThreadPool(script, size, options) : inlinePool(options);
}

function inlinePool({ timeoutMs, signal }: DecodePoolOptions): DecodePool {
  const stop = new AbortController();
  const both = signal === undefined ? stop.signal : AbortSignal.any([signal, stop.signal]);
  return {
    size: 1,
    threads: false,
    async decode(path) {
      // Decoding is synchronous for most formats: let signals and timers run between two files.
      await new Promise((resume) => setImmediate(resume));
      return decodeFile(path, { timeoutMs, signal: both });
    },
    close: async () => stop.abort(),
  };
}

interface Job {
  path: string;
  resolve(file: DecodedFile): void;
  reject(error: Error): void;
}

interface Slot {
  worker: Worker;
  job?: Job;
  timer?: NodeJS.Timeout;
}

class ThreadPool implements DecodePool {
  readonly threads = true;
  readonly #slots: Slot[] = [];
  readonly #waiting: Job[] = [];
  readonly #onAbort = () => void this.close();
  #closing: Promise<void> | undefined;

  constructor(
    private readonly script: string,
    readonly size: number,
    private readonly options: DecodePoolOptions,
  ) {
    for (let i = 0; i < size; i++) this.#slots.push(this.#start());
    options.signal?.addEventListener('abort', this.#onAbort, { once: true });
  }

  decode(path: string): Promise<DecodedFile> {
    if (this.#closing !== undefined) return Promise.reject(stopped());
    return new Promise((resolve, reject) => {
      this.#waiting.push({ path, resolve, reject });
      this.#dispatch();
    });
  }

  close(): Promise<void> {
    this.#closing ??= this.#stop();
    return this.#closing;
  }

  async #stop(): Promise<void> {
    this.options.signal?.removeEventListener('abort', this.#onAbort);
    for (const job of this.#waiting.splice(0)) job.reject(stopped());
    await Promise.all(
      this.#slots.map(async (slot) => {
        const busy = slot.job !== undefined;
        this.#finish(slot)?.reject(stopped());
        if (busy) {
          // A moment to end its ffmpeg; a thread caught in a decoder never hears us.
          slot.worker.postMessage('stop');
          await Promise.race([
            new Promise((resolve) => slot.worker.once('exit', resolve)),
            new Promise((resolve) => setTimeout(resolve, 1_000).unref()),
          ]);
        }
        await slot.worker.terminate();
      }),
    );
  }

  #start(): Slot {
    // Its own empty argument list: flags of the main thread may make no sense in a worker.
    const slot: Slot = { worker: new Worker(this.script, { argv: [], execArgv: [] }) };
    slot.worker.on('message', (reply: DecodeReply) => {
      const job = this.#finish(slot);
      if (job !== undefined) settle(job, reply);
      this.#dispatch();
    });
    slot.worker.on('error', (cause) => this.#replace(slot, `its decoder crashed (${cause.message})`));
    slot.worker.on('exit', () => this.#replace(slot, 'its decoder ended without an answer'));
    return slot;
  }

  /** A thread that died takes one file with it, not the build. */
  #replace(slot: Slot, reason: string): void {
    const at = this.#slots.indexOf(slot);
    if (this.#closing !== undefined || at < 0) return;
    const job = this.#finish(slot);
    void slot.worker.terminate();
    // An idle thread that dies is not replaced, or one that cannot even load would be started without end.
    this.#slots.splice(at, 1, ...(job === undefined ? [] : [this.#start()]));
    job?.reject(new AudioError(reason, { code: 'E_DECODER_CRASHED', path: job.path, transient: true }));
    this.#dispatch();
  }

  #dispatch(): void {
    if (this.#slots.length === 0) {
      const failure = {
        code: 'E_DECODER_CRASHED',
        cure: 'Report this, with the output of `ser-native doctor`.',
      };
      for (const job of this.#waiting.splice(0))
        job.reject(new RuntimeError('No decoder thread can run', failure));
    }
    for (const slot of this.#slots) {
      if (this.#closing !== undefined || slot.job !== undefined) continue;
      const job = this.#waiting.shift();
      if (job === undefined) return;
      slot.job = job;
      const timeoutMs = this.options.timeoutMs ?? DECODE_TIMEOUT_MS;
      slot.timer = setTimeout(() => {
        this.#replace(slot, `decoding did not finish within ${timeoutMs / 1000} s`);
      }, timeoutMs + GRACE_MS);
      slot.worker.postMessage({ path: job.path, timeoutMs } satisfies DecodeRequest);
    }
  }

  #finish(slot: Slot): Job | undefined {
    const { job } = slot;
    clearTimeout(slot.timer);
    slot.job = undefined;
    return job;
  }
}

function settle(job: Job, reply: DecodeReply): void {
  if (reply.kind === 'decoded') {
    job.resolve(reply.file);
  } else if (reply.kind === 'bad') {
    job.reject(new AudioError(reply.reason, { ...reply, path: job.path }));
  } else {
    job.reject(new RuntimeError(reply.message, { code: reply.code, cure: reply.cure }));
  }
}

function stopped(): InterruptedError {
  return new InterruptedError('Decoding was stopped', { code: 'E_INTERRUPTED' });
}
