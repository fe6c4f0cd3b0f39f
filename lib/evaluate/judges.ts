/** The models of a run or checkpoint, and what is known of what they were trained on. */
import { existsSync } from 'node:fs';
import { stat } from 'node:fs/promises';
import { basename, dirname, join, relative, resolve } from 'node:path';
import { UsageError } from '../errors.js';
import { readPlan } from '../folds/index.js';
import type { FoldPlan } from '../folds/types.js';
import { readModelCard } from '../train/model-card.js';
import { type RunFile, readRunFile } from '../train/run-folder.js';
import { finishedModels, listModels, modelsOf } from '../train/run-models.js';
import type { ModelCard } from '../train/types.js';

export interface Judge {
  /** `fold 1`, `fold 1 of seed 2`, `final`. */
  name: string;
  path: string;
  card: ModelCard;
}

export interface Judges {
  /** Name of the run folder, or of the file. */
  name: string;
  path: string;
  /** Folds in order, then the final model. All have the same classes. */
  judges: Judge[];
  /** The run that they belong to, where their folder still lies in it. */
  run: RunFile | null;
  plan: FoldPlan | null;
}

/**
 * Finds the models of `path`: of a run all finished folds of all seeds and the final models, else the one checkpoint.
 *
 * @param folds only these; final models then stay out
 * @throws DataError where there is none or one cannot be read; UsageError for a fold that is not there
 */
export async function findJudges(path: string, folds?: readonly number[]): Promise<Judges> {
  const single = await singleCheckpoint(path);
  const all = single ? await modelsOf(single) : await finishedModels(path);
  const models = (single ? all : all.filter(({ fold }) => !folds || folds.includes(fold))).sort(
    (a, b) => Number(a.fold === 0) - Number(b.fold === 0),
  );
  const missing = single ? [] : (folds ?? []).filter((fold) => !all.some((model) => model.fold === fold));
  if (all.length === 0) await modelsOf(path); // tells that there is none, and why
  if (missing.length > 0) {
    throw new UsageError(`${path} has no finished fold ${missing.join(', ')}; finished: ${listModels(all)}`, {
      code: 'E_FOLDS',
      cure: 'Name folds that are finished, or leave --folds out.',
    });
  }
  const seeds = new Set(models.map(({ seed }) => seed)).size > 1;
  const judges = await Promise.all(
    models.map(
      async (model): Promise<Judge> => ({
        name: listModels([model], seeds),
        path: model.path,
        card: await readModelCard(model.path),
      }),
    ),
  );
  const odd = judges.find(({ card }) => card.classes.join() !== judges[0]!.card.classes.join());
  if (odd) {
    throw new UsageError(`the models of ${path} have different classes`, {
      code: 'E_CHECKPOINT_CLASSES',
      cure: 'Name one checkpoint, e.g. fold-1/best.safetensors.',
    });
  }
  const folder = single ? runFolderOf(single) : runOf(resolve(path));
  const absolute = resolve(path);
  const name = single && folder ? relative(dirname(folder), dirname(single)) : basename(absolute);
  return {
    name,
    path: absolute,
    judges,
    run: folder ? await readRunFile(folder) : null,
    plan: folder ? await readPlan(join(folder, 'folds.json')) : null,
  };
}

/** The checkpoint that a path is or, as the folder of a fold, holds; undefined for a run folder. */
async function singleCheckpoint(path: string): Promise<string | undefined> {
  const info = await stat(path).catch(() => null); // what is wrong with it is told by those who need it
  if (info === null || info.isFile()) return path;
  const own = join(path, 'best.safetensors');
  return existsSync(own) ? own : undefined;
}

/** The run folder that a checkpoint lies in, where it does. */
function runFolderOf(checkpoint: string): string | null {
  const folder = runOf(dirname(dirname(resolve(checkpoint))));
  return existsSync(join(folder, 'run.json')) && existsSync(join(folder, 'folds.json')) ? folder : null;
}

/** A run folder, told by itself or by the folder of one of its seeds. */
const runOf = (folder: string): string => (/^seed-\d+$/.test(basename(folder)) ? dirname(folder) : folder);
