/**
 * Floating-point operations by hand, two for each multiply-add: matrix products and convolutions only. Norms, activations,
 * softmax, spectrograms and optimiser are work that no peak rate speaks of. docs/bench.md writes the formulas out.
 *
 * Everything is over an utterance's own length: what is computed for padding is no useful work.
 */
import type {
  EncoderConfig,
  MelEncoderConfig,
  SslEncoderConfig,
  WhisperEncoderConfig,
} from '../../bindings.js';
import { SAMPLE_RATE } from '../audio/types.js';
import type { BenchTask } from './types.js';

export interface ForwardFlops {
  /** T. */
  frames: number;
  /** Of the convolutions over the waveform, which fine-tuning leaves frozen; 0 for encoders on spectrograms. */
  extractor: number;
  /** Of all else. */
  rest: number;
  total: number;
}

/** Of one utterance of `samples` samples at 16 kHz. */
export function forwardFlops(config: EncoderConfig, samples: number): ForwardFlops {
  const { frames, extractor, rest } =
    config.kind === 'ssl'
      ? ssl(config, samples)
      : config.kind === 'whisper'
        ? whisper(config, samples)
        : mel(config, samples);
  return { frames, extractor, rest, total: extractor + rest };
}

type Parts = Omit<ForwardFlops, 'total'>;

/** Projections q, k, v, out (4 D D) and two feed-forward layers (2 D F), scores and weighted sum (2 T D) a frame. */
function transformer(frames: number, width: number, inner: number, layers: number): number {
  const products = 2 * frames * (4 * width * width + 2 * width * inner);
  const attention = 4 * frames * frames * width;
  return layers * (products + attention);
}

/** WavLM's gates (under 0.1 %) are left out. */
function ssl(config: SslEncoderConfig, samples: number): Parts {
  let frames = samples;
  let channels = 1;
  let extractor = 0;
  config.convChannels.forEach((out, layer) => {
    const kernel = config.convKernels[layer]!;
    frames = Math.max(0, Math.floor((frames - kernel) / config.convStrides[layer]!) + 1);
    extractor += 2 * frames * out * channels * kernel;
    channels = out;
  });
  const { width } = config;
  const projection = 2 * frames * channels * width;
  const position = 2 * frames * width * (width / config.positionGroups) * config.positionKernel;
  const layers = transformer(frames, width, config.feedForward, config.layers);
  return { frames, extractor, rest: projection + position + layers };
}

/** Audio beyond the positions' 30 s is computed in as few equal windows as hold it. */
function whisper(config: WhisperEncoderConfig, samples: number): Parts {
  const window = config.positions * 320;
  const windows = Math.ceil(samples / window);
  const rows = Math.floor((config.window30 ? window : samples / windows) / 160);
  const frames = Math.floor((rows + 1) / 2);
  const { width } = config;
  const convolutions = 2 * 3 * width * (rows * config.bands + frames * width);
  const layers = transformer(frames, width, config.feedForward, config.layers);
  return { frames: windows * frames, extractor: 0, rest: windows * (convolutions + layers) };
}

function mel(config: MelEncoderConfig, samples: number): Parts {
  const layers = config.convLayers ?? 4;
  let frames = Math.max(0, Math.floor((samples - 400) / 160) + 1);
  let { bands } = config;
  let channels = 1;
  let convolutions = 0;
  for (let layer = 0; layer < layers; layer++) {
    const stride = layer < 3 ? 2 : 1;
    const out = config.convChannels * 2 ** Math.min(layer, 2);
    frames = Math.floor((frames - 1) / stride) + 1;
    bands = Math.floor((bands - 1) / stride) + 1;
    convolutions += 2 * frames * bands * out * channels * 9;
    channels = out;
  }
  const { width } = config;
  const projection = 2 * frames * channels * bands * width;
  const position = 2 * frames * width * 15;
  const local =
    config.block === 'conformer'
      ? config.layers * 2 * frames * (width * config.convKernel + width * width)
      : 0;
  const blocks = transformer(frames, width, config.feedForward, config.layers);
  return { frames, extractor: 0, rest: convolutions + projection + position + blocks + local };
}

/**
 * Of pooling one utterance. FLAM: q, k and v (3 D D), attention (2 T D) and the scores (2 D) a frame; its output projection is of
 * one pooled vector. SupCon sees FLAM a second time, from the same q, k and v.
 */
function poolingFlops(pooling: 'flam' | 'mean', frames: number, width: number, contrast: boolean): number {
  if (pooling === 'mean') return 0;
  const attention = 4 * frames * frames * width + 8 * frames * width + 4 * width * width;
  return 6 * frames * width * width + (contrast ? 2 : 1) * attention;
}

/**
 * Of one utterance in a task: a backward pass costs twice the forward pass of what is trained. The products that no gradient
 * flows through (the first trained layer's with respect to its input) are counted, as is usual.
 */
export function taskFlops(
  task: BenchTask,
  config: EncoderConfig,
  samples: number,
  pooling: 'flam' | 'mean',
): number {
  const { frames, extractor, rest, total } = forwardFlops(config, samples);
  const head = poolingFlops(pooling, frames, config.width, task !== 'inference' && pooling === 'flam');
  switch (task) {
    case 'inference':
      return total + head;
    case 'train':
      return extractor + 3 * (rest + head);
    case 'train-all':
      return 3 * (total + head);
    case 'train-frozen':
      return total + 3 * head;
  }
}

/** GFLOP for a second of audio, of clips of these lengths together. */
export function gflopPerAudioSecond(flops: number, samples: number): number {
  return flops / 1e9 / (samples / SAMPLE_RATE);
}
