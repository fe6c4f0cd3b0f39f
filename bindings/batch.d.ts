/** The utterances of a batch, and what is done to their samples. Part of the contract that bindings.d.ts states, whose rules and letters hold here. */

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
