/** Reads, writes and verifies stored fold plans (`folds.json`), and those stated by speakers or sessions. */

import { open, readFile, rename, rm } from 'node:fs/promises';

import { z } from 'zod';

import { byCodeUnit, listSome } from '../corpus/audio-files.js';
import type { Corpus } from '../corpus/types.js';
import { DataError, hasCode } from '../errors.js';
import { type CheckOptions, checkFolds } from './check.js';
import { foldsOfGroupPlan, GROUP_PLAN_SCHEMA, type GroupPlan, groupPlanSchema } from './group-plan.js';
import { planHash } from './hash.js';
import { planOf } from './plan-of.js';
import { type FoldPlan, PARTS, VALIDATIONS } from './types.js';

const ids = z.array(z.string().min(1));
const planSchema = z.object({
  schema: z.literal('ser-native/folds@1'),
  corpus: z.string(),
  protocol: z.string(),
  validation: z.enum(VALIDATIONS),
  choices: z.record(z.string(), z.string()).optional(),
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

async function readJson(path: string): Promise<unknown> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    const reason = hasCode(error, 'ENOENT')
      ? 'does not exist'
      : `cannot be read (${(error as Error).message})`;
    throw new DataError(`Fold plan ${path} ${reason}.`, { code: 'E_PLAN_READ', cure: REPLAN, cause: error });
  }
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new DataError(`Fold plan ${path} is not JSON: truncated?`, {
      code: 'E_PLAN_READ',
      cure: REPLAN,
      cause: error,
    });
  }
}

function parsed<T>(schema: z.ZodType<T>, value: unknown, path: string): T {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const issue = result.error.issues[0]!;
  throw new DataError(`${path} is no fold plan: ${issue.path.join('.') || 'the file'}: ${issue.message}.`, {
    code: 'E_PLAN_READ',
    cure: REPLAN,
  });
}

const isStated = (value: unknown): boolean =>
  typeof value === 'object' && value !== null && 'schema' in value && value.schema === GROUP_PLAN_SCHEMA;

/**
 * A plan of either kind: with its utterance ids, or stated by speakers or sessions. Of the first, the hash is checked.
 *
 * @throws DataError where the file is missing, no plan, or its content does not match its hash
 */
export async function readPlanFile(path: string): Promise<FoldPlan | GroupPlan> {
  const value = await readJson(path);
  if (isStated(value)) return parsed(groupPlanSchema as z.ZodType<GroupPlan>, value, path);
  const plan: FoldPlan = parsed(planSchema, value, path);
  checkHash(plan);
  return plan;
}

/**
 * A plan with its utterance ids.
 *
 * @throws DataError where the file is missing, no such plan, or its content does not match its hash
 */
export async function readPlan(path: string): Promise<FoldPlan> {
  const plan = await readPlanFile(path);
  if (plan.schema === 'ser-native/folds@1') return plan;
  throw new DataError(`${path} states its folds by ${plan.by}s: without the corpus it has no utterances.`, {
    code: 'E_PLAN_READ',
    cure: 'Use loadPlan(path, corpus).',
  });
}

export interface LoadPlanOptions extends CheckOptions {
  /** Ids of utterances that the corpus has but that cannot be used, because their audio is damaged or silent. */
  leftOut?: ReadonlySet<string>;
}

/**
 * Reads a plan of either kind and puts it on a corpus.
 *
 * @param corpus all of it, with the utterances of `leftOut`; those are taken out of the plan after it was verified
 * @returns the plan with its utterance ids and, as `warnings`, what `verifyPlan` says of it
 * @throws DataError where the file is no plan, or does not hold for this corpus
 */
export async function loadPlan(
  path: string,
  corpus: Corpus,
  options: LoadPlanOptions = {},
): Promise<FoldPlan> {
  const plan = await readPlanFile(path);
  const verified =
    plan.schema === 'ser-native/folds@1' ? listed(plan, corpus, options) : stated(plan, corpus, options);
  return takeOut(verified, corpus, options);
}

