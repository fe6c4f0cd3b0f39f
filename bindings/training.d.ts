/** The losses, the trainer and its step. Part of the contract that bindings.d.ts states, whose rules and letters hold here. */
import type { AugmentRows, MixRows, Rows } from './batch.js';

/** Scaled weights a_k of the total; 0 switches a loss off. */
export interface LossWeights {
  kl: number;
  focal: number;
  center: number;
  supcon: number;
}

export interface LossValues {
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
