/**
 * Which utterances each model judges. On the corpus that it was trained on a model judges the test part of its own fold and
 * nothing else; on another corpus it judges everything, provided that no recording of it was among its training data.
 */

import { loadIndex } from '../audio/store-index.js';
import { listSome } from '../corpus/audio-files.js';
import { corpusStoreDirectory } from '../corpus/decoded-corpus.js';
import { readCorpus } from '../corpus/index.js';
import type { Corpus, Utterance } from '../corpus/types.js';
import { DataError, UsageError } from '../errors.js';
import { planFolds } from '../folds/index.js';
import { type Fold, type FoldPlan, VALIDATIONS } from '../folds/types.js';
import type { Judge, Judges } from './judges.js';
import { corpusOptionsOf, type Material } from './material.js';

export interface Part {
  judge: Judge;
  utterances: Utterance[];
}

export interface Parts {
  kind: 'own' | 'other';
  parts: Part[];
  /** Utterances that no model may judge, by reason. */
  leftOut: Record<string, number>;
  warnings: string[];
}

/** Corpora whose name says nothing of what is in them. */
const ANY_FILES = ['manifest', 'folder', 'emobox'];

/**
 * @param unseen the user states that the models were trained on none of these speakers
 * @throws DataError `E_TRAINED_ON` where a model would judge what it was trained on, `E_NO_PLAN` where that cannot be told
 */
export async function assignParts(models: Judges, material: Material, unseen = false): Promise<Parts> {
  const { corpus } = material;
  const card = models.judges[0]!.card;
  const plan = models.plan ?? recomputedPlan(models.judges, corpus);
  const named = card.corpus === corpus.name;
  if (named && plan === null) {
    if (!unseen) throw noPlan(models, corpus);
    return everything(models.judges, corpus, [
      `Nobody can tell which speakers of ${corpus.name} the model was trained on; that it was none of these is your statement (--unseen).`,
    ]);
  }
  if (named && plan && (!ANY_FILES.includes(corpus.name) || overlaps(plan, corpus)))
    return ownParts(models, plan, corpus);
  const parts = everything(models.judges, corpus, []);
  await refuseTrainedRecordings(models, plan, material, parts.warnings);
  return parts;
}

function everything(judges: readonly Judge[], corpus: Corpus, warnings: string[]): Parts {
  return {
    kind: 'other',
    parts: judges.map((judge) => ({ judge, utterances: corpus.utterances })),
    leftOut: {},
    warnings,
  };
}

/** The plan of a checkpoint that has left its run folder, where planning the corpus anew gives the very plan it was trained under. */
function recomputedPlan(judges: readonly Judge[], corpus: Corpus): FoldPlan | null {
  const { planHash, protocol, corpus: name } = judges[0]!.card;
  if (planHash === undefined || name !== corpus.name) return null;
  for (const validation of VALIDATIONS) {
    try {
      const plan = planFolds({ corpus, protocol, validation });
      if (plan.hash === planHash) return plan;
    } catch (error) {
      if (!(error instanceof DataError || error instanceof UsageError)) throw error; // it does not fit: no plan
    }
  }
  return null;
}

function overlaps(plan: FoldPlan, corpus: Corpus): boolean {
  const planned = new Set(
    plan.folds.flatMap(({ train, validation, test }) => [...train, ...validation, ...test]),
  );
  return corpus.utterances.some(({ id }) => planned.has(id));
}

function noPlan({ name }: Judges, corpus: Corpus): DataError {
  return new DataError(
    `${name} was trained on ${corpus.name}, and without its fold plan nobody can tell on which speakers`,
    {
      code: 'E_NO_PLAN',
      cure:
        'Name it in its run folder, beside run.json and folds.json; or, if none of these speakers was in its training, state so ' +
        'with --unseen.',
    },
  );
}

