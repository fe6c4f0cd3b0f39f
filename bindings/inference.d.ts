/** Inference of a whole model, and of an encoder by itself. Part of the contract that bindings.d.ts states, whose rules and letters hold here. */

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
