/**
 * The contract of the native addon: everything that `native/addon.cc` registers, and nothing else (a test compares the two).
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

/** A positive integer naming a native object of this env; 0 is never a handle. */
export type Handle = number;

export interface BuildInfo {
  /** Version of this contract; the TypeScript side refuses another. */
  api: number;
  /** LibTorch that the addon was compiled against, e.g. `2.13.0`. */
  libtorch: string;
  /** LibTorch's CPU capability on this machine, e.g. `AVX512`. */
  capability: string;
  compiler: string;
  /** Compiled with CUDA kernels. */
  cuda: boolean;
}

/** GPUs as the CUDA runtime sees them; empty, with the reason, where there is no driver or the build has no CUDA. */
export interface CudaReport {
  /** CUDA version that the driver supports, 1000 x major + 10 x minor; 0 = no driver. */
  driver: number;
  /** Version of the CUDA runtime in use; 0 in a build without CUDA. */
  runtime: number;
  /** Compute capabilities that kernels are compiled for, in tenths, e.g. `90`; the last one also as PTX. */
  architectures: string[];
  devices: CudaDevice[];
  /** `index` of the device that an engine uses: the first that this build has code for. */
  chosen?: number;
  /** Why none is chosen, a sentence without its full stop. */
  problem?: string;
}

export interface CudaDevice {
  /** Among those that `CUDA_VISIBLE_DEVICES` leaves. */
  index: number;
  name: string;
  /** Compute capability, e.g. `9.0`. */
  capability: string;
  memoryBytes: number;
  /** This build has code for it. */
  hasCode: boolean;
}

export interface StartOptions {
  /** Intra-op threads; process-wide in LibTorch, so only the first env's value counts. */
  threads: number;
  /** `cuda` is the device that `cudaDevices` names as chosen; without one the engine does not start (`E_DEVICE`). */
  device: 'cpu' | 'cuda';
  /** Refuse operations that are not bit-reproducible. */
  deterministic: boolean;
}

/** Log-mel front-end, convolutional subsampling and transformer or conformer blocks, trained from scratch. */
export interface MelEncoderConfig {
  kind: 'mel';
  /** Mel bands; 25 ms Hann windows every 10 ms. */
  bands: number;
  /**
   * Log energies are brought to (x - mean) / deviation. Without a mean each utterance's own is taken, over all frames and
   * bands, which removes the recording's level; the deviation is 4 when absent.
   */
  mean?: number;
  deviation?: number;
  /** Channels of the first convolution; the second has twice, the others four times as many. */
  convChannels: number;
  /**
   * Convolutions (3 x 3, batch normalisation, ReLU), 1 to 4; 4 when absent. The first three halve time and bands, so that
   * T = 12.5 a second from three on.
   */
  convLayers?: number;
  /** D. */
  width: number;
  layers: number;
  heads: number;
  feedForward: number;
  block: 'transformer' | 'conformer';
  /** Depthwise convolution of a conformer block, in frames (odd). */
  convKernel: number;
  dropout: number;
}

/** Whisper's encoder, from the checkpoint's own config.json: log-mel, two convolutions, pre-norm transformer layers. */
export interface WhisperEncoderConfig {
  kind: 'whisper';
  bands: number;
  /** D. */
  width: number;
  layers: number;
  heads: number;
  feedForward: number;
  /** Frames that there are positions for: 1500, 30 s. */
  positions: number;
  /**
   * Pads every utterance with zeros to 30 s as transformers does (T = 1500). Otherwise each is computed at its own length,
   * T = 50 a second; longer audio is split into equal parts of at most 30 s.
   */
  window30: boolean;
  dropout: number;
  attentionDropout: number;
  activationDropout: number;
  layerDrop: number;
}

