/**
 * A plan stated by speakers or sessions instead of utterance ids: a page that a person can read, check against a paper and
 * pass on, also where a corpus' licence or its sheer size forbids a list of its utterances. Put on a copy of the corpus it
 * gives the folds; the counts and the hash that it states then say whether that copy is the one it was made for.
 */

import { z } from 'zod';

import { byCodeUnit, listSome } from '../corpus/audio-files.js';
import type { Corpus, Utterance } from '../corpus/types.js';
import { DataError } from '../errors.js';
import { naturalOrder } from './group-speakers.js';
import { type Fold, type FoldPlan, PARTS, VALIDATIONS } from './types.js';

const names = z.array(z.string().min(1));

const foldSchema = z.strictObject({
  fold: z.int().min(1),
  test: names.min(1),
  validation: names.default([]),
  utterances: z
    .strictObject({ train: z.int().min(0), validation: z.int().min(0), test: z.int().min(0) })
    .optional(),
});

export const GROUP_PLAN_SCHEMA = 'ser-native/fold-groups@1';

export const groupPlanSchema = z
  .strictObject({
    schema: z.literal(GROUP_PLAN_SCHEMA),
    corpus: z.string().min(1),
    protocol: z.string().min(1),
    /** Where the lists come from, for people. */
    source: z.string().optional(),
    /** What has to be chosen of the corpus for the counts to hold. */
    choices: z.record(z.string(), z.string()).optional(),
    validation: z.enum(VALIDATIONS),
    /** What the lists name. Speakers and sessions in neither list of a fold train. */
    by: z.enum(['speaker', 'session']),
    folds: z.array(foldSchema).min(1),
    /** Utterances of the complete corpus. */
    utterances: z.int().min(1).optional(),
    /** Hash of the plan that it gives on the complete corpus. */
    hash: z
      .string()
      .regex(/^[0-9a-f]{64}$/)
      .optional(),
  })
  .refine(
    ({ validation, folds }) => folds.every((fold) => fold.validation.length > 0 === (validation !== 'none')),
    'every fold lists who validates, or with validation "none" no fold does',
  );

export type GroupPlan = z.output<typeof groupPlanSchema>;

/**
 * The folds that a stated plan gives on a corpus. Leaks and classes are for `checkFolds` to find.
 *
 * @throws DataError where the corpus lacks who is listed, or its counts are not those stated
 */
export function foldsOfGroupPlan(stated: GroupPlan, corpus: Corpus): Fold[] {
  const { by } = stated;
  const listed = new Set(stated.folds.flatMap(({ test, validation }) => [...test, ...validation]));
  const present = new Set(corpus.utterances.map((utterance) => utterance[by]));
  const missing = [...listed].filter((name) => !present.has(name)).sort(naturalOrder);
  if (missing.length > 0) {
    throw new DataError(
      `The fold plan ${stated.protocol} names ${by}s that the corpus lacks: ${listSome(missing, 8)}.`,
      {
        code: 'E_TOO_FEW_SPEAKERS',
        cure: 'Complete the corpus, or use loso or group-K, which take the speakers there are.',
        details: { missing },
      },
    );
  }
  checkTotal(stated, corpus);
  return stated.folds.map((fold) => {
    const made = partsOf(fold, by, corpus);
    const expected = fold.utterances;
    if (expected && PARTS.some((part) => made[part].length !== expected[part])) {
      const counts = (of: (part: (typeof PARTS)[number]) => number): string =>
        PARTS.map((part) => of(part)).join(' / ');
      throw new DataError(
        `Fold ${fold.fold} of ${stated.protocol} has ${counts((part) => expected[part])} utterances (train / validation / test), ` +
          `this copy of ${corpus.name} gives ${counts((part) => made[part].length)}.`,
        { code: 'E_PLAN_COUNTS', cure: COUNTS_CURE },
      );
    }
    return made;
  });
}

const COUNTS_CURE =
  'The plan is for the complete corpus: complete the copy, or plan anew by --protocol (figures then compare with no published ones).';

