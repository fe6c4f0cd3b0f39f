/** From the configuration's encoder to what the addon builds: a pretrained one is found (or fetched) and read first. */
import type { AdaptConfig, EncoderConfig, PretrainedEncoderConfig } from '../../bindings.js';
import type { TrainConfig } from '../config/schema.js';
import { resolveEncoder } from '../encoder/resolve.js';
import type { PullListener } from '../encoder/types.js';

type Pretrained = Extract<TrainConfig['encoder'], { kind: 'pretrained' }>;

/** Where a model's pretrained encoder came from, as its card keeps it. */
export interface EncoderOrigin {
  source: string;
  /** Commit of the hub's repository. */
  revision?: string;
}

export interface TrainEncoder {
  config: EncoderConfig;
  adapt?: AdaptConfig;
  /** Files of the pretrained checkpoint; none for an encoder trained from scratch. */
  files: readonly string[];
  origin?: EncoderOrigin;
}

/**
 * @throws DataError where a checkpoint cannot be found, read or supported; RuntimeError where it cannot be fetched
 */
export async function trainEncoder(
  encoder: TrainConfig['encoder'],
  options: { signal?: AbortSignal; offline?: boolean; onProgress?: PullListener } = {},
): Promise<TrainEncoder> {
  if (encoder.kind === 'mel') return { config: { ...encoder }, files: [] };
  const found = await resolveEncoder(encoder.source, {
    window30: encoder.window30,
    offline: options.offline,
    signal: options.signal,
    onProgress: options.onProgress,
  });
  return {
    config: withDropouts(found.config, encoder),
    adapt: adaptConfig(encoder),
    files: found.files,
    origin: { source: found.source, ...(found.revision ? { revision: found.revision } : {}) },
  };
}

/** The settings of the run win over the checkpoint's own. */
function withDropouts(config: PretrainedEncoderConfig, encoder: Pretrained): PretrainedEncoderConfig {
  const layerDrop = encoder.layerDrop ?? config.layerDrop;
  if (encoder.dropout === undefined) return { ...config, layerDrop };
  return config.kind === 'whisper'
    ? { ...config, layerDrop, dropout: encoder.dropout }
    : { ...config, layerDrop, hiddenDropout: encoder.dropout };
}

function adaptConfig(encoder: Pretrained): AdaptConfig {
  const { trainable, lora } = encoder;
  return {
    trainableLayers: trainable === 'none' ? 0 : trainable === 'all' ? -1 : trainable,
    trainExtractor: encoder.trainExtractor,
    rate: encoder.rate,
    layerDecay: encoder.layerDecay,
    layerSum: encoder.hiddenStates === 'sum',
    loraRank: lora.rank,
    loraAlpha: lora.alpha,
    loraDropout: lora.dropout,
    checkpointActivations: encoder.checkpointActivations,
  };
}

/** Bands that SpecAugment may mask; 0 for encoders that compute no spectrogram. */
export function spectrogramBands(config: EncoderConfig): number {
  return config.kind === 'ssl' ? 0 : config.bands;
}

/** Whether a checkpoint of the model leaves the encoder's own weights out (see `saveModel` in bindings.d.ts). */
export function needsBaseEncoder(adapt: AdaptConfig | undefined): boolean {
  return adapt !== undefined && (adapt.trainableLayers === 0 || adapt.loraRank > 0);
}

/** What of an encoder is trained, in words. */
export function describeTrained(encoder: TrainConfig['encoder'], kind: EncoderConfig['kind']): string {
  if (encoder.kind === 'mel') return 'all of it';
  if (encoder.lora.rank > 0) return `adapters of rank ${encoder.lora.rank}`;
  if (encoder.trainable === 'none') return 'nothing: it stays frozen';
  if (encoder.trainable === 'all')
    return kind === 'ssl' && !encoder.trainExtractor ? 'all but the waveform convolutions' : 'all of it';
  return `its last ${encoder.trainable} layers`;
}