/** A plan that lists its ids, verified. */
function listed(plan: FoldPlan, corpus: Corpus, options: CheckOptions): FoldPlan {
  const { warnings: _, ...rest } = plan;
  const warnings = verifyPlan(plan, corpus, options);
  return warnings.length > 0 ? { ...rest, warnings } : rest;
}

/** A plan stated by speakers or sessions, with the ids that a corpus gives it. */
function stated(plan: GroupPlan, corpus: Corpus, options: CheckOptions): FoldPlan {
  checkCorpus(plan, corpus);
  const folds = foldsOfGroupPlan(plan, corpus);
  const warnings = checkFolds(folds, corpus, options);
  const made = planOf({ corpus, protocol: plan.protocol, validation: plan.validation, folds, warnings });
  if (plan.hash !== undefined && plan.hash !== made.hash) {
    throw new DataError(
      `This copy of ${corpus.name} does not give the utterances of the fold plan ${plan.protocol}: their hash is ` +
        `${made.hash.slice(0, 12)}, the plan states ${plan.hash.slice(0, 12)}.`,
      { code: 'E_PLAN_HASH', cure: 'Complete the copy, or plan anew by --protocol.' },
    );
  }
  return made;
}

/** The plan without utterances that cannot be used: another plan, with a hash of its own. */
function takeOut(plan: FoldPlan, corpus: Corpus, options: LoadPlanOptions): FoldPlan {
  const { leftOut = new Set<string>() } = options;
  const gone = new Set(
    plan.folds.flatMap((fold) => PARTS.flatMap((part) => fold[part])).filter((id) => leftOut.has(id)),
  );
  if (gone.size === 0) return plan;
  const rest = { ...corpus, utterances: corpus.utterances.filter(({ id }) => !leftOut.has(id)) };
  const without = (ids: readonly string[]): string[] => ids.filter((id) => !gone.has(id));
  const folds = plan.folds.map((fold) => ({
    fold: fold.fold,
    train: without(fold.train),
    validation: without(fold.validation),
    test: without(fold.test),
  }));
  const warnings = [
    ...checkFolds(folds, rest, options),
    `${gone.size} of the plan's utterances cannot be used and are in none of its folds here (${listSome([...gone].sort(byCodeUnit))}).`,
  ];
  return planOf({ corpus: rest, protocol: plan.protocol, validation: plan.validation, folds, warnings });
}

function checkHash(plan: FoldPlan): void {
  const expected = planHash(plan);
  if (plan.hash === expected) return;
  throw new DataError(
    `The fold plan was changed after it was made: its hash is ${plan.hash.slice(0, 12)}, its content has ${expected.slice(0, 12)}.`,
    { code: 'E_PLAN_HASH', cure: REPLAN },
  );
}

/** Whether a plan was made for this corpus, and for what is chosen of it. */
function checkCorpus(plan: Pick<FoldPlan, 'corpus' | 'choices'>, corpus: Corpus): void {
  if (plan.corpus !== corpus.name) {
    throw new DataError(`The fold plan is for corpus ${plan.corpus}, not ${corpus.name}.`, {
      code: 'E_PLAN_CORPUS',
      cure: `Use --corpus ${plan.corpus}, or plan anew.`,
    });
  }
  const other = Object.entries(plan.choices ?? {}).find(
    ([name, value]) => (corpus.choices?.[name] ?? value) !== value,
  );
  if (other) {
    const [name, value] = other;
    throw new DataError(
      `The fold plan is for ${corpus.name} with ${name} = ${value}; here ${name} = ${corpus.choices![name]}.`,
      { code: 'E_PLAN_CHOICES', cure: `Choose the same, --choice ${name}=${value}, or plan anew.` },
    );
  }
}

/**
 * Verifies a stored plan against the corpus it is to be used with: hash, corpus, ids, leaks, classes.
 *
 * @returns warnings, as `planFolds` gives them.
 * @throws DataError where the plan cannot be used.
 */
export function verifyPlan(plan: FoldPlan, corpus: Corpus, options: CheckOptions = {}): string[] {
  checkHash(plan);
  checkCorpus(plan, corpus);
  return checkFolds(plan.folds, corpus, options);
}