/** wav2vec2, HuBERT or WavLM, from the checkpoint's own config.json. T = 50 a second. */
export interface SslEncoderConfig {
  kind: 'ssl';
  family: 'wav2vec2' | 'hubert' | 'wavlm';
  convChannels: number[];
  convKernels: number[];
  convStrides: number[];
  convBias: boolean;
  /** `feat_extract_norm`: true = group (first convolution only), false = layer (each). */
  groupNorm: boolean;
  /** `feat_proj_layer_norm`. */
  projectNorm: boolean;
  /** D. */
  width: number;
  layers: number;
  heads: number;
  feedForward: number;
  /** `do_stable_layer_norm`. */
  preNorm: boolean;
  normEpsilon: number;
  positionKernel: number;
  positionGroups: number;
  /** WavLM's relative position bias. */
  buckets: number;
  maxDistance: number;
  /** Waveforms to mean 0 and variance 1, as preprocessor_config.json says. */
  normalize: boolean;
  hiddenDropout: number;
  attentionDropout: number;
  activationDropout: number;
  projectionDropout: number;
  layerDrop: number;
  /** Masks of frames and features in training; absent = none. */
  specAugment?: {
    timeProb: number;
    timeLength: number;
    timeMin: number;
    featureProb: number;
    featureLength: number;
    featureMin: number;
  };
}

export type PretrainedEncoderConfig = WhisperEncoderConfig | SslEncoderConfig;
export type EncoderConfig = MelEncoderConfig | PretrainedEncoderConfig;

/** What of a pretrained encoder is trained, and how its frames are taken. */
export interface AdaptConfig {
  /** The last so many layers; 0 = none, -1 = all of them and what lies before them. */
  trainableLayers: number;
  /** The waveform's convolutions too, where `trainableLayers` is -1. */
  trainExtractor: boolean;
  /** Learning rate of the last layer as a share of that of pooling and classifier, in (0, 1]; 1 when absent. */
  rate?: number;
  /** Learning rate of a layer as a share of that of the layer above, in (0, 1]. */
  layerDecay: number;
  /** A learned sum over all hidden states (as transformers 5 counts them) instead of the last layer's output. */
  layerSum: boolean;
  /** Low-rank adapters on q, k, v and out of every layer, the encoder itself frozen; 0 = none. */
  loraRank: number;
  loraAlpha: number;
  loraDropout: number;
  /** Recompute each layer in the backward pass instead of keeping its activations. */
  checkpointActivations: boolean;
}

export interface ModelConfig {
  classes: number;
  encoder: EncoderConfig;
  /** For a pretrained encoder; absent = frozen, last layer. */
  adapt?: AdaptConfig;
  pooling: 'flam' | 'mean' | 'max';
  /** Self-attention heads of FLAM; must divide D. */
  poolingHeads: number;
  /** E; 64 in the published set-up. */
  embedding: number;
  /** Dropout on the utterance vector, before the projection to the embedding. */
  headDropout: number;
}

export interface ModelInfo {
  parameters: number;
  /** D. */
  frameWidth: number;
  tensors: { name: string; shape: number[] }[];
}

/** Scaled weights a_k of the total; 0 switches a loss off. */
export interface LossWeights {
  kl: number;
  focal: number;
  center: number;
  supcon: number;
}

export interface TrainerConfig {
  losses: LossWeights;
  /** Focal exponent, 2. */
  gamma: number;
  /** SupCon temperature, 0.1. */
  temperature: number;
  weightDecay: number;
  beta1: number;
  beta2: number;
  epsilon: number;
  /** Largest global gradient norm; 0 = no clipping. */
  clip: number;
  /** Decay of the exponential moving average of the weights; 0 = none kept. */
  averageDecay: number;
  /** Keys dropout: (seed, step, layer, utterance). */
  seed: number;
  /** Arithmetic of matrix products; weights stay fp32. */
  precision: 'fp32' | 'bf16';
  /**
   * Parts that a batch is computed in, one after the other, to bound memory; one update for all. SupCon contrasts within a
   * part. 1 when absent.
   */
  accumulate?: number;
  /**
   * Weight of each class in KL and focal: a row counts by the sum of its label (after mixing) times these. Ones when absent.
   * C, not negative.
   */
  classWeights?: number[];
}

/** Utterances of a batch, in a store of samples or of features. */
export interface Rows {
  /** What offsets and lengths count; `samples` when absent. With `frames` lengths may be 1 and nothing is mixed or augmented. */
  unit?: 'samples' | 'frames';
  /** First sample of each utterance. B. */
  offsets: Float64Array;
  /** Samples of each utterance, at least 400. B. */
  lengths: Int32Array;
  /** Names each utterance to counter-based noise. B. */
  keys: Uint32Array;
}

