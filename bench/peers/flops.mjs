/**
 * Floating-point operations of an encoder's forward pass, two for each multiply-add, from its config.json. Products and
 * convolutions only: norms, activations, softmax and the spectrogram are work that no peak rate speaks of.
 */

/** Frames and operations of one utterance of `samples` samples at 16 kHz; `window30` for Whisper over 30 s of padding. */
export function forwardFlops(config, samples, { window30 = false } = {}) {
  return config.model_type === 'whisper'
    ? whisperFlops(config, window30 ? 480_000 : samples)
    : sslFlops(config, samples);
}

function sslFlops(config, samples) {
  let length = samples;
  let channels = 1;
  let extractor = 0;
  config.conv_dim.forEach((width, layer) => {
    const kernel = config.conv_kernel[layer];
    length = Math.floor((length - kernel) / config.conv_stride[layer]) + 1;
    extractor += 2 * length * width * channels * kernel;
    channels = width;
  });
  const frames = length;
  const width = config.hidden_size;
  const projection = 2 * frames * channels * width;
  const position =
    2 * frames * width * (width / config.num_conv_pos_embedding_groups) * config.num_conv_pos_embeddings;
  const layers = transformerFlops(frames, width, config.intermediate_size, config.num_hidden_layers);
  return {
    frames,
    extractor,
    rest: projection + position + layers,
    total: extractor + projection + position + layers,
  };
}

function whisperFlops(config, samples) {
  const width = config.d_model;
  const melFrames = Math.floor(samples / 160);
  const frames = Math.floor((melFrames + 1) / 2);
  const extractor = 2 * 3 * width * (melFrames * config.num_mel_bins + frames * width);
  const rest = transformerFlops(frames, width, config.encoder_ffn_dim, config.encoder_layers);
  return { frames, extractor, rest, total: extractor + rest };
}

function transformerFlops(frames, width, inner, layers) {
  const products = 2 * frames * (4 * width * width + 2 * width * inner);
  const attention = 4 * frames * frames * width;
  return layers * (products + attention);
}
