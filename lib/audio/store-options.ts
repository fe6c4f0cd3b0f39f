/** What a caller of the store says and is told. */
import { InterruptedError } from '../errors.js';

export interface DecodeProgress {
  type: 'decode';
  /** Files finished, bad ones among them. */
  done: number;
  /** Files to decode; those taken from the former store do not count. */
  total: number;
  /** Since decoding began. */
  seconds: number;
  etaSeconds: number;
  /** Seconds of audio decoded by now. */
  audioSeconds: number;
  /** The file finished last. */
  file: string;
}

/** What opening a store is going to do, told before it does it. */
export interface StorePlan {
  /** Utterances taken from the former store. */
  reused: number;
  /** Files to decode, the damaged ones among them. */
  decode: number;
  /** Files known to be bad, or missing. */
  bad: number;
  /** Ids whose stored samples no longer have the hash that the index gives; found under `verify`. */
  damaged: string[];
}

/** Utterances whose stored samples have been compared with their hash. */
export interface VerifyProgress {
  type: 'verify';
  done: number;
  total: number;
}

export interface StoreOptions {
  /** Corpus, for messages and the index. */
  name: string;
  utterances: readonly { id: string; path: string }[];
  /** The store's own folder, see `storeDirectory`; created if missing. */
  directory: string;
  /** What a damaged, empty, short, silent or missing file does: ends the build with a list of all such files, or is left out. */
  onBadAudio: 'fail' | 'skip';
  signal?: AbortSignal;
  /** Called at most ten times a second, and for the last file. */
  onProgress?: (event: DecodeProgress) => void;
  /** Compare the stored samples with their hashes first; what differs is decoded again. Reads the whole store. */
  verify?: boolean;
  onVerify?: (event: VerifyProgress) => void;
  /** Called once, before anything is decoded. */
  onPlan?: (plan: StorePlan) => void;
  /** Told why a former store is not used. */
  onWarning?: (message: string) => void;
  /** Answers `demo:` paths with mono int16 at 16 kHz. */
  synthesise?: (path: string) => Int16Array;
  /** Name and version of the synthesiser; a new one makes its utterances anew. Default `synth@1`. */
  synthesiser?: string;
  /** Files decoded at a time; default one per core. */
  concurrency?: number;
  /** Time limit of one file in milliseconds. Default 120 000. */
  timeoutMs?: number;
}

/** Paths that the synthesiser answers. */
export function isSynthesised(path: string): boolean {
  return path.startsWith('demo:');
}

export function synthesiserOf({ synthesiser }: StoreOptions): string {
  return synthesiser ?? 'synth@1';
}

export function throwIfAborted(signal?: AbortSignal): void {
  if (signal?.aborted) throw new InterruptedError('Decoding was stopped', { code: 'E_INTERRUPTED' });
}
