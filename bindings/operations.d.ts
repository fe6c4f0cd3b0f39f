/** Operations by themselves: values and gradients, for tests and for research. Part of the contract that bindings.d.ts states, whose rules and letters hold here. */
import type { MixRows, Rows } from './batch.js';
import type { LossValues, LossWeights } from './training.js';

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
