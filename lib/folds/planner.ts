/** Plans folds: turns a protocol and a corpus into the ids of each fold's training, validation and test part. */

import { byCodeUnit } from '../corpus/audio-files.js';
import type { Corpus, Utterance } from '../corpus/types.js';
import { DataError, UsageError } from '../errors.js';
import { type CheckOptions, checkFolds } from './check.js';
import { planHash } from './hash.js';
import { defaultProtocol, findProtocol, type Group, type Partition } from './protocols.js';
import type { Fold, FoldPlan } from './types.js';

export interface PlanOptions extends CheckOptions {
  corpus: Corpus;
  /** Name of a protocol; the corpus' default where absent. */
  protocol?: string;
  /** `next-fold` (default): the next fold's test part, cyclically, validates and leaves training. `none`: it trains. */
  validation?: FoldPlan['validation'];
  /** Keep only these folds, counted from 1; all where absent. */
  folds?: readonly number[];
}

const ids = (utterances: readonly Utterance[]): string[] =>
  utterances.map((utterance) => utterance.id).sort(byCodeUnit);

function foldsOfGroups(
  groups: readonly Group[],
  protocol: string,
  validation: FoldPlan['validation'],
): Fold[] {
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
    const next = validation === 'next-fold' ? groups[(index + 1) % groups.length] : undefined;
    const rest = groups.filter((other) => other !== group && other !== next);
    return {
      fold: index + 1,
      train: ids(rest.flatMap((other) => other.utterances)),
      validation: ids(next?.utterances ?? []),
      test: ids(group.utterances),
    };
  });
}

function foldsOf(partition: Partition, protocol: string, validation: FoldPlan['validation']): Fold[] {
  if (partition.kind === 'groups') return foldsOfGroups(partition.groups, protocol, validation);
  const { train, validation: held, test } = partition;
  if (validation === 'none')
    return [{ fold: 1, train: ids([...train, ...held]), validation: [], test: ids(test) }];
  if (held.length === 0) {
    throw new DataError('The split column names no validation utterance, so no epoch can be selected.', {
      code: 'E_NO_VALIDATION',
      cure: 'Mark some training speakers as validation, or train for a fixed schedule: --validation none.',
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
      code: 'E_FOLD_NUMBER',
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
  if (validation !== 'next-fold' && validation !== 'none') {
    throw new UsageError(`validation is next-fold or none, found ${JSON.stringify(validation)}.`, {
      code: 'E_VALIDATION',
    });
  }
  const protocol = findProtocol(options.protocol ?? defaultProtocol(corpus), corpus);
  const all = foldsOf(protocol.partition(corpus), protocol.name, validation);
  const folds = chosen(all, options.folds, protocol.name);
  const warnings = checkFolds(folds, corpus, options);
  const plan = { corpus: corpus.name, protocol: protocol.name, validation, folds };
  return {
    schema: 'ser-native/folds@1',
    ...plan,
    hash: planHash(plan),
    ...(warnings.length > 0 ? { warnings } : {}),
  };
}
