/** What a model is made of: its encoder, what of that is trained, pooling and classifier. Part of the contract that bindings.d.ts states, whose rules and letters hold here. */

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
