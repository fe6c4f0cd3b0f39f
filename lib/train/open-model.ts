/** Models from their checkpoints. */

import { canonicalJson } from '../config/resolve.js';
import { resolveEncoder } from '../encoder/resolve.js';
import { DataError } from '../errors.js';
import type { NativeModel, SerEngine } from '../native/engine.js';
import { needsBaseEncoder } from './train-encoder.js';
import type { ModelCard } from './types.js';

/**
 * A model with the weights of a checkpoint. Where the checkpoint leaves out its pretrained encoder, which training did not
 * change, that is found again where it came from, or fetched.
 *
 * @throws DataError where weights are missing, damaged or of another model
 */
export async function openModel(engine: SerEngine, path: string, card: ModelCard): Promise<NativeModel> {
  const model = await engine.createModel(card.model, 0);
  try {
    if (needsBaseEncoder(card.model.adapt)) await model.loadPretrained(await baseFiles(path, card));
    await model.load(path);
    return model;
  } catch (error) {
    await model.release();
    throw error;
  }
}

async function baseFiles(path: string, { origin, model }: ModelCard): Promise<readonly string[]> {
  if (!origin) {
    throw new DataError(`${path} holds no encoder weights and does not say where they came from`, {
      code: 'E_CHECKPOINT',
    });
  }
  const { source, revision } = origin;
  const window30 = model.encoder.kind === 'whisper' && model.encoder.window30;
  // The commit that was used, whatever tag or branch named it then.
  const found = await resolveEncoder(revision ? `${source.split('@')[0]}@${revision}` : source, { window30 });
  const shape = (config: object) => canonicalJson({ ...config, dropout: 0, hiddenDropout: 0, layerDrop: 0 });
  if (shape(found.config) !== shape(model.encoder)) {
    throw new DataError(`${path} was trained on another encoder than the one now found at ${source}`, {
      code: 'E_CHECKPOINT_ENCODER',
      cure: 'Put the encoder that it was trained on back in its place.',
    });
  }
  return found.files;
}
