/** Reads, writes and verifies stored fold plans (`folds.json`). */

import { open, readFile, rename, rm } from 'node:fs/promises';

import { z } from 'zod';

import type { Corpus } from '../corpus/types.js';
import { DataError, hasCode } from '../errors.js';
import { type CheckOptions, checkFolds } from './check.js';
import { planHash } from './hash.js';
import type { FoldPlan } from './types.js';

const ids = z.array(z.string().min(1));
const planSchema = z.object({
  schema: z.literal('ser-native/folds@1'),
  corpus: z.string(),
  protocol: z.string(),
  validation: z.enum(['next-fold', 'none']),
  hash: z.string().regex(/^[0-9a-f]{64}$/),
  folds: z.array(z.object({ fold: z.int().min(1), train: ids, validation: ids, test: ids })).min(1),
  warnings: z.array(z.string()).optional(),
});

const REPLAN = 'Plan anew (without the file), or restore the original.';

/** Writes a plan: to a temporary name first, then renamed, so that a reader never meets half of one. */
export async function writePlan(path: string, plan: FoldPlan): Promise<void> {
  const partial = `${path}.${process.pid}.partial`;
  try {
    const file = await open(partial, 'w');
    try {
      await file.writeFile(`${JSON.stringify(plan, null, 1)}\n`);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(partial, path);
  } catch (error) {
    await rm(partial, { force: true });
    throw new DataError(
      `The fold plan cannot be written to ${path}: ${error instanceof Error ? error.message : String(error)}`,
      {
        code: 'E_PLAN_WRITE',
        cure: 'Check that the folder exists, may be written, and has room.',
        cause: error,
      },
    );
  }
}

/** @throws DataError where the file is missing, no plan, or its content does not match its hash. */
export async function readPlan(path: string): Promise<FoldPlan> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    const reason = hasCode(error, 'ENOENT')
      ? 'does not exist'
      : `cannot be read (${(error as Error).message})`;
    throw new DataError(`Fold plan ${path} ${reason}.`, { code: 'E_PLAN_READ', cure: REPLAN, cause: error });
  }
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new DataError(`Fold plan ${path} is not JSON: truncated?`, {
      code: 'E_PLAN_READ',
      cure: REPLAN,
      cause: error,
    });
  }
  const parsed = planSchema.safeParse(value);
  if (!parsed.success) {
    const issue = parsed.error.issues[0]!;
    throw new DataError(`${path} is no fold plan: ${issue.path.join('.') || 'the file'}: ${issue.message}.`, {
      code: 'E_PLAN_READ',
      cure: REPLAN,
    });
  }
  checkHash(parsed.data);
  return parsed.data;
}

function checkHash(plan: FoldPlan): void {
  const expected = planHash(plan);
  if (plan.hash === expected) return;
  throw new DataError(
    `The fold plan was changed after it was made: its hash is ${plan.hash.slice(0, 12)}, its content has ${expected.slice(0, 12)}.`,
    { code: 'E_PLAN_HASH', cure: REPLAN },
  );
}

/**
 * Verifies a stored plan against the corpus it is to be used with: hash, corpus, ids, leaks, classes.
 *
 * @returns warnings, as `planFolds` gives them.
 * @throws DataError where the plan cannot be used.
 */
export function verifyPlan(plan: FoldPlan, corpus: Corpus, options: CheckOptions = {}): string[] {
  checkHash(plan);
  if (plan.corpus !== corpus.name) {
    throw new DataError(`The fold plan is for corpus ${plan.corpus}, not ${corpus.name}.`, {
      code: 'E_PLAN_CORPUS',
      cure: `Use --corpus ${plan.corpus}, or plan anew.`,
    });
  }
  return checkFolds(plan.folds, corpus, options);
}
