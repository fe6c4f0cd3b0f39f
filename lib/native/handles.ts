/** Models, stores and trainers that live in the addon. */
import type {
  Addon,
  EncodeOptions,
  EncodeResult,
  ForwardOptions,
  ForwardResult,
  Handle,
  ModelInfo,
  Rows,
  StepRequest,
  StepResult,
} from '../../bindings.js';
import { UsageError } from '../errors.js';
import { float32, int32, uint8 } from './arrays.js';
import type { CallOptions, Calls } from './calls.js';

/** Something in the addon that is freed by `release()`, by `await using`, or with its engine. */
export abstract class NativeObject implements AsyncDisposable {
  protected readonly calls: Calls;
  readonly #handle: Handle;
  readonly #kind: string;
  #released = false;

  constructor(calls: Calls, handle: Handle, kind: string) {
    this.calls = calls;
    this.#handle = handle;
    this.#kind = kind;
    calls.objects.add(this);
  }

  /** @internal The number by which the addon knows it, for a call on `engine`. */
  handleFor(calls: Calls): Handle {
    const problem = this.#released
      ? 'was released'
      : calls === this.calls
        ? undefined
        : 'belongs to another engine';
    if (problem) {
      throw new UsageError(`this ${this.#kind} ${problem}`, {
        code: 'E_HANDLE',
        cure: 'Use an object only until its release(), and with the engine that made it.',
      });
    }
    return this.#handle;
  }

  protected get handle(): Handle {
    return this.handleFor(this.calls);
  }

