/** Shapes of released encoders, as their config.json and preprocessor_config.json say them, for checkpoints of random weights. */

const CONVOLUTIONS = {
  conv_dim: [512, 512, 512, 512, 512, 512, 512],
  conv_kernel: [10, 3, 3, 3, 3, 2, 2],
  conv_stride: [5, 2, 2, 2, 2, 2, 2],
  num_feat_extract_layers: 7,
};
const COMMON = {
  ...CONVOLUTIONS,
  conv_bias: false,
  feat_extract_activation: 'gelu',
  hidden_act: 'gelu',
  layer_norm_eps: 1e-5,
  num_conv_pos_embeddings: 128,
  num_conv_pos_embedding_groups: 16,
  attention_dropout: 0.1,
  hidden_dropout: 0.1,
  activation_dropout: 0.1,
  feat_proj_dropout: 0.1,
  final_dropout: 0.0,
  // A dropped layer is work left out: times could not be compared.
  layerdrop: 0,
  initializer_range: 0.02,
  apply_spec_augment: true,
  mask_time_prob: 0.05,
  mask_time_length: 10,
  mask_time_min_masks: 2,
  mask_feature_prob: 0.0,
  mask_feature_length: 10,
  mask_feature_min_masks: 0,
  vocab_size: 32,
};
const BASE = { num_hidden_layers: 12, hidden_size: 768, num_attention_heads: 12, intermediate_size: 3072 };
const LARGE = { num_hidden_layers: 24, hidden_size: 1024, num_attention_heads: 16, intermediate_size: 4096 };
// Convolutions normalised at the first layer only, normalisation after each transformer layer; the other way round.
const GROUP = { feat_extract_norm: 'group', do_stable_layer_norm: false };
const LAYER = { feat_extract_norm: 'layer', do_stable_layer_norm: true };
const WAVLM = {
  ...COMMON,
  model_type: 'wavlm',
  architectures: ['WavLMModel'],
  num_buckets: 320,
  max_bucket_distance: 800,
  activation_dropout: 0.0,
};
const HUBERT = { ...COMMON, model_type: 'hubert', architectures: ['HubertModel'] };
const WAV2VEC2 = { ...COMMON, model_type: 'wav2vec2', architectures: ['Wav2Vec2Model'] };

/** Base models heard waveforms as they are and no mask in pre-training; large ones normalised waveforms, and masks. */
const input = (large: boolean) => ({
  feature_extractor_type: 'Wav2Vec2FeatureExtractor',
  feature_size: 1,
  sampling_rate: 16_000,
  padding_side: 'right',
  padding_value: 0.0,
  do_normalize: large,
  return_attention_mask: large,
});

const WHISPER_INPUT = {
  feature_extractor_type: 'WhisperFeatureExtractor',
  feature_size: 80,
  sampling_rate: 16_000,
  hop_length: 160,
  n_fft: 400,
  chunk_length: 30,
  n_samples: 480_000,
  nb_max_frames: 3000,
  padding_side: 'right',
  padding_value: 0.0,
  return_attention_mask: false,
};

function whisper(width: number, layers: number, heads: number) {
  return {
    model_type: 'whisper',
    architectures: ['WhisperForConditionalGeneration'],
    num_mel_bins: 80,
    d_model: width,
    encoder_layers: layers,
    encoder_attention_heads: heads,
    encoder_ffn_dim: 4 * width,
    decoder_layers: layers,
    decoder_attention_heads: heads,
    decoder_ffn_dim: 4 * width,
    max_source_positions: 1500,
    max_target_positions: 448,
    activation_function: 'gelu',
    scale_embedding: false,
    dropout: 0.0,
    attention_dropout: 0.0,
    activation_dropout: 0.0,
    encoder_layerdrop: 0.0,
    decoder_layerdrop: 0.0,
    vocab_size: 51_864,
  };
}

export interface Shape {
  config: Record<string, unknown>;
  preprocessor: Record<string, unknown>;
}

export const SHAPES: Record<string, Shape> = {
  'wavlm-base': { config: { ...WAVLM, ...BASE, ...GROUP }, preprocessor: input(false) },
  'wavlm-large': {
    config: { ...WAVLM, ...LARGE, ...LAYER, mask_time_prob: 0.075 },
    preprocessor: input(true),
  },
  'hubert-base': { config: { ...HUBERT, ...BASE, ...GROUP }, preprocessor: input(false) },
  'hubert-large': { config: { ...HUBERT, ...LARGE, ...LAYER, conv_bias: true }, preprocessor: input(true) },
  'wav2vec2-base': { config: { ...WAV2VEC2, ...BASE, ...GROUP }, preprocessor: input(false) },
  'wav2vec2-large': {
    config: { ...WAV2VEC2, ...LARGE, ...LAYER, conv_bias: true },
    preprocessor: input(true),
  },
  'whisper-tiny': { config: whisper(384, 4, 6), preprocessor: WHISPER_INPUT },
  'whisper-base': { config: whisper(512, 6, 8), preprocessor: WHISPER_INPUT },
};
