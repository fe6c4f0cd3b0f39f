/**
 * The contract of the native addon: everything that `native/addon.cc` registers, and nothing else (a test compares the two).
 * What its functions take and give stands in bindings/, and is exported here.
 *
 * Rules of the boundary:
 * - It is coarse: one call per training step. The addon knows nothing of corpora, folds, epochs or reports.
 * - Every function that computes returns a promise and runs on the one engine thread of the env, in the order of the
 *   calls. Calls may be enqueued without awaiting the ones before (two steps in flight is the intended use).
 * - Arrays handed over are copied at once; the caller may reuse them as soon as the call has returned.
 * - A wrong argument throws a TypeError at the call, before anything is enqueued; all other failures reject with an
 *   Error that has a stable string `code`: `E_ARGUMENT`, `E_HANDLE`, `E_IO`, `E_FORMAT`, `E_SHAPE`, `E_OUT_OF_MEMORY`,
 *   `E_CANCELLED`, `E_STOPPED`, `E_DEVICE`, `E_CUDA`, `E_TORCH`, `E_INTERNAL`.
 * - Audio is 16 kHz; samples in a store are int16, samples handed over directly are float in [-1, 1).
 * - B = utterances in a batch, C = classes, E = width of the embedding, D = width of a frame, T = frames.
 */
import type { Rows } from './bindings/batch.js';
import type { BuildInfo, CudaReport, StartOptions } from './bindings/device.js';
import type { EncodeOptions, EncodeResult, ForwardOptions, ForwardResult } from './bindings/inference.js';
import type { DeviceRates, MemoryUse, OpRequest, OpTiming, ProfileResult } from './bindings/measuring.js';
import type { ModelConfig, ModelInfo, PretrainedEncoderConfig } from './bindings/model.js';
import type {
  FrameAttentionRequest,
  FrameAttentionResult,
  MixSamplesRequest,
  MixSamplesResult,
  MultiLossRequest,
  MultiLossResult,
} from './bindings/operations.js';
import type { StepRequest, StepResult, TrainerConfig } from './bindings/training.js';

export type * from './bindings/batch.js';
export type * from './bindings/device.js';
export type * from './bindings/inference.js';
export type * from './bindings/measuring.js';
export type * from './bindings/model.js';
export type * from './bindings/operations.js';
export type * from './bindings/training.js';

/** A positive integer naming a native object of this env; 0 is never a handle. */
export type Handle = number;

export interface Addon {
  buildInfo(): BuildInfo;
  /** Asks the driver, which takes up to a second the first time. Never throws. */
  cudaDevices(): CudaReport;
  /** Starts the engine thread of this env; idempotent. */
  start(options: StartOptions): void;
  /** Stops and joins the engine thread; pending promises reject with `E_STOPPED`. Idempotent; called from `exit`. */
  stop(): void;
  /**
   * Rejects everything enqueued so far, or the one job that `lastJob` named, with `E_CANCELLED`; a job that runs ends at
   * its next safe point. One that gets past its last safe point completes and resolves.
   */
  cancel(job?: number): void;
  /** Names the job that the call just made has enqueued, for `cancel`; 0 before the first. */
  lastJob(): number;
  /** A training step of a tiny model on noise: what a child process runs to judge a build. Resolves to its loss. */
  selfTest(): Promise<number>;

  /** Maps a packed int16 file of `samples` samples. */
  openStore(path: string, samples: number): Promise<Handle>;

