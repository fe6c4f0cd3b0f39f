/** What a benchmark takes and gives. */

/**
 * `inference`: encoder, pooling, classifier. `train`: a step of fine-tuning, the convolutions over the waveform frozen (wav2vec2,
 * HuBERT, WavLM). `train-all`: those too. `train-frozen`: pooling and classifier alone learn.
 */
export const BENCH_TASKS = ['inference', 'train', 'train-all', 'train-frozen'] as const;
export type BenchTask = (typeof BENCH_TASKS)[number];

export type BenchPrecision = 'fp32' | 'bf16';

/**
 * `drawn`: so many utterances as they come. `grouped`: as many of similar length. `packed`: as many seconds of audio as a drawn
 * batch has on average, however many utterances that is.
 */
export const BATCHINGS = ['drawn', 'grouped', 'packed'] as const;
export type Batching = (typeof BATCHINGS)[number];

/** `plain`: mean pooling and cross-entropy, what a peer is compared in. `method`: EAM, FLAM and the four losses. */
export const RECIPES = ['plain', 'method'] as const;
export type Recipe = (typeof RECIPES)[number];

export interface BenchOptions {
  /** Folders, Hugging Face ids, or shapes with random weights (`SHAPES`) and `mel`. Default: mel and wavlm-base. */
  encoders?: string[];
  /** Default: inference and train. */
  tasks?: BenchTask[];
  /** Default: fp32, and bf16 where the device multiplies it itself. */
  precisions?: BenchPrecision[];
  /** Lengths of clips, each measured apart, seconds. Default 5, unless `lengths` is given. */
  seconds?: number[];
  /** Clips of many lengths, drawn like those of a corpus. */
  lengths?: 'iemocap';
  /** Of clips of many lengths. Default: drawn and packed; with `compare` drawn and grouped. */
  batching?: Batching[];
  /** Utterances of a batch. Default 8 on a CPU, 32 elsewhere. */
  batch?: number;
  /** Steps that count. Default 20. */
  steps?: number;
  /** Steps before them. Default 2. */
  warmup?: number;
  /** Seconds after which a measurement ends with fewer steps, three at least. Default 60. */
  limit?: number;
  recipe?: Recipe;
  device?: 'auto' | 'cpu' | 'cuda';
  threads?: number;
  seed?: number;
  /** Time every operation of ours against its plain composite. Default true. */
  kernels?: boolean;
  compare?: 'transformers';
  /** Program of a Python that has torch and transformers. Default: that of VIRTUAL_ENV, else python3. */
  python?: string;
  /** Also torch.compile, which takes minutes. */
  compile?: boolean;
  /** Where random checkpoints are kept for the next time. Default: deleted. */
  keep?: string;
  offline?: boolean;
  signal?: AbortSignal;
  onEvent?: (event: BenchEvent) => void;
}

export type BenchEvent =
  | { type: 'device'; device: DeviceFacts }
  | { type: 'roofline'; roofline: Roofline }
  | { type: 'phase'; what: string }
  | { type: 'step'; what: string; done: number; total: number }
  | { type: 'measured'; measurement: Measurement }
  | { type: 'warning'; message: string };

export interface DeviceFacts {
  kind: 'cpu' | 'cuda';
  /** The processor's or the GPU's. */
  name: string;
  /** Of the processor: extensions that matter to speed. */
  isa: string[];
  /** Of the GPU. */
  driver?: string;
  threads: number;
  libtorch: string;
  /** LibTorch's name for the vector extension that it uses. */
  capability: string;
  compiler: string;
  cores: number;
  memoryBytes: number;
  system: string;
  node: string;
  /** Load of the machine over the minute before, where the system tells it: what else it was doing. */
  loadBefore: number | null;
}

export interface GemmRate {
  /** Operations per second, two for a multiply-add, of the fastest product in its fastest run. */
  flops: number;
  rows: number;
  inner: number;
  columns: number;
  way: string;
}

export interface Roofline {
  /** Bytes read and written per second by a copy between arrays far larger than any cache, fastest run. */
  copyBytesPerSecond: number;
  gemm: Partial<Record<BenchPrecision, GemmRate>>;
}

export interface Quartiles {
  median: number;
  lower: number;
  upper: number;
}

/** Time and work of a number of steps. */
export interface Throughput {
  /** Of each counted step. */
  stepSeconds: number[];
  stepMilliseconds: Quartiles;
  /** Seconds of audio of the counted steps; padding is none. */
  audioSeconds: number;
  /** All audio over all time of the counted steps. */
  audioSecondsPerSecond: number;
  /** By the formula in docs/bench.md, over the true lengths. */
  tflops: number;
  /** Of the matrix products measured in the same run at the same precision; null where that was not measured. */
  shareOfPeak: number | null;
  /** CPU: most memory resident in the process meanwhile. CUDA: most that the allocator handed out. Null where it cannot be told. */
  peakBytes: number | null;
}

export interface Case {
  encoder: string;
  task: BenchTask;
  precision: BenchPrecision;
  recipe: Recipe;
  /** `5 s`, or `iemocap`. */
  lengths: string;
  /** `fixed` for clips of one length. */
  batching: Batching | 'fixed';
  /** Mean number of utterances of a batch. */
  batch: number;
}

export interface Measurement extends Case, Throughput {
  parameters: number;
  gflopPerAudioSecond: number;
}

export interface KernelTime {
  own: Quartiles;
  plain: Quartiles;
  /** Median of plain over own, sample by sample. */
  speedUp: number;
}

/** Seconds of an operation of ours and of its plain composite. */
export interface KernelTiming {
  name: string;
  shape: string;
  precision: BenchPrecision;
  forward: KernelTime;
  backward: KernelTime | null;
  /** Of the two results, largest, as a share of the largest value; null where each draws its own random numbers. */
  difference: number | null;
}

export interface PeerRow extends Throughput {
  program: string;
  ours: boolean;
  /** How the peer computes attention, and whether it is compiled. */
  variant: string;
  /** What transformers does when nobody asks for anything. */
  isDefault: boolean;
  /** Seconds of the steps that went to its own front-end (normalisation, padding, log-mels). */
  frontEndSeconds?: number;
  /** Its time over ours, over the same steps. */
  ratio: number | null;
  /** Of our peak memory to its. */
  memoryRatio: number | null;
}

export interface PeerComparison extends Case {
  /** Seconds that the peer computes for `audioSeconds` of audio, with padding. */
  paddedSeconds: number;
  rows: PeerRow[];
}

/** The outputs of both on one clip: nobody wins by computing something else. */
export interface OutputCheck {
  encoder: string;
  precision: BenchPrecision;
  variant: string;
  cosine: number;
  maxDifference: number;
}

export interface PeerResult {
  /** Of Python and its packages. */
  versions: Record<string, string>;
  outputs: OutputCheck[];
  comparisons: PeerComparison[];
}

export interface BenchResult {
  schema: 'ser-native/bench@1';
  version: string;
  /** When it ended, ISO 8601. */
  date: string;
  command?: string;
  device: DeviceFacts;
  settings: {
    batch: number;
    steps: number;
    warmup: number;
    limit: number;
    seed: number;
  };
  roofline: Roofline;
  measurements: Measurement[];
  kernels: KernelTiming[];
  peer: PeerResult | null;
  /** What was left out and why. */
  notes: string[];
}
