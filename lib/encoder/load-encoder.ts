/** Pretrained encoders as feature extractors: waveforms in, frames out. */
import type { PretrainedEncoderConfig } from '../../bindings.js';
import { MIN_SAMPLES, SAMPLE_RATE } from '../audio/types.js';
import { DataError, UsageError } from '../errors.js';
import { type NativeEncoder, openEngine, type SerEngine } from '../native/engine.js';
import { nativePrecision } from '../train/precision.js';
import { resolveEncoder } from './resolve.js';
import type { PullListener } from './types.js';

export interface LoadEncoderOptions {
  /** `auto` (default) is a GPU where the CUDA variant is set up and finds one that it can use, else the CPU. */
  device?: 'auto' | 'cpu' | 'cuda';
  /** Arithmetic of matrix products; `auto` (default) is bf16 where the device has it, else fp32. */
  dtype?: 'auto' | 'fp32' | 'bf16';
  /** Whisper: `window30` pads to 30 s as transformers does; `unpadded` (default) computes each utterance at its own length. */
  mode?: 'unpadded' | 'window30';
  threads?: number;
  /** Never touch the network. */
  offline?: boolean;
  signal?: AbortSignal;
  onProgress?: PullListener;
}

export interface EncodedUtterance {
  /** T. */
  frames: number;
  /** D. */
  width: number;
  /** Output of the encoder, row-major, frames x width. */
  last: Float32Array;
  /**
   * As transformers 5 counts them: what enters the first layer, then every layer's output before a final norm; N + 1 arrays of
   * frames x width.
   */
  hidden?: Float32Array[];
}

/** Computed at a time, so that an hour of audio in one call does not need an hour's activations. */
const MAX_SECONDS = 120;

/** A frozen encoder, loaded and ready. Free it with `dispose()` or `await using`. */
export class Encoder implements AsyncDisposable {
  /** Folder that the weights were read from. */
  readonly directory: string;
  readonly config: Readonly<PretrainedEncoderConfig>;
  readonly dtype: 'fp32' | 'bf16';
  readonly #engine: SerEngine;
  readonly #encoder: NativeEncoder;

  /** @internal Made by `loadEncoder`. */
  constructor(
    engine: SerEngine,
    encoder: NativeEncoder,
    facts: { directory: string; config: PretrainedEncoderConfig; dtype: 'fp32' | 'bf16' },
  ) {
    this.#engine = engine;
    this.#encoder = encoder;
    this.directory = facts.directory;
    this.config = facts.config;
    this.dtype = facts.dtype;
  }

  /**
   * Frames of each utterance: samples in [-1, 1), mono at 16 kHz, at least 400 of them. What an utterance gives does not depend
   * on the others in the call.
   *
   * @throws UsageError for anything but Float32Arrays; DataError (`E_TOO_SHORT`) for one under 400 samples
   */
  async forward(
    utterances: readonly Float32Array[],
    options: { hiddenStates?: boolean; signal?: AbortSignal } = {},
  ): Promise<EncodedUtterance[]> {
    check(utterances);
    const results: EncodedUtterance[] = [];
    for (const batch of batches(utterances)) {
      const encoded = await this.#encoder.encode(batch, { ...options, precision: this.dtype });
      let row = 0;
      for (const frames of encoded.frames) {
        const part = (values: Float32Array) =>
          values.slice(row * encoded.width, (row + frames) * encoded.width);
        results.push({
          frames,
          width: encoded.width,
          last: part(encoded.last),
          ...(encoded.hidden ? { hidden: encoded.hidden.map(part) } : {}),
        });
        row += frames;
      }
    }
    return results;
  }

  async dispose(): Promise<void> {
    await this.#encoder.release();
    await this.#engine.dispose();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.dispose();
  }
}

/**
 * Loads WavLM, HuBERT, wav2vec2 or Whisper's encoder from a folder or by its Hugging Face id (fetched into the Hugging Face cache
 * where it is not there).
 *
 * @throws DataError where the checkpoint is missing, damaged or unsupported; RuntimeError where it cannot be fetched, or LibTorch
 * cannot be used
 */
export async function loadEncoder(idOrDir: string, options: LoadEncoderOptions = {}): Promise<Encoder> {
  const { mode = 'unpadded', dtype = 'auto' } = options;
  if (typeof idOrDir !== 'string' || idOrDir === '') {
    throw new UsageError('loadEncoder takes a Hugging Face id or a folder', { code: 'E_ARGUMENT' });
  }
  const found = await resolveEncoder(idOrDir, {
    window30: mode === 'window30',
    offline: options.offline,
    signal: options.signal,
    onProgress: options.onProgress,
  });
  const engine = await openEngine({ device: options.device, threads: options.threads });
  try {
    const encoder = await engine.createEncoder(found.config, found.files, { signal: options.signal });
    const settled = dtype === 'auto' ? await nativePrecision(engine.options.device) : dtype;
    return new Encoder(engine, encoder, { directory: found.directory, config: found.config, dtype: settled });
  } catch (error) {
    await engine.dispose();
    throw error;
  }
}

function check(utterances: readonly Float32Array[]): void {
  if (!Array.isArray(utterances) || utterances.length === 0) {
    throw new UsageError('forward takes an array of at least one Float32Array', { code: 'E_ARGUMENT' });
  }
  for (const [index, samples] of utterances.entries()) {
    if (Object.prototype.toString.call(samples) !== '[object Float32Array]') {
      throw new UsageError(`utterance ${index} must be a Float32Array of samples in [-1, 1) at 16 kHz`, {
        code: 'E_ARGUMENT',
      });
    }
    if (samples.length < MIN_SAMPLES) {
      throw new DataError(
        `utterance ${index} has ${samples.length} samples; at least ${MIN_SAMPLES} (25 ms) are needed`,
        { code: 'E_TOO_SHORT' },
      );
    }
  }
}

function batches(utterances: readonly Float32Array[]): Float32Array[][] {
  const result: Float32Array[][] = [];
  let samples = 0;
  for (const utterance of utterances) {
    const current = result.at(-1);
    if (!current || samples + utterance.length > MAX_SECONDS * SAMPLE_RATE) {
      result.push([utterance]);
      samples = utterance.length;
    } else {
      current.push(utterance);
      samples += utterance.length;
    }
  }
  return result;
}
