/** Sound arguments of the addon's calls, small enough for tests; each call gives fresh ones. */
import type {
  MelEncoderConfig,
  MixRows,
  ModelConfig,
  Rows,
  StepRequest,
  TrainerConfig,
} from '../../bindings.js';

export function modelConfig(): ModelConfig & { encoder: MelEncoderConfig } {
  return {
    classes: 3,
    encoder: {
      kind: 'mel',
      bands: 40,
      convChannels: 8,
      width: 32,
      layers: 1,
      heads: 2,
      feedForward: 64,
      block: 'transformer',
      convKernel: 15,
      dropout: 0,
    },
    pooling: 'flam',
    poolingHeads: 4,
    embedding: 16,
    headDropout: 0,
  };
}

export function trainerConfig(): TrainerConfig {
  return {
    losses: { kl: 1, focal: 1, center: 1, supcon: 1 },
    gamma: 2,
    temperature: 0.1,
    weightDecay: 0.01,
    beta1: 0.9,
    beta2: 0.999,
    epsilon: 1e-8,
    clip: 1,
    averageDecay: 0.9,
    seed: 7,
    precision: 'fp32',
  };
}

/** Utterances of the test store, six of 0.2 s. */
export const UTTERANCE = 3200;
export const UTTERANCES = 6;

export function rows(batch = UTTERANCES): Rows {
  return {
    offsets: Float64Array.from({ length: batch }, (_, row) => row * UTTERANCE),
    lengths: new Int32Array(batch).fill(UTTERANCE),
    keys: Uint32Array.from({ length: batch }, (_, row) => row + 1),
  };
}

/** Class of utterance `row`. */
export const classOf = (row: number): number => row % 3;

export function labels(batch = UTTERANCES): Float32Array {
  const result = new Float32Array(batch * 3);
  for (let row = 0; row < batch; row++) result[row * 3 + classOf(row)] = 1;
  return result;
}

/** Every second row mixed with the next utterance. */
export function mixRows(batch = UTTERANCES): MixRows {
  return {
    kind: 'eam',
    active: Uint8Array.from({ length: batch }, (_, row) => row % 2),
    partnerOffsets: Float64Array.from({ length: batch }, (_, row) => ((row + 1) % batch) * UTTERANCE),
    partnerLengths: new Int32Array(batch).fill(UTTERANCE),
    starts: new Int32Array(batch).fill(300),
    partnerStarts: new Int32Array(batch).fill(500),
    segmentLengths: new Int32Array(batch).fill(1000),
    snr: new Float64Array(batch).fill(3),
    lambda: new Float64Array(batch).fill(0.1),
  };
}

export function stepRequest(step = 0): StepRequest {
  return { rows: rows(), labels: labels(), step, learningRate: 3e-3, centerLearningRate: 5e-3 };
}

/** Int16 samples of the test store: a tone per class, a little different for each utterance. */
export function storeSamples(): Int16Array {
  return Int16Array.from({ length: UTTERANCES * UTTERANCE }, (_, index) => {
    const row = Math.floor(index / UTTERANCE);
    const hertz = 200 * 3 ** classOf(row) * (1 + row / 100);
    return Math.round(8000 * Math.sin((2 * Math.PI * hertz * index) / 16_000));
  });
}