  /** Frees it. Calls made before still complete; releasing twice, or after the engine's end, does nothing. */
  async release(): Promise<void> {
    if (this.#released || this.calls.closed) return;
    this.#released = true;
    this.calls.objects.delete(this);
    await this.calls.run(this.release, (addon) => addon.release(this.#handle));
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.release();
  }
}

/** A packed int16 file of samples at 16 kHz, mapped into memory. */
export class NativeStore extends NativeObject {
  /** Samples in it. */
  readonly samples: number;

  /** @internal Made by `SerEngine.openStore`. */
  constructor(calls: Calls, handle: Handle, samples: number) {
    super(calls, handle, 'store');
    this.samples = samples;
  }
}

/** Frames of a frozen encoder, computed once. */
export class NativeFeatures extends NativeObject {
  /** @internal Made by `SerEngine.openFeatures`. */
  constructor(calls: Calls, handle: Handle) {
    super(calls, handle, 'feature store');
  }
}

/** What rows are taken from: their `unit` says which. */
export type RowSource = NativeStore | NativeFeatures;

/** Encoder, pooling, embedding and classifier. */
export class NativeModel extends NativeObject {
  /** @internal Made by `SerEngine.createModel`. */
  constructor(calls: Calls, handle: Handle) {
    super(calls, handle, 'model');
  }

  /** Number of parameters, width of a frame, and the tensors by name. */
  async info(options?: CallOptions): Promise<ModelInfo> {
    return this.calls.run(this.info, (addon) => addon.modelInfo(this.handle), options);
  }

  /**
   * Fills the pretrained encoder from a checkpoint's files; resolves to the prefixes of tensors left unused. Rejects with a
   * `DataError`: `E_IO`, `E_FORMAT` (damaged; a tensor missing or unexpected), `E_SHAPE` (of another model); the weights are
   * then as they were.
   */
  async loadPretrained(files: readonly string[], options?: CallOptions): Promise<string[]> {
    const enqueue = (addon: Addon) => addon.loadPretrained(this.handle, [...files]);
    return [...(await this.calls.run(this.loadPretrained, enqueue, options))];
  }

  /** Writes safetensors to `path`, flushed to disk; not atomic by itself. Rejects with a `DataError` (`E_IO`). */
  async save(path: string, metadata: Record<string, string> = {}, options?: CallOptions): Promise<void> {
    return this.calls.run(this.save, (addon) => addon.saveModel(this.handle, path, metadata), options);
  }

  /**
   * Reads weights; every tensor must match by name and shape. Rejects with a `DataError`: `E_IO`, `E_FORMAT` (damaged,
   * truncated), `E_SHAPE` (made for another model); the weights are then as they were.
   */
  async load(path: string, options?: CallOptions): Promise<void> {
    return this.calls.run(this.load, (addon) => addon.loadModel(this.handle, path), options);
  }

  /**
   * Writes a pretrained encoder alone as transformers names its tensors, in float32, adapters merged; not atomic by itself.
   * Rejects with a `UsageError` for the mel encoder or one without weights, a `DataError` (`E_IO`) for the file.
   */
  async exportEncoder(
    path: string,
    prefix: string,
    metadata: Record<string, string>,
    options?: CallOptions,
  ): Promise<void> {
    const enqueue = (addon: Addon) => addon.exportEncoder(this.handle, path, prefix, metadata);
    return this.calls.run(this.exportEncoder, enqueue, options);
  }

  /**
   * Computes the encoder's frames as in inference and writes them (float32, sum(T) x D) behind what the file at `path` holds;
   * resolves to the frames of each row.
   */
  async appendFeatures(
    store: NativeStore,
    rows: Rows,
    path: string,
    options: Pick<EncodeOptions, 'precision'> & CallOptions = {},
  ): Promise<Int32Array> {
    const { precision } = options;
    const enqueue = (addon: Addon) =>
      addon.appendFeatures(this.handle, store.handleFor(this.calls), rows, path, { precision });
    return int32(await this.calls.run(this.appendFeatures, enqueue, options));
  }

  /** Inference over utterances of a store. */
  async forwardRows(
    store: RowSource,
    rows: Rows,
    options: ForwardOptions & CallOptions = {},
  ): Promise<ForwardResult> {
    const enqueue = (addon: Addon) =>
      addon.forwardRows(this.handle, store.handleFor(this.calls), rows, plain(options));
    return owned(await this.calls.run(this.forwardRows, enqueue, options));
  }

  /** Inference over samples in [-1, 1) at 16 kHz, one array of at least 400 samples per utterance. */
  async forwardSamples(
    samples: readonly Float32Array[],
    options: ForwardOptions & CallOptions = {},
  ): Promise<ForwardResult> {
    const enqueue = (addon: Addon) => addon.forwardSamples(this.handle, [...samples], plain(options));
    return owned(await this.calls.run(this.forwardSamples, enqueue, options));
  }
}

/** A frozen pretrained encoder. */
export class NativeEncoder extends NativeObject {
  /** @internal Made by `SerEngine.createEncoder`. */
  constructor(calls: Calls, handle: Handle) {
    super(calls, handle, 'encoder');
  }

  /** Frames of samples in [-1, 1) at 16 kHz, one array of at least 400 samples per utterance. */
  async encode(
    samples: readonly Float32Array[],
    options: EncodeOptions & CallOptions = {},
  ): Promise<EncodeResult> {
    const { hiddenStates, precision } = options;
    const enqueue = (addon: Addon) => addon.encode(this.handle, [...samples], { hiddenStates, precision });
    const { width, frames, last, hidden } = await this.calls.run(this.encode, enqueue, options);
    return {
      width,
      frames: int32(frames),
      last: float32(last),
      ...(hidden ? { hidden: hidden.map((state) => float32(state)) } : {}),
    };
  }
}

/** Optimiser, class centers and moving average around a model, which it trains in place. */
export class NativeTrainer extends NativeObject {
  /** @internal Made by `SerEngine.createTrainer`. */
  constructor(calls: Calls, handle: Handle) {
    super(calls, handle, 'trainer');
  }

  /**
   * One training step. Steps may be enqueued without awaiting the ones before; two in flight keep the engine busy.
   * A loss or gradient that is not finite leaves the weights as they were and is told by `nonFinite`.
   */
  async step(store: RowSource, request: StepRequest, options?: CallOptions): Promise<StepResult> {
    const enqueue = (addon: Addon) => addon.trainStep(this.handle, store.handleFor(this.calls), request);
    const result = await this.calls.run(this.step, enqueue, options);
    return { ...result, mixSkipped: uint8(result.mixSkipped), predictions: int32(result.predictions) };
  }

  /** Writes all that a bit-exact resume needs as safetensors; not atomic by itself. */
  async save(path: string, metadata: Record<string, string> = {}, options?: CallOptions): Promise<void> {
    return this.calls.run(this.save, (addon) => addon.saveTrainer(this.handle, path, metadata), options);
  }

  /** Restores what `save` wrote, the model's weights included. Fails as `NativeModel.load` does. */
  async load(path: string, options?: CallOptions): Promise<void> {
    return this.calls.run(this.load, (addon) => addon.loadTrainer(this.handle, path), options);
  }

  /** Copies the moving average (or, where none is kept, the weights) into another model of the same shape. */
  async copyAverage(model: NativeModel, options?: CallOptions): Promise<void> {
    const enqueue = (addon: Addon) => addon.copyAverage(this.handle, model.handleFor(this.calls));
    return this.calls.run(this.copyAverage, enqueue, options);
  }
}

function plain({ embedding, weights, precision }: ForwardOptions): ForwardOptions {
  return { embedding, weights, precision };
}

function owned(result: ForwardResult): ForwardResult {
  const { logits, embedding, frames, weights } = result;
  return {
    logits: float32(logits),
    ...(embedding ? { embedding: float32(embedding) } : {}),
    frames: int32(frames),
    ...(weights ? { weights: float32(weights) } : {}),
  };
}
