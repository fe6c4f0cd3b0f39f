/** Which trained models a run folder holds, whichever way its folds lie. */
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { DataError, hasCode, UsageError } from '../errors.js';
import { readModelCard } from './model-card.js';

/** A model that has been trained to its end. */
export interface RunModel {
  seed: number;
  /** 0 for the model fitted on all the data. */
  fold: number;
  /** Its `best.safetensors`. */
  path: string;
}

export interface ModelChoice {
  /** Only models of this seed. */
  seed?: number;
  /** Only the model of this fold (of each seed). */
  fold?: number;
}

/** The finished models of a run folder, or of the folder of one of its seeds: by seed, then by fold. */
export async function finishedModels(run: string): Promise<RunModel[]> {
  const names = await readdir(run);
  const seeds = names.filter((name) => /^seed-\d+$/.test(name));
  const found: RunModel[] = [];
  for (const parent of [run, ...seeds.map((name) => join(run, name))]) {
    const inside = parent === run ? names : await readdir(parent);
    for (const name of inside.filter((entry) => /^(fold-\d+|final)$/.test(entry))) {
      const path = join(parent, name, 'best.safetensors');
      // A model is there from the first epoch on; only the result says that the fold has come to its end.
      if (!(await exists(path)) || !(await exists(join(parent, name, 'result.json')))) continue;
      const { seed, fold } = await readModelCard(path);
      found.push({ seed, fold, path });
    }
  }
  return found.sort((a, b) => a.seed - b.seed || a.fold - b.fold);
}

/**
 * The models that a path stands for: a checkpoint, the folder of a fold, or a run folder, where models fitted on all the
 * data come before those of folds.
 *
 * @throws DataError `E_CHECKPOINT` where there is none; UsageError `E_ARGUMENT` for a choice that one checkpoint does not leave
 */
export async function modelsOf(path: string, choice: ModelChoice = {}): Promise<RunModel[]> {
  const info = await stat(path).catch((error: unknown) => {
    throw new DataError(
      hasCode(error, 'ENOENT') ? `there is no file or folder ${path}` : `${path} cannot be read`,
      {
        code: 'E_CHECKPOINT',
        cure: 'Name a run folder, or a checkpoint that `ser-native train` wrote.',
        cause: error,
      },
    );
  });
  const own = info.isFile() ? path : join(path, 'best.safetensors');
  if (info.isFile() || (await exists(own))) {
    if (choice.seed !== undefined || choice.fold !== undefined) {
      throw new UsageError(`${path} is one checkpoint; seed and fold can be chosen of a run folder only`, {
        code: 'E_ARGUMENT',
        cure: 'Leave them out.',
      });
    }
    const { seed, fold } = await readModelCard(own);
    return [{ seed, fold, path: own }];
  }
  const all = await finishedModels(path);
  const chosen = all.filter(
    ({ seed, fold }) => seed === (choice.seed ?? seed) && fold === (choice.fold ?? fold),
  );
  if (chosen.length === 0) throw noModel(path, choice, all);
  const final = chosen.filter(({ fold }) => fold === 0);
  return final.length > 0 ? final : chosen;
}

/** `fold 1, fold 2`, with the seed of each where there are several. */
export function listModels(
  models: readonly RunModel[],
  seeds = new Set(models.map(({ seed }) => seed)).size > 1,
): string {
  return models
    .map(({ seed, fold }) => (fold === 0 ? 'final' : `fold ${fold}`) + (seeds ? ` of seed ${seed}` : ''))
    .join(', ');
}

function noModel(path: string, { seed, fold }: ModelChoice, all: readonly RunModel[]): DataError {
  if (all.length === 0) {
    return new DataError(`${path} holds no finished model`, {
      code: 'E_CHECKPOINT',
      cure: 'Name a run folder with at least one finished fold, or a checkpoint that `ser-native train` wrote.',
    });
  }
  const wanted =
    (fold === undefined ? 'model' : `fold ${fold}`) + (seed === undefined ? '' : ` of seed ${seed}`);
  const there = listModels(all, seed === undefined ? undefined : true);
  return new DataError(`${path} has no finished ${wanted}; finished: ${there}`, {
    code: 'E_CHECKPOINT',
    cure: 'Name another, or finish the run by `ser-native train --resume DIR`.',
  });
}

const exists = (path: string) =>
  stat(path).then(
    () => true,
    () => false,
  );