/** Rows of a mix plan; see `lib/mix`. All arrays have B elements. */
export interface MixRows {
  kind: 'eam' | 'lam';
  /** 1 where the row is mixed; elsewhere the other arrays are ignored. */
  active: Uint8Array;
  partnerOffsets: Float64Array;
  partnerLengths: Int32Array;
  /** EAM: first sample of the segment in the base and in the partner, and its length. */
  starts: Int32Array;
  partnerStarts: Int32Array;
  segmentLengths: Int32Array;
  /** EAM: signal-to-noise ratio r of the base over the scaled partner, dB. */
  snr: Float64Array;
  /** Weight of the partner's label. */
  lambda: Float64Array;
}

/** Augmentation drawn in TypeScript, applied after mixing. Absent arrays switch a kind off. */
export interface AugmentRows {
  /** Speed factors in [0.25, 4]; a row of n samples becomes round(n / factor), at least 400 (pitch and tempo change). B. */
  speed?: Float32Array;
  /** Gain in dB. B. */
  gain?: Float32Array;
  /** White noise at this SNR in dB, NaN = none. B. */
  noise?: Float32Array;
  /** Stretch of the mel axis (vocal tract length perturbation); 1 = none. B. */
  warp?: Float32Array;
  /** Tempo factors: frames lie 10 ms times this apart (tempo changes, pitch stays). B. */
  tempo?: Float32Array;
  /** SpecAugment time masks as (start, width) fractions of the utterance's frames. B x n x 2. */
  timeMasks?: Float32Array;
  /** SpecAugment frequency masks as (first band, bands). B x n x 2. */
  bandMasks?: Int32Array;
}

export interface StepRequest {
  rows: Rows;
  /** Labels before mixing, rows sum to 1. B x C. */
  labels: Float32Array;
  mix?: MixRows;
  /** Labels of the partners; required with `mix`. B x C. */
  partnerLabels?: Float32Array;
  augment?: AugmentRows;
  /** Counts from 0 over the whole training of a fold. */
  step: number;
  learningRate: number;
  centerLearningRate: number;
}

export interface LossValues {
  kl: number;
  focal: number;
  center: number;
  supcon: number;
}

export interface StepResult {
  total: number;
  raw: LossValues;
  scaled: LossValues;
  /** Global gradient norm before clipping. */
  gradNorm: number;
  /** Seconds of audio after augmentation. */
  audioSeconds: number;
  /** The update was skipped because the loss or the gradient was not finite. */
  nonFinite: boolean;
  /** Rows whose mix was skipped because a segment was silent. B. */
  mixSkipped: Uint8Array;
  /** Argmax of the logits. B. */
  predictions: Int32Array;
}

export interface ForwardOptions {
  embedding?: boolean;
  /** Return the pooling weights. */
  weights?: boolean;
  precision?: 'fp32' | 'bf16';
}

export interface ForwardResult {
  /** B x C. */
  logits: Float32Array;
  /** B x E, when asked for. */
  embedding?: Float32Array;
  /** Frames of each utterance. B. */
  frames: Int32Array;
  /** Pooling weights of all utterances one after the other, sum(frames), when asked for. */
  weights?: Float32Array;
}

export interface EncodeOptions {
  /** Return all hidden states. */
  hiddenStates?: boolean;
  precision?: 'fp32' | 'bf16';
}

export interface EncodeResult {
  /** D. */
  width: number;
  /** Frames of each utterance. B. */
  frames: Int32Array;
  /** Output of the encoder, sum(frames) x D. */
  last: Float32Array;
  /** When asked for: input of the first layer, then each layer's output before a final norm. N + 1 of sum(frames) x D. */
  hidden?: Float32Array[];
}

/** Arrays of an op decide its precision: Float64Array computes in float64, for gradient checks. */
export type Floats = Float32Array | Float64Array;

export interface MixSamplesRequest {
  /** All waveforms one after the other, int16 at 16 kHz. */
  samples: Int16Array;
  rows: Rows;
  mix: MixRows;
}

