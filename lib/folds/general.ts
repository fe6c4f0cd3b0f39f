/** Protocols for any corpus: they take the speakers, sessions or split that there are. */

import type { Corpus, Utterance } from '../corpus/types.js';
import { groupSpeakers } from './group-speakers.js';
import { byLists, type Protocol, sessionsOf, speakersOf } from './partition.js';

/** A fold per speaker is a training per speaker; a plan of thousands would not fit in memory either. */
const MAX_LOSO = 500;

function tooFewSpeakers(corpus: Corpus, needed: number): string | undefined {
  const count = speakersOf(corpus).length;
  return count < needed ? `it needs ${needed} speakers or more, the corpus has ${count}` : undefined;
}

export const loso: Protocol = {
  name: 'loso',
  summary: 'leave one speaker out, any corpus',
  misfit(corpus) {
    const count = speakersOf(corpus).length;
    return count > MAX_LOSO ? `${count} speakers would be as many folds` : tooFewSpeakers(corpus, 2);
  },
  partition: (corpus) => ({
    kind: 'groups',
    groups: byLists(
      corpus,
      'speaker',
      speakersOf(corpus).map((speaker) => [speaker]),
    ),
  }),
};

export const leaveOneSessionOut: Protocol = {
  name: 'leave-one-session-out',
  summary: 'leave one session out, any corpus that names sessions',
  misfit(corpus) {
    const without = corpus.utterances.filter((utterance) => utterance.session === undefined).length;
    if (without > 0) return `${without} of ${corpus.utterances.length} utterances name no session`;
    const { length } = sessionsOf(corpus);
    return length < 2 ? `it needs two sessions or more, the corpus has ${length}` : undefined;
  },
  partition: (corpus) => ({
    kind: 'groups',
    groups: byLists(
      corpus,
      'session',
      sessionsOf(corpus).map((session) => [session]),
    ),
  }),
};

export const manifestSplit: Protocol = {
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

export function groupK(k: number): Protocol {
  return {
    name: `group-${k}`,
    summary: `${k} groups of whole speakers, balanced by classes and counts`,
    misfit: (corpus) => tooFewSpeakers(corpus, k),
    partition: (corpus) => ({
      kind: 'groups',
      groups: byLists(corpus, 'speaker', groupSpeakers(corpus, k)),
    }),
  };
}