  /**
   * Weights drawn from a generator of the model's own, seeded with `seed`; a pretrained encoder has none until `loadPretrained`
   * or `loadModel`, and refuses to compute. With `base`, a model of the same configuration, all weights are the base's: trained
   * ones copied, frozen ones shared.
   */
  createModel(config: ModelConfig, seed: number, base?: Handle): Promise<Handle>;
  /**
   * Fills the model's pretrained encoder from a checkpoint's files (safetensors, or PyTorch's zip format). Each tensor must be
   * there once and fit; resolves to the prefixes of tensors that were left unused (a decoder, a head).
   */
  loadPretrained(model: Handle, files: string[]): Promise<string[]>;
  modelInfo(model: Handle): Promise<ModelInfo>;
  /**
   * Writes safetensors with `metadata` to `path` and flushes it to disk; not atomic by itself. Where the whole pretrained encoder
   * is frozen, or only adapters of it are trained, its own weights are left out.
   */
  saveModel(model: Handle, path: string, metadata: Record<string, string>): Promise<void>;
  /**
   * Writes the model's pretrained encoder as safetensors (float32) with `metadata`, flushed to disk: under transformers' names
   * after `prefix`, adapters added to the weights that they adapt, so that `loadPretrained` and transformers read it.
   */
  exportEncoder(model: Handle, path: string, prefix: string, metadata: Record<string, string>): Promise<void>;
  /** Reads weights into a model of the same shape; every tensor must match by name and shape. */
  loadModel(model: Handle, path: string): Promise<void>;

  /** Optimiser, centers and moving average around a model, which it trains in place. */
  createTrainer(model: Handle, config: TrainerConfig): Promise<Handle>;
  trainStep(trainer: Handle, store: Handle, request: StepRequest): Promise<StepResult>;
  /** Weights, moments, centers, moving average and step as safetensors: all that a bit-exact resume needs. */
  saveTrainer(trainer: Handle, path: string, metadata: Record<string, string>): Promise<void>;
  loadTrainer(trainer: Handle, path: string): Promise<void>;
  /** Copies the moving average (or, where none is kept, the weights) into another model of the same shape. */
  copyAverage(trainer: Handle, model: Handle): Promise<void>;

  /** Inference over utterances of a store. */
  forwardRows(model: Handle, store: Handle, rows: Rows, options: ForwardOptions): Promise<ForwardResult>;
  /** Inference over samples in [-1, 1), one array per utterance. */
  forwardSamples(model: Handle, samples: Float32Array[], options: ForwardOptions): Promise<ForwardResult>;

  /**
   * Computes the frames of the model's encoder as in inference and writes them as float32 behind what the file at `path` holds;
   * resolves to the frames of each row.
   */
  appendFeatures(
    model: Handle,
    store: Handle,
    rows: Rows,
    path: string,
    options: EncodeOptions,
  ): Promise<Int32Array>;
  /**
   * Maps a file of `frames` float32 frames of width D, which `trainStep` and `forwardRows` take in place of a store of samples
   * where the encoder is frozen as a whole.
   */
  openFeatures(path: string, frames: number, width: number): Promise<Handle>;

  /** A frozen pretrained encoder by itself, for inference. */
  createEncoder(config: PretrainedEncoderConfig, files: string[]): Promise<Handle>;
  /** Frames of samples in [-1, 1), one array of at least 400 per utterance. */
  encode(encoder: Handle, samples: Float32Array[], options: EncodeOptions): Promise<EncodeResult>;

  /** Frees what a handle names; an unknown handle rejects with `E_HANDLE`. */
  release(handle: Handle): Promise<void>;

  mixSamples(request: MixSamplesRequest): Promise<MixSamplesResult>;
  frameAttention(request: FrameAttentionRequest): Promise<FrameAttentionResult>;
  multiLoss(request: MultiLossRequest): Promise<MultiLossResult>;

  /** Rates of copies and of matrix products in these precisions on the engine's device, measured for about `seconds`. */
  measureDevice(precisions: ('fp32' | 'bf16')[], seconds: number): Promise<DeviceRates>;
  /** Operations that `timeOp` knows. */
  opNames(): Promise<string[]>;
  /** Times one on the engine's device: whatever implementation that has beside the plain composite. */
  timeOp(request: OpRequest): Promise<OpTiming>;
  /** Memory of the engine's device; `reset` lets the peak begin anew. */
  memoryUse(reset: boolean): Promise<MemoryUse>;

  /** Profiles the training steps from here to `stopProfile`; rejects where a profile runs already. */
  startProfile(): Promise<void>;
  /** Ends the profile and writes its trace, JSON for Chrome's trace viewer, to `path`. */
  stopProfile(path: string): Promise<ProfileResult>;
}
