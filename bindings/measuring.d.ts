/** Speed, memory, and where the time of training steps goes. Part of the contract that bindings.d.ts states, whose rules and letters hold here. */

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
