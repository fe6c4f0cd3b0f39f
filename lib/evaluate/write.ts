/** Puts evaluations into a folder. */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { DataError } from '../errors.js';
import { writeTextAtomically } from '../train/atomic-file.js';
import { type ComparedEvaluations, compareEvaluations } from './compare-evaluations.js';
import { renderEvaluationPage } from './page.js';
import type { EvaluationResult } from './types.js';

/**
 * Writes `evaluation.json` (one evaluation, or several side by side), `predictions.jsonl` and `evaluation.html`, each whole or
 * not at all.
 *
 * @param folder is made where it is missing
 */
export async function writeEvaluation(folder: string, results: readonly EvaluationResult[]): Promise<void> {
  await mkdir(folder, { recursive: true }).catch((error: unknown) => {
    throw new DataError(`the folder ${folder} cannot be made: ${(error as Error).message}`, {
      code: 'E_OUT_FOLDER',
      cure: 'Name a folder you may write to with --out.',
      cause: error,
    });
  });
  const together = compareEvaluations(results);
  const lines = results.flatMap((result) => result.lines);
  await writeTextAtomically(
    join(folder, 'predictions.jsonl'),
    lines.map((line) => `${JSON.stringify(line)}\n`).join(''),
  );
  await writeTextAtomically(join(folder, 'evaluation.html'), renderEvaluationPage(together));
  await writeTextAtomically(
    join(folder, 'evaluation.json'),
    `${JSON.stringify(evaluationJson(together), null, 2)}\n`,
  );
}

/** What `evaluation.json` holds, and `--json` prints. */
export function evaluationJson(together: ComparedEvaluations): object {
  return together.evaluations.length === 1 ? together.evaluations[0]! : together;
}
