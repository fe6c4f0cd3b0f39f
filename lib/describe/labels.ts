/** What the labels alone say of a corpus: classes, speakers, sessions, texts, rater votes. */
import { byCodeUnit } from '../corpus/audio-files.js';
import type { Corpus, Utterance } from '../corpus/types.js';
import { naturalOrder } from '../folds/group-speakers.js';
import { countBy, groupBy, inOrder } from './count.js';
import type { ClassDescription, SpeakerDescription, TextDescription, VoteDescription } from './types.js';

export function describeClasses({ classes, utterances }: Corpus): ClassDescription[] {
  const groups = groupBy(utterances, ({ emotion }) => emotion);
  return classes.map((name) => {
    const own = groups.get(name) ?? [];
    const votes = voteShares(own, classes);
    return {
      class: name,
      utterances: own.length,
      speakers: new Set(own.map(({ speaker }) => speaker)).size,
      sources: inOrder(
        countBy(own, ({ source }) => source?.emotion),
        byCodeUnit,
      ),
      ...(votes ? { votes } : {}),
    };
  });
}

export function describeSpeakers({ classes, utterances }: Corpus): SpeakerDescription[] {
  return [...groupBy(utterances, ({ speaker }) => speaker)]
    .sort(([a], [b]) => naturalOrder(a, b))
    .map(([speaker, own]) => {
      const counts = countBy(own, ({ emotion }) => emotion);
      const gender = own.find((utterance) => utterance.gender !== undefined)?.gender;
      const sessions = [...countBy(own, ({ session }) => session).keys()].sort(naturalOrder);
      return {
        speaker,
        ...(gender ? { gender } : {}),
        ...(sessions.length > 0 ? { sessions } : {}),
        utterances: own.length,
        classes: Object.fromEntries(classes.map((name) => [name, counts.get(name) ?? 0])),
      };
    });
}

/** How many of the most frequent texts are named. */
const FREQUENT_TEXTS = 20;

export function describeTexts(utterances: readonly Utterance[]): TextDescription | undefined {
  const groups = [...groupBy(utterances, ({ text }) => text)].map(([text, own]) => ({
    text,
    utterances: own.length,
    classes: new Set(own.map(({ emotion }) => emotion)).size,
  }));
  if (groups.length === 0) return undefined;
  groups.sort((a, b) => b.utterances - a.utterances || byCodeUnit(a.text, b.text));
  const total = (some: typeof groups) => some.reduce((sum, group) => sum + group.utterances, 0);
  return {
    utterances: total(groups),
    distinct: groups.length,
    inOneClass: total(groups.filter((group) => group.utterances > 1 && group.classes === 1)),
    frequent: groups.slice(0, FREQUENT_TEXTS),
  };
}

export function describeVotes(utterances: readonly Utterance[]): VoteDescription | undefined {
  const judged = utterances.map(ballotOf).filter((ballot) => ballot !== undefined);
  if (judged.length === 0) return undefined;
  const mean = (of: (ballot: Ballot) => number) =>
    judged.reduce((sum, ballot) => sum + of(ballot), 0) / judged.length;
  return {
    utterances: judged.length,
    perUtterance: mean(({ total }) => total),
    agreement: mean(({ own, total }) => own / total),
    unanimous: mean(({ own, total }) => (own === total ? 1 : 0)),
    outvoted: judged.filter(({ own, most }) => most > own).length,
  };
}

/** Utterances of which another class got more votes than the label's own. */
export function outvotedUtterances(utterances: readonly Utterance[]): string[] {
  return utterances
    .filter((utterance) => {
      const ballot = ballotOf(utterance);
      return ballot !== undefined && ballot.most > ballot.own;
    })
    .map(({ id }) => id);
}

interface Ballot {
  own: number;
  most: number;
  total: number;
}

function ballotOf({ votes, emotion }: Utterance): Ballot | undefined {
  const counts = Object.values(votes ?? {});
  const total = counts.reduce((sum, count) => sum + count, 0);
  if (total === 0) return undefined;
  return { own: votes?.[emotion] ?? 0, most: Math.max(...counts), total };
}

/** Mean share of the votes for each class over the utterances that have votes. */
function voteShares(
  utterances: readonly Utterance[],
  classes: readonly string[],
): Record<string, number> | undefined {
  const judged = utterances.filter((utterance) => ballotOf(utterance) !== undefined);
  if (judged.length === 0) return undefined;
  const share = ({ votes }: Utterance, name: string) => {
    const total = Object.values(votes!).reduce((sum, count) => sum + count, 0);
    return (votes![name] ?? 0) / total;
  };
  return Object.fromEntries(
    classes.map((name) => [name, judged.reduce((sum, one) => sum + share(one, name), 0) / judged.length]),
  );
}
