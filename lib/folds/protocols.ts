/**
 * Protocols: which utterances are tested together. A protocol cuts a corpus into groups, and each group is the test part of
 * one fold; or, where a corpus brings its own split, it names the three parts outright.
 */

import { corpusReaders } from '../corpus/index.js';
import { nearestName } from '../corpus/nearest-name.js';
import type { Corpus } from '../corpus/types.js';
import { DataError, SerError, UsageError } from '../errors.js';
import { emoboxFolds } from './emobox.js';
import { groupK, leaveOneSessionOut, loso, manifestSplit } from './general.js';
import { type Protocol, sessionsOf, speakersOf } from './partition.js';
import { PUBLISHED, publishedProtocols } from './published.js';

const named: readonly Protocol[] = [
  ...publishedProtocols,
  loso,
  leaveOneSessionOut,
  manifestSplit,
  emoboxFolds,
];

/** Names and summaries for `--help`. */
export const protocolSummaries: readonly { name: string; summary: string }[] = [
  ...named.map(({ name, summary }) => ({ name, summary })),
  {
    name: 'group-K',
    summary: 'K groups of whole speakers (group-5, group-10, ...), balanced by classes, any corpus',
  },
];

/** The protocols that fit a corpus; `group-5` stands for all of its kind. */
export function protocolsFor(corpus: Corpus): string[] {
  const speakers = speakersOf(corpus).length;
  const names = named.filter((protocol) => protocol.misfit(corpus) === undefined).map(({ name }) => name);
  if (speakers >= 2) names.push(`group-${Math.min(5, speakers)}`);
  return names;
}

function protocolOf(name: string): Protocol | undefined {
  const k = Number(/^group-(\d+)$/.exec(name)?.[1]);
  return k >= 2 && k <= 1000 ? groupK(k) : named.find((candidate) => candidate.name === name);
}

/**
 * The protocol of a name, checked against the corpus.
 *
 * @throws UsageError for an unknown name, naming those that fit the corpus; DataError where the corpus does not fit.
 */
export function findProtocol(name: string, corpus: Corpus): Protocol {
  const fitting = protocolsFor(corpus);
  const protocol = protocolOf(name);
  if (protocol === undefined) {
    const near = nearestName(String(name), [...fitting, ...named.map((candidate) => candidate.name)]);
    throw new UsageError(
      `There is no protocol "${name}"; for ${corpus.name}: ${fitting.join(', ') || 'none'}.`,
      {
        code: 'E_UNKNOWN_PROTOCOL',
        cure: /^group-\d+$/.test(name)
          ? 'group-K takes K from 2 to the number of speakers.'
          : near === undefined
            ? 'Leave --protocol out for the default of the corpus.'
            : `Did you mean ${near}?`,
      },
    );
  }
  const misfit = protocol.misfit(corpus);
  if (misfit !== undefined) {
    throw new DataError(`Protocol ${protocol.name} does not fit corpus ${corpus.name}: ${misfit}.`, {
      code: 'E_PROTOCOL_MISFIT',
      cure: fitting.length > 0 ? `These fit: ${fitting.join(', ')}.` : 'A fold needs two speakers or more.',
    });
  }
  return protocol;
}

/** Whether every group of the protocol has an utterance, so that all its folds can be made. */
function isWhole(protocol: Protocol, corpus: Corpus): boolean {
  if (protocol.misfit(corpus) !== undefined) return false;
  try {
    const partition = protocol.partition(corpus);
    return partition.kind === 'split' || partition.groups.every(({ utterances }) => utterances.length > 0);
  } catch (error) {
    if (error instanceof SerError) return false; // a speaker that no list knows
    throw error;
  }
}

/**
 * The protocol to use where the user names none, and the only place that decides it: a split that the corpus brings itself;
 * else what its reader declares (`CorpusReader.defaultProtocol`), where all its folds can be made. A partial copy falls
 * back: on sessions where its reader's protocol leaves sessions out and three are there, else on five groups of speakers,
 * or on one speaker at a time where there are few.
 */
export function defaultProtocol(corpus: Corpus): string {
  if (manifestSplit.misfit(corpus) === undefined) return manifestSplit.name;
  const declared = corpusReaders.find(({ name }) => name === corpus.name)?.defaultProtocol;
  const protocol = declared === undefined ? undefined : protocolOf(declared);
  if (protocol !== undefined && isWhole(protocol, corpus)) return protocol.name;
  const sessions =
    PUBLISHED.find(({ name }) => name === declared)?.of === 'session' &&
    leaveOneSessionOut.misfit(corpus) === undefined;
  if (sessions && sessionsOf(corpus).length >= 3) return leaveOneSessionOut.name;
  return speakersOf(corpus).length > 5 ? 'group-5' : loso.name;
}