/** Each fold's model with its own test part. */
function ownParts({ name, judges }: Judges, plan: FoldPlan, corpus: Corpus): Parts {
  const folds = judges.filter(({ card }) => card.fold !== 0);
  if (folds.length === 0) {
    throw new DataError(
      `${name} was trained on all of ${corpus.name}, so none of it is left to judge it on`,
      {
        code: 'E_TRAINED_ON',
        cure: 'Judge the folds of the run, each on its own test part, or this model on another corpus.',
      },
    );
  }
  const warnings: string[] = [];
  if (folds.length < judges.length)
    warnings.push(
      'The model fitted on all the data stays out: it was trained on every speaker of this corpus.',
    );
  const parts = folds.map((judge): Part => {
    const fold = plan.folds.find((candidate) => candidate.fold === judge.card.fold);
    if (!fold) {
      throw new DataError(
        `the fold plan has no fold ${judge.card.fold}, which ${judge.path} was trained for`,
        {
          code: 'E_NO_PLAN',
          cure: 'Put the run folder back as `ser-native train` wrote it.',
        },
      );
    }
    return { judge, utterances: heldOut(fold, corpus) };
  });
  const judged = new Set(parts.flatMap(({ utterances }) => utterances.map(({ id }) => id)));
  if (judged.size === 0) {
    throw new DataError(
      `no utterance of the corpus is in the test part of ${folds.map((judge) => judge.name).join(', ')}`,
      {
        code: 'E_NO_UTTERANCES',
        cure: 'Name the corpus as it was trained on, or the other folds.',
      },
    );
  }
  const rest = corpus.utterances.length - judged.size;
  const reason =
    folds.length < plan.folds.length ? 'in no test part of the folds judged' : 'in no test part of the plan';
  return { kind: 'own', parts, leftOut: rest > 0 ? { [reason]: rest } : {}, warnings };
}

/**
 * What a fold held out: its test part, and utterances that the plan does not know (of another choice of classes, say) of
 * speakers who are in its test part alone.
 */
function heldOut(fold: Fold, corpus: Corpus): Utterance[] {
  const test = new Set(fold.test);
  const learnt = new Set([...fold.train, ...fold.validation]);
  const speakers = (ids: ReadonlySet<string>) =>
    new Set(corpus.utterances.filter(({ id }) => ids.has(id)).map(({ speaker }) => speaker));
  const testSpeakers = speakers(test);
  const learntSpeakers = speakers(learnt);
  const both = [...testSpeakers].filter((speaker) => learntSpeakers.has(speaker));
  if (both.length > 0) {
    throw new DataError(`fold ${fold.fold} was trained on speakers of its own test part: ${listSome(both)}`, {
      code: 'E_TRAINED_ON',
      cure: 'The speakers of the corpus have changed since it was trained: train again.',
    });
  }
  return corpus.utterances.filter(
    ({ id, speaker }) => test.has(id) || (!learnt.has(id) && testSpeakers.has(speaker)),
  );
}

/** Refuses recordings that were in the training data under whatever name, told by the hash of their decoded samples. */
async function refuseTrainedRecordings(
  { run, judges }: Judges,
  plan: FoldPlan | null,
  { corpus, store }: Material,
  warnings: string[],
): Promise<void> {
  const trained =
    run && plan ? await trainedHashes(run.config.corpus, corpusOptionsOf(run.config), plan, judges) : null;
  if (trained === null) {
    warnings.push(
      'Whether these recordings were in the training data could not be checked: its corpus is not at hand.',
    );
    return;
  }
  const shared = corpus.utterances.filter(({ id }) => trained.has(store.entries.get(id)!.samplesSha256));
  if (shared.length === 0) return;
  throw new DataError(
    `${shared.length} of ${corpus.utterances.length} recordings were in the training data, sample for sample: ${listSome(shared.map(({ id }) => id))}`,
    {
      code: 'E_TRAINED_ON',
      cure: `Judge the run on its own corpus (--corpus ${run!.config.corpus}), where each fold keeps to its test part; or leave these recordings out.`,
      details: { utterances: shared.map(({ id }) => id) },
    },
  );
}

/** Hashes of the recordings that the models learnt from or were selected on; null where their store is gone. */
async function trainedHashes(
  name: string,
  options: Parameters<typeof readCorpus>[1],
  plan: FoldPlan,
  judges: readonly Judge[],
): Promise<Set<string> | null> {
  const corpus = await readCorpus(name, options).catch(() => null); // moved or removed since: told as a warning
  if (!corpus) return null;
  const loaded = await loadIndex(corpusStoreDirectory(corpus));
  if (typeof loaded !== 'object') return null;
  const learnt = new Set(
    judges.flatMap(({ card }) =>
      plan.folds
        .filter(({ fold }) => card.fold === 0 || fold === card.fold)
        .flatMap(({ train, validation, test }) =>
          card.fold === 0 ? [...train, ...validation, ...test] : [...train, ...validation],
        ),
    ),
  );
  return new Set(
    loaded.index.entries.filter(({ id }) => learnt.has(id)).map(({ samplesSha256 }) => samplesSha256),
  );
}