export interface MixSamplesResult {
  /** Mixed waveforms one after the other, of full scale 1, no clipping. */
  samples: Float32Array;
  /** B. */
  lengths: Int32Array;
  /** B. */
  skipped: Uint8Array;
}

export interface FrameAttentionRequest {
  /** Frames of all utterances one after the other, sum(lengths) x D. */
  frames: Floats;
  /** Frames of each utterance. B. */
  lengths: Int32Array;
  width: number;
  heads: number;
  /** 3D x D, rows for q, k, v in this order. */
  inputWeight: Floats;
  /** 3D. */
  inputBias: Floats;
  /** D x D. */
  outputWeight: Floats;
  /** D. */
  outputBias: Floats;
  /** v, D. */
  score: Floats;
  /** Gradient of the objective with respect to `pooled`, B x D; ones when absent. */
  upstream?: Floats;
}

export interface FrameAttentionResult {
  /** z, B x D. */
  pooled: Floats;
  /** w, sum(lengths). */
  weights: Floats;
  gradients: {
    frames: Floats;
    inputWeight: Floats;
    inputBias: Floats;
    outputWeight: Floats;
    outputBias: Floats;
    score: Floats;
  };
}

export interface MultiLossRequest {
  /** B x C. */
  logits: Floats;
  /** B x E. */
  embedding: Floats;
  /** Context-broadcast embedding for SupCon, before L2 normalisation. B x E. */
  contrast: Floats;
  /** Soft labels, B x C. */
  labels: Floats;
  /** Class of the base utterance, which wins a tie of the soft label. B. */
  baseClasses: Int32Array;
  /** C x E. */
  centers: Floats;
  /** Weight of each class in KL and focal, C; ones when absent. */
  classWeights?: Floats;
  weights: LossWeights;
  gamma: number;
  temperature: number;
}

export interface MultiLossResult {
  total: number;
  raw: LossValues;
  scaled: LossValues;
  /** Of `total`. */
  gradients: { logits: Floats; embedding: Floats; contrast: Floats; centers: Floats };
}

/** What a device can do at best; see `Addon.measureDevice`. */
export interface DeviceRates {
  /** Bytes that one copy reads and writes together. */
  copyBytes: number;
  /** Of each copy. */
  copySeconds: Float64Array;
  products: {
    precision: 'fp32' | 'bf16';
    /** How it was asked for: `linear`, or `packed` with a weight that inference has laid out anew. */
    way: string;
    rows: number;
    inner: number;
    columns: number;
    /** Of each product, which is 2 x rows x inner x columns operations. */
    seconds: Float64Array;
  }[];
}

export interface OpRequest {
  /** One of `opNames`. */
  name: string;
  /** Samples of each utterance of the batch, at least 400; three utterances at least. */
  lengths: Int32Array;
  precision: 'fp32' | 'bf16';
  /** Samples to take of each implementation. */
  repeats: number;
  /** Fewer are taken (three at least) where they last longer than this. */
  seconds: number;
}

/** Seconds of an operation of ours and of its plain composite, sample by sample in turns. */
export interface OpTiming {
  /** Sizes in words. */
  shape: string;
  /** Largest difference of the two results as a share of the largest value; NaN where each draws its own random numbers. */
  difference: number;
  ownForward: Float64Array;
  plainForward: Float64Array;
  /** Empty where there is no gradient. */
  ownBackward: Float64Array;
  plainBackward: Float64Array;
}

/** Bytes that the accelerator's allocator has handed out; zeros on the CPU. */
export interface MemoryUse {
  current: number;
  /** Since the last reset. */
  peak: number;
}

/** Where the time of some training steps went. */
export interface ProfileResult {
  steps: number;
  /** From the start of the profile to the end of its last step. */
  seconds: number;
  /**
   * Seconds of each phase, which sum to `seconds`: by the wall clock on the CPU, by the GPU's own events there. `waiting` lies
   * between steps: nothing had been asked for yet. `other` is copying the figures of a step back and what no phase has.
   */
  phases: Record<
    'waiting' | 'mixing' | 'encoder' | 'head' | 'losses' | 'backward' | 'optimiser' | 'other',
    number
  >;
  /** Why there is no trace. */
  problem?: string;
}

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
