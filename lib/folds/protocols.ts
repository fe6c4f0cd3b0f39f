/**
 * Protocols: which utterances are tested together. A protocol cuts a corpus into groups, and each group is the test part of
 * one fold; or, where a corpus brings its own split, it names the three parts outright.
 */

import { nearestName } from '../corpus/nearest-name.js';
import type { Corpus, Utterance } from '../corpus/types.js';
import { DataError, UsageError } from '../errors.js';
import { groupSpeakers, naturalOrder } from './group-speakers.js';

export interface Group {
  /** For messages: the speakers or the session. */
  name: string;
  utterances: Utterance[];
}

export type Partition =
  | { kind: 'groups'; groups: Group[] }
  | { kind: 'split'; train: Utterance[]; validation: Utterance[]; test: Utterance[] };

export interface Protocol {
  /** As on the command line; `group-K` stands for `group-2`, `group-3`, ... */
  name: string;
  /** One line for `--help`. */
  summary: string;
  /** Why this corpus cannot be planned with it; undefined where it can. */
  misfit(corpus: Corpus): string | undefined;
  partition(corpus: Corpus): Partition;
}

const speakersOf = (corpus: Corpus): string[] =>
  [...new Set(corpus.utterances.map((utterance) => utterance.speaker))].sort(naturalOrder);

/** Groups of named speakers, one fold each. */
function bySpeakers(corpus: Corpus, lists: readonly (readonly string[])[]): Partition {
  const groups = lists.map((speakers) => ({
    name: speakers.join(', '),
    utterances: corpus.utterances.filter((utterance) => speakers.includes(utterance.speaker)),
  }));
  const known = new Set(lists.flat());
  const strangers = speakersOf(corpus).filter((speaker) => !known.has(speaker));
  if (strangers.length > 0) {
    throw new DataError(`The protocol does not say where speakers ${strangers.join(', ')} belong.`, {
      code: 'E_FOLDS',
      cure: 'Use loso or group-K, which take speakers as they come.',
    });
  }
  return { kind: 'groups', groups };
}

/** A protocol of one corpus with published (or fixed) lists of speakers. */
function fixed(
  name: string,
  corpusName: string,
  summary: string,
  lists: readonly (readonly string[])[],
): Protocol {
  return {
    name,
    summary,
    misfit: (corpus) => (corpus.name === corpusName ? undefined : `it lists the speakers of ${corpusName}`),
    partition: (corpus) => bySpeakers(corpus, lists),
  };
}

const actors = (...numbers: number[]): string[] =>
  numbers.map((number) => `Actor_${String(number).padStart(2, '0')}`);

function tooFewSpeakers(corpus: Corpus, needed: number): string | undefined {
  const count = speakersOf(corpus).length;
  return count < needed ? `it needs ${needed} speakers or more, the corpus has ${count}` : undefined;
}

/** A fold per speaker is a training per speaker; a plan of thousands would not fit in memory either. */
const MAX_LOSO = 500;

const ravdess6 = fixed('ravdess-6fold', 'ravdess', 'RAVDESS, actors 1-4, 5-8, .., 21-24 (as MSAF)', [
  actors(1, 2, 3, 4),
  actors(5, 6, 7, 8),
  actors(9, 10, 11, 12),
  actors(13, 14, 15, 16),
  actors(17, 18, 19, 20),
  actors(21, 22, 23, 24),
]);

const ravdessEmobox = fixed('ravdess-6fold-emobox', 'ravdess', 'RAVDESS, the six groups of EmoBox', [
  actors(1, 11, 20, 21),
  actors(4, 10, 12, 14),
  actors(8, 9, 19, 23),
  actors(3, 5, 7, 24),
  actors(2, 15, 16, 18),
  actors(6, 13, 17, 22),
]);

const ravdess5 = fixed('ravdess-5fold', 'ravdess', 'RAVDESS, the five groups of Luna-Jimenez et al.', [
  actors(2, 5, 14, 15, 16),
  actors(3, 6, 7, 13, 18),
  actors(10, 11, 12, 19, 20),
  actors(8, 17, 21, 23, 24),
  actors(1, 4, 9, 22),
]);

const demo4 = fixed('demo-4fold', 'demo', 'the synthetic demo corpus, a man and a woman per fold', [
  ['m1', 'f1'],
  ['m2', 'f2'],
  ['m3', 'f3'],
  ['m4', 'f4'],
]);

