/** What training needs before the first fold: data, encoder, engine. */
import type { RowSource, SerEngine } from '../native/engine.js';
import { findDriver, requireGpu } from '../runtime/gpu.js';
import type { SettledConfig } from './precision.js';
import { type Prepared, prepare } from './prepare.js';
import { describeTrained, type TrainEncoder, trainEncoder } from './train-encoder.js';
import type { TrainEvent } from './types.js';

/** Configuration, data, encoder and engine, ready for any fold of any seed. */
export interface Workshop extends Material {
  config: SettledConfig;
  engine: SerEngine;
  /** Samples, or the kept frames of a frozen encoder. */
  source: RowSource;
  emit: (event: TrainEvent) => void;
  signal?: AbortSignal;
}

export interface Material {
  prepared: Prepared;
  encoder: TrainEncoder;
}

/**
 * Reads data and encoder; tells as it goes. Data first: a wrong path must not cost a set-up before it is told.
 *
 * @throws UsageError, DataError, RuntimeError, InterruptedError
 */
export async function readMaterial(
  config: SettledConfig,
  emit: (event: TrainEvent) => void,
  signal?: AbortSignal,
): Promise<Material> {
  const prepared = await readData(config, emit, signal);
  return { prepared, encoder: await readEncoder(config, emit, signal) };
}

export async function readData(
  config: SettledConfig,
  emit: (event: TrainEvent) => void,
  signal?: AbortSignal,
): Promise<Prepared> {
  // Before the data: a corpus takes minutes to read, a driver that is missing a moment to miss.
  if (config.device === 'cuda') requireGpu(await findDriver());
  return prepare(config, emit, signal);
}

export async function readEncoder(
  config: SettledConfig,
  emit: (event: TrainEvent) => void,
  signal?: AbortSignal,
): Promise<TrainEncoder> {
  const encoder = await trainEncoder(config.encoder, {
    signal,
    onProgress: (progress) => emit({ type: 'pull', progress }),
  });
  if (encoder.origin) {
    const { kind, layers, width } = encoder.config;
    const { source } = encoder.origin;
    emit({ type: 'encoder', source, kind, layers, width, trained: describeTrained(config.encoder, kind) });
  }
  return encoder;
}
