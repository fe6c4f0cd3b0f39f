/** Plans folds: turns a protocol and a corpus into the ids of each fold's training, validation and test part. */

import { byCodeUnit } from '../corpus/audio-files.js';
import type { Corpus, Utterance } from '../corpus/types.js';
import { DataError, UsageError } from '../errors.js';
import { type CheckOptions, checkFolds } from './check.js';
import type { Group, Partition } from './partition.js';
import { planOf } from './plan-of.js';
import { defaultProtocol, findProtocol } from './protocols.js';
import { type Fold, type FoldPlan, VALIDATIONS, type Validation } from './types.js';
import { validationSession, validationSpeakers } from './validation.js';

export interface PlanOptions extends CheckOptions {
  corpus: Corpus;
  /** Name of a protocol; the corpus' default where absent. */
  protocol?: string;
  /**
   * `next-fold` (default): the next fold's test part, cyclically, validates and leaves training. `none`: it trains. `speaker`,
   * `session`: some whole speakers, or a whole session, of the training part validate.
   */
  validation?: Validation;
  /** Validation `speaker`: about how many speakers; a tenth of the training speakers where absent, one at least. */
  validationSpeakers?: number;
  /** Keep only these folds, counted from 1; all where absent. */
  folds?: readonly number[];
}

type Selection = Pick<PlanOptions, 'validationSpeakers'> & {
  corpus: Corpus;
  protocol: string;
  validation: Validation;
};

const ids = (utterances: readonly Utterance[]): string[] =>
  utterances.map((utterance) => utterance.id).sort(byCodeUnit);

/** Takes the validation part out of a fold's training part. */
function nested(
  fold: number,
  training: readonly Utterance[],
  test: readonly Utterance[],
  how: Selection,
): Fold {
  const options = { corpus: how.corpus, fold, training, test, speakers: how.validationSpeakers };
  const held = how.validation === 'speaker' ? validationSpeakers(options) : validationSession(options);
  const gone = new Set(held);
  return {
    fold,
    train: ids(training.filter((utterance) => !gone.has(utterance))),
    validation: ids(held),
    test: ids(test),
  };
}

function foldsOfGroups(groups: readonly Group[], how: Selection): Fold[] {
  const { protocol, validation } = how;
  const empty = groups.filter((group) => group.utterances.length === 0);
  if (empty.length > 0) {
    throw new DataError(
      `Protocol ${protocol} needs speakers that the corpus lacks: none of ${empty.map(({ name }) => name).join('; ')}.`,
      {
        code: 'E_TOO_FEW_SPEAKERS',
        cure: 'Complete the corpus, or use loso or group-K, which take the speakers there are.',
      },
    );
  }
  if (groups.length < 2) {
    throw new DataError(
      `Protocol ${protocol} needs two groups of speakers or more, the corpus gives ${groups.length}.`,
      {
        code: 'E_TOO_FEW_SPEAKERS',
        cure: 'A model can only be judged on speakers that it was not trained on.',
      },
    );
  }
  if (groups.length === 2 && validation === 'next-fold') {
    throw new DataError(
      `Protocol ${protocol} has two folds here: one tests, and with the other validating none is left to train on.`,
      { code: 'E_NO_VALIDATION', cure: 'Train for a fixed schedule: --validation none.' },
    );
  }
  return groups.map((group, index) => {
    const fold = index + 1;
    if (validation === 'speaker' || validation === 'session') {
      const training = groups.filter((other) => other !== group).flatMap((other) => other.utterances);
      return nested(fold, training, group.utterances, how);
    }
    const next = validation === 'none' ? undefined : groups[group.validatedBy ?? (index + 1) % groups.length];
    const rest = groups.filter((other) => other !== group && other !== next);
    return {
      fold,
      train: ids(rest.flatMap((other) => other.utterances)),
      validation: ids(next?.utterances ?? []),
      test: ids(group.utterances),
    };
  });
}

function foldsOf(partition: Partition, how: Selection): Fold[] {
  if (partition.kind === 'groups') return foldsOfGroups(partition.groups, how);
  const { train, validation: held, test } = partition;
  if (how.validation === 'none')
    return [{ fold: 1, train: ids([...train, ...held]), validation: [], test: ids(test) }];
  if (how.validation !== 'next-fold') return [nested(1, [...train, ...held], test, how)];
  if (held.length === 0) {
    throw new DataError('The split column names no validation utterance, so no epoch can be selected.', {
      code: 'E_NO_VALIDATION',
      cure: 'Mark some training speakers as validation, hold some out (--validation speaker), or train for a fixed schedule: --validation none.',
    });
  }
  return [{ fold: 1, train: ids(train), validation: ids(held), test: ids(test) }];
}

function chosen(folds: readonly Fold[], wanted: readonly number[] | undefined, protocol: string): Fold[] {
  if (wanted === undefined) return [...folds];
  const unknown = wanted.filter((number) => !folds.some(({ fold }) => fold === number));
  if (unknown.length > 0 || wanted.length === 0) {
    const asked = wanted.length === 0 ? 'no fold was asked for' : `there is no fold ${unknown.join(', ')}`;
    throw new UsageError(`Protocol ${protocol} has folds 1 to ${folds.length}; ${asked}.`, {
      code: 'E_FOLDS',
      cure: 'Folds count from 1; all of them: --folds all.',
    });
  }
  return folds.filter(({ fold }) => wanted.includes(fold));
}

/**
 * Plans the folds of a corpus. The same corpus and options give the same plan, and the same hash, on every machine.
 *
 * @throws UsageError for an unknown protocol, validation or fold; DataError where the corpus does not fit, a speaker, utterance
 * or recording would be in two parts, or a training part lacks a class.
 */
export function planFolds(options: PlanOptions): FoldPlan {
  const { corpus, validation = 'next-fold' } = options;
  if (!VALIDATIONS.includes(validation)) {
    throw new UsageError(`validation is ${VALIDATIONS.join(', ')}, found ${JSON.stringify(validation)}.`, {
      code: 'E_VALIDATION',
    });
  }
  const protocol = findProtocol(options.protocol ?? defaultProtocol(corpus), corpus);
  const all = foldsOf(protocol.partition(corpus), {
    corpus,
    protocol: protocol.name,
    validation,
    validationSpeakers: options.validationSpeakers,
  });
  const folds = chosen(all, options.folds, protocol.name);
  const warnings = checkFolds(folds, corpus, options);
  return planOf({ corpus, protocol: protocol.name, validation, folds, warnings });
}