const loso: Protocol = {
  name: 'loso',
  summary: 'leave one speaker out, any corpus',
  misfit(corpus) {
    const count = speakersOf(corpus).length;
    return count > MAX_LOSO ? `${count} speakers would be as many folds` : tooFewSpeakers(corpus, 2);
  },
  partition: (corpus) =>
    bySpeakers(
      corpus,
      speakersOf(corpus).map((speaker) => [speaker]),
    ),
};

const leaveOneSessionOut: Protocol = {
  name: 'leave-one-session-out',
  summary: 'leave one session out, any corpus that names sessions',
  misfit(corpus) {
    const without = corpus.utterances.filter((utterance) => utterance.session === undefined).length;
    if (without > 0) return `${without} of ${corpus.utterances.length} utterances name no session`;
    const sessions = new Set(corpus.utterances.map((utterance) => utterance.session));
    return sessions.size < 2 ? `it needs two sessions or more, the corpus has ${sessions.size}` : undefined;
  },
  partition(corpus) {
    const sessions = [...new Set(corpus.utterances.map((utterance) => utterance.session!))].sort(
      naturalOrder,
    );
    const groups = sessions.map((session) => ({
      name: `session ${session}`,
      utterances: corpus.utterances.filter((utterance) => utterance.session === session),
    }));
    return { kind: 'groups', groups };
  },
};

const manifestSplit: Protocol = {
  name: 'manifest-split',
  summary: "one fold: the manifest's own split column",
  misfit(corpus) {
    const without = corpus.utterances.filter((utterance) => utterance.split === undefined);
    if (without.length === corpus.utterances.length) return 'the corpus has no split column';
    if (without.length > 0)
      return `${without.length} utterances have no split (the first is ${without[0]!.id})`;
    for (const split of ['train', 'test']) {
      if (!corpus.utterances.some((utterance) => utterance.split === split))
        return `no utterance has the split ${split}`;
    }
    return undefined;
  },
  partition(corpus) {
    const part = (split: string): Utterance[] =>
      corpus.utterances.filter((utterance) => utterance.split === split);
    return { kind: 'split', train: part('train'), validation: part('validation'), test: part('test') };
  },
};

function groupK(k: number): Protocol {
  return {
    name: `group-${k}`,
    summary: `${k} groups of whole speakers, balanced by classes and counts`,
    misfit: (corpus) => tooFewSpeakers(corpus, k),
    partition: (corpus) => bySpeakers(corpus, groupSpeakers(corpus, k)),
  };
}

const named: readonly Protocol[] = [
  demo4,
  ravdess6,
  ravdessEmobox,
  ravdess5,
  loso,
  leaveOneSessionOut,
  manifestSplit,
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

/**
 * The protocol of a name, checked against the corpus.
 *
 * @throws UsageError for an unknown name, naming those that fit the corpus; DataError where the corpus does not fit.
 */
export function findProtocol(name: string, corpus: Corpus): Protocol {
  const fitting = protocolsFor(corpus);
  const groups = /^group-(\d+)$/.exec(name);
  const k = Number(groups?.[1]);
  const protocol = k >= 2 && k <= 1000 ? groupK(k) : named.find((candidate) => candidate.name === name);
  if (protocol === undefined) {
    const near = nearestName(String(name), [...fitting, ...named.map((candidate) => candidate.name)]);
    throw new UsageError(
      `There is no protocol "${name}"; for ${corpus.name}: ${fitting.join(', ') || 'none'}.`,
      {
        code: 'E_UNKNOWN_PROTOCOL',
        cure:
          groups !== null
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

/**
 * The protocol to use where the user names none: the published one of the corpus, the manifest's own split if it has one,
 * else five groups of speakers, or one speaker at a time where there are few.
 */
export function defaultProtocol(corpus: Corpus): string {
  if (corpus.name === 'demo') return demo4.name;
  if (corpus.name === 'ravdess') {
    const complete = ravdess6.partition(corpus);
    if (complete.kind === 'groups' && complete.groups.every(({ utterances }) => utterances.length > 0))
      return ravdess6.name;
  }
  if (manifestSplit.misfit(corpus) === undefined) return manifestSplit.name;
  return speakersOf(corpus).length > 5 ? 'group-5' : loso.name;
}