function checkTotal({ protocol, utterances }: GroupPlan, corpus: Corpus): void {
  if (utterances === undefined || utterances === corpus.utterances.length) return;
  throw new DataError(
    `The fold plan ${protocol} is for ${utterances} utterances, this copy of ${corpus.name} has ${corpus.utterances.length}.`,
    { code: 'E_PLAN_COUNTS', cure: COUNTS_CURE },
  );
}

function partsOf(fold: GroupPlan['folds'][number], by: GroupPlan['by'], corpus: Corpus): Fold {
  const test = new Set(fold.test);
  const validation = new Set(fold.validation);
  const made: Fold = { fold: fold.fold, train: [], validation: [], test: [] };
  for (const utterance of corpus.utterances) {
    const name = utterance[by];
    if (name === undefined) {
      throw new DataError(`The fold plan goes by ${by}, and ${utterance.id} names none.`, {
        code: 'E_PLAN_COUNTS',
        cure: `Complete the ${by} column.`,
      });
    }
    // In both lists: in both parts, so that the check finds the leak and names it.
    if (test.has(name)) made.test.push(utterance.id);
    if (validation.has(name)) made.validation.push(utterance.id);
    if (!test.has(name) && !validation.has(name)) made.train.push(utterance.id);
  }
  for (const part of PARTS) made[part].sort(byCodeUnit);
  return made;
}

export interface StateOptions {
  by: 'speaker' | 'session';
  source?: string;
  /** False where the ids of the corpus at hand are not the real ones, so that the hash would say nothing. Default true. */
  hash?: boolean;
  /** False where the counts per fold are not the real ones either. Default true. */
  counts?: boolean;
}

/**
 * States a plan by speakers or sessions.
 *
 * @throws DataError where a part does not hold whole ones: such a plan has only its ids
 */
export function stateByGroups(plan: FoldPlan, corpus: Corpus, options: StateOptions): GroupPlan {
  const { by, source, hash = true, counts = true } = options;
  const byId = new Map(corpus.utterances.map((utterance) => [utterance.id, utterance]));
  const nameOf = (id: string): string => nameIn(byId.get(id), id, by);
  const folds = plan.folds.map((fold) => {
    const namesOf = (ids: readonly string[]) => new Set(ids.map(nameOf));
    const sets = PARTS.map((part) => namesOf(fold[part]));
    const shared = [...sets[0]!, ...sets[1]!].find((name) => sets.filter((set) => set.has(name)).length > 1);
    if (shared !== undefined) {
      throw new DataError(`Fold ${fold.fold} divides ${by} ${shared}: the plan cannot be stated by ${by}s.`, {
        code: 'E_PLAN_GROUPS',
        cure: 'Pass the plan on with its utterance ids.',
      });
    }
    const sorted = (set: Set<string>) => [...set].sort(naturalOrder);
    return {
      fold: fold.fold,
      test: sorted(sets[2]!),
      validation: sorted(sets[1]!),
      ...(counts
        ? {
            utterances: {
              train: fold.train.length,
              validation: fold.validation.length,
              test: fold.test.length,
            },
          }
        : {}),
    };
  });
  return {
    schema: GROUP_PLAN_SCHEMA,
    corpus: plan.corpus,
    protocol: plan.protocol,
    ...(source ? { source } : {}),
    ...(plan.choices ? { choices: plan.choices } : {}),
    validation: plan.validation,
    by,
    folds,
    utterances: corpus.utterances.length,
    ...(hash ? { hash: plan.hash } : {}),
  };
}

function nameIn(utterance: Utterance | undefined, id: string, by: 'speaker' | 'session'): string {
  const name = utterance?.[by];
  if (name !== undefined) return name;
  throw new DataError(`${id} names no ${by}, so the plan cannot be stated by ${by}s.`, {
    code: 'E_PLAN_GROUPS',
    cure: 'Pass the plan on with its utterance ids.',
  });
}
