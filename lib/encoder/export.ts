/** From a checkpoint of a fine-tuned model to a folder that transformers loads. */
import { join, resolve } from 'node:path';
import type { EncoderConfig } from '../../bindings.js';
import { canonicalJson } from '../config/resolve.js';
import { DataError, InterruptedError, SerError, UsageError } from '../errors.js';
import { openEngine } from '../native/engine.js';
import { readModelCard } from '../train/model-card.js';
import { openModel } from '../train/open-model.js';
import { listModels, type ModelChoice, modelsOf } from '../train/run-models.js';
import type { ModelCard } from '../train/types.js';
import { exportedConfigs, refuseNonEmpty, writeFiles, writeFolder } from './export-files.js';
import { type ResolvedEncoder, resolveEncoder } from './resolve.js';

export interface ExportEncoderOptions {
  /** Which fold of a run folder; needed where several are finished and there is no model fitted on all the data. */
  fold?: number;
  /** Which seed of a run of several. */
  seed?: number;
  threads?: number;
  signal?: AbortSignal;
}

export interface ExportedEncoder {
  /** Absolute path of the folder written. */
  directory: string;
  /** The checkpoint that the encoder was taken from. */
  checkpoint: string;
  config: Exclude<EncoderConfig, { kind: 'mel' }>;
  /** Adapters were added to the weights that they adapt. */
  merged: boolean;
  /** The model takes a learned sum over hidden states, which transformers' encoders have no place for: it is left out. */
  layerSum: boolean;
}

/**
 * Writes the encoder of a trained model as a Hugging Face folder: `model.safetensors` (float32, under the names of
 * transformers, adapters merged), `config.json` and `preprocessor_config.json`. Pooling and classifier stay behind. The folder
 * is there whole or not at all.
 *
 * @param model a run folder, a fold's folder, or a checkpoint that `train` wrote
 * @param directory the folder to write; it must not exist yet, or be empty
 * @throws UsageError for a folder that holds something, or a run of several folds without `fold`; DataError where there is no
 *   usable checkpoint, its encoder is no pretrained one, or what that was trained from cannot be found any more
 */
export async function exportEncoder(
  model: string,
  directory: string,
  options: ExportEncoderOptions = {},
): Promise<ExportedEncoder> {
  for (const [name, value] of Object.entries({ model, directory })) {
    if (typeof value !== 'string' || value === '')
      throw new UsageError(`exportEncoder takes ${name} as a path`, { code: 'E_ARGUMENT' });
  }
  const { fold, seed, threads, signal } = options;
  await refuseNonEmpty(directory);
  const checkpoint = await checkpointToExport(model, { fold, seed });
  const card = await readModelCard(checkpoint);
  const { encoder, adapt } = card.model;
  if (encoder.kind === 'mel') {
    throw new DataError(
      `${checkpoint} has the mel encoder, which is trained from scratch and of which transformers has no model`,
      {
        code: 'E_EXPORT_MEL',
        cure: 'Only pretrained encoders (`train --encoder ...`) can be exported.',
      },
    );
  }
  const origin = await findOrigin(checkpoint, card, signal);
  const configs = await exportedConfigs(origin.directory);
  const engine = await openEngine({ threads });
  try {
    const opened = await openModel(engine, checkpoint, card);
    await writeFolder(directory, async (partial) => {
      // transformers refuses files that do not say what framework they are for.
      const metadata = { format: 'pt' };
      const prefix = encoder.kind === 'whisper' ? 'model.' : '';
      await opened.exportEncoder(join(partial, 'model.safetensors'), prefix, metadata, { signal });
      await writeFiles(partial, configs);
    });
  } finally {
    await engine.dispose();
  }
  return {
    directory: resolve(directory),
    checkpoint,
    config: encoder,
    merged: (adapt?.loraRank ?? 0) > 0,
    layerSum: adapt?.layerSum ?? false,
  };
}

/** The one checkpoint that `path` stands for. */
async function checkpointToExport(path: string, choice: ModelChoice): Promise<string> {
  const { fold } = choice;
  if (fold !== undefined && (!Number.isInteger(fold) || fold < 1)) {
    throw new UsageError(`fold must be a whole number from 1 on, got ${fold}`, { code: 'E_ARGUMENT' });
  }
  const models = await modelsOf(path, choice);
  if (models.length === 1) return models[0]!.path;
  throw new UsageError(
    `${path} holds an encoder for each model, and one can be exported; finished: ${listModels(models)}`,
    {
      code: 'E_EXPORT_FOLD',
      cure: 'Choose one by --fold N, in a run of several seeds also --seed S, or name its best.safetensors.',
    },
  );
}

/** Where the encoder came from, whose configuration the export has. */
async function findOrigin(
  checkpoint: string,
  { origin, model }: ModelCard,
  signal: AbortSignal | undefined,
): Promise<ResolvedEncoder> {
  if (!origin) {
    throw new DataError(`${checkpoint} does not say where its encoder came from`, {
      code: 'E_EXPORT_ORIGIN',
      cure: 'Train it again with this version.',
    });
  }
  const { source, revision } = origin;
  const window30 = model.encoder.kind === 'whisper' && model.encoder.window30;
  let found: ResolvedEncoder;
  try {
    // A commit says more than the branch or tag that led to it.
    found = await resolveEncoder(revision ? `${source.split('@')[0]}@${revision}` : source, {
      window30,
      signal,
    });
  } catch (error) {
    if (error instanceof InterruptedError || !(error instanceof SerError)) throw error;
    throw new DataError(
      `the configuration of the encoder cannot be had any more from ${source}, where it came from: ${error.message}`,
      {
        code: 'E_EXPORT_ORIGIN',
        cure: revision
          ? `Fetch it by \`ser-native pull ${source}\` on a machine with network.`
          : `Put the checkpoint that it was trained from back at ${source}.`,
        cause: error,
      },
    );
  }
  const shape = (config: object) => canonicalJson({ ...config, dropout: 0, hiddenDropout: 0, layerDrop: 0 });
  if (shape(found.config) === shape(model.encoder)) return found;
  throw new DataError(`${checkpoint} was trained from another encoder than the one now found at ${source}`, {
    code: 'E_EXPORT_ORIGIN',
    cure: 'Put the encoder that it was trained from back in its place.',
  });
}
