/**
 * Trainer checkpoints of a fold: `last-<step>.safetensors` (weights, moments, centers, moving average) and, written after it,
 * `last-<step>.json`, which names that file's length and sha256 and holds the loop's own state. A checkpoint exists only
 * once its manifest does; two are kept, so that a damaged newest one costs an epoch and not the fold.
 */
import { readdir, readFile, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { EpochLine, PredictionLine } from '../report/types.js';
import { fileSha256, writeAtomically, writeTextAtomically } from './atomic-file.js';

/** Sums over the steps of an epoch that is under way. */
export interface EpochSums {
  steps: number;
  total: number;
  raw: EpochLine['train']['raw'];
  scaled: EpochLine['train']['scaled'];
  gradNorm: number;
  correct: number;
  utterances: number;
  mixed: number;
  mixSkipped: number;
  nonFinite: number;
}

/** Everything of a fold's loop that is not a tensor. */
export interface LoopState {
  /** Configuration that the fold was trained with. */
  configHash: string;
  planHash: string;
  /** Epochs finished. */
  epochsDone: number;
  /** Steps finished within the next epoch. */
  cursor: number;
  /** Steps finished in all. */
  step: number;
  sums: EpochSums | null;
  epochs: EpochLine[];
  /** Non-finite steps in a row. */
  badSteps: number;
  /** Test predictions of the validation-selected epoch and of the best epoch on the test fold. */
  selected: PredictionLine[];
  bestOnTest: PredictionLine[];
  selectedEpoch: number;
  /** Fitted on validation at the selected epoch; null without a validation part, absent in checkpoints of older versions. */
  temperature?: number | null;
  bestOnTestEpoch: number;
}

interface Manifest {
  schema: 'ser-native/checkpoint@1';
  file: string;
  bytes: number;
  sha256: string;
  state: LoopState;
}

const MANIFEST = /^last-(\d+)\.json$/;

/** Writes a checkpoint: `save` fills the tensor file, then the manifest makes it count, then older ones go. */
export async function writeCheckpoint(
  directory: string,
  state: LoopState,
  save: (path: string) => Promise<void>,
): Promise<string> {
  const stem = `last-${state.step}`;
  const path = join(directory, `${stem}.safetensors`);
  await writeAtomically(path, save);
  const manifest: Manifest = {
    schema: 'ser-native/checkpoint@1',
    file: `${stem}.safetensors`,
    bytes: (await stat(path)).size,
    sha256: await fileSha256(path),
    state,
  };
  await writeTextAtomically(join(directory, `${stem}.json`), `${JSON.stringify(manifest)}\n`);
  for (const older of (await manifests(directory)).slice(2)) {
    await rm(join(directory, `last-${older}.json`), { force: true });
    await rm(join(directory, `last-${older}.safetensors`), { force: true });
  }
  return path;
}

/** Steps of the manifests in a folder, newest first. */
async function manifests(directory: string): Promise<number[]> {
  const names = await readdir(directory).catch(() => []);
  return names
    .map((name) => MANIFEST.exec(name)?.[1])
    .filter((step) => step !== undefined)
    .map(Number)
    .sort((a, b) => b - a);
}

export interface FoundCheckpoint {
  path: string;
  state: LoopState;
}

/**
 * The newest checkpoint whose length and sha256 hold; `onBad` hears of each that does not.
 */
export async function findCheckpoint(
  directory: string,
  onBad: (message: string) => void,
): Promise<FoundCheckpoint | null> {
  for (const step of await manifests(directory)) {
    const manifestPath = join(directory, `last-${step}.json`);
    try {
      const manifest = JSON.parse(await readFile(manifestPath, 'utf8')) as Manifest;
      if (manifest.schema !== 'ser-native/checkpoint@1') throw new Error(`its schema is ${manifest.schema}`);
      const path = join(directory, manifest.file);
      const { size } = await stat(path);
      if (size !== manifest.bytes)
        throw new Error(`${manifest.file} has ${size} bytes, ${manifest.bytes} were written`);
      if ((await fileSha256(path)) !== manifest.sha256)
        throw new Error(`${manifest.file} does not match its checksum`);
      return { path, state: manifest.state };
    } catch (error) {
      onBad(
        `the checkpoint ${manifestPath} is damaged (${(error as Error).message}); using the one before it`,
      );
    }
  }
  return null;
}
