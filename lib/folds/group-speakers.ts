/** Grouped k-fold: whole speakers into groups that are alike in size, classes and gender. */

import type { Corpus, Utterance } from '../corpus/types.js';

/** Orders `s2` before `s10`, by code unit otherwise: the same on every machine, unlike the locale's order. */
export function naturalOrder(a: string, b: string): number {
  const partsA = a.match(/\d+|\D+/g) ?? [];
  const partsB = b.match(/\d+|\D+/g) ?? [];
  for (let index = 0; index < Math.min(partsA.length, partsB.length); index++) {
    const left = partsA[index]!;
    const right = partsB[index]!;
    if (left === right) continue;
    if (/^\d/.test(left) && /^\d/.test(right) && Number(left) !== Number(right))
      return Number(left) - Number(right);
    return left < right ? -1 : 1;
  }
  return partsA.length - partsB.length || (a < b ? -1 : a > b ? 1 : 0);
}

const MAX_SWAPPED = 200;

interface Speaker {
  name: string;
  utterances: number;
  /** Counts per feature: total, each class, each gender. */
  counts: number[];
}

/**
 * Assigns each speaker to one of `k` groups, deterministically: the largest first, each to the group where it brings the
 * counts (of utterances, of each class, of each gender) nearest to an even share; then pairs are swapped as long
 * as that helps.
 *
 * @returns the speakers of each group, in natural order. Every group has one at least, given k speakers or more.
 */
export function groupSpeakers(corpus: Corpus, k: number): string[][] {
  const features: ((utterance: Utterance) => boolean)[] = [
    () => true,
    ...corpus.classes.map((emotion) => (utterance: Utterance) => utterance.emotion === emotion),
    (utterance) => utterance.gender === 'male',
    (utterance) => utterance.gender === 'female',
  ];
  const bySpeaker = new Map<string, Utterance[]>();
  for (const utterance of corpus.utterances) {
    const own = bySpeaker.get(utterance.speaker);
    if (own === undefined) bySpeaker.set(utterance.speaker, [utterance]);
    else own.push(utterance);
  }
  const speakers: Speaker[] = [...bySpeaker].map(([name, own]) => ({
    name,
    utterances: own.length,
    counts: features.map((feature) => own.filter(feature).length),
  }));
  speakers.sort((a, b) => b.utterances - a.utterances || naturalOrder(a.name, b.name));

  const targets = features.map(
    (_, index) => speakers.reduce((sum, speaker) => sum + speaker.counts[index]!, 0) / k,
  );
  /** Squared distance from the even share, relative to it, so that rare classes count as much as frequent ones. */
  const imbalance = (counts: readonly number[]): number =>
    counts.reduce(
      (sum, count, index) => sum + (targets[index]! > 0 ? (count / targets[index]! - 1) ** 2 : 0),
      0,
    );
  const plus = (a: readonly number[], b: readonly number[], sign: number): number[] =>
    a.map((count, index) => count + sign * b[index]!);

  const members: Speaker[][] = Array.from({ length: k }, () => []);
  const totals: number[][] = Array.from({ length: k }, () => features.map(() => 0));
  const gainOf = (group: number, change: readonly number[], sign: number): number =>
    imbalance(plus(totals[group]!, change, sign)) - imbalance(totals[group]!);

  for (const [placed, speaker] of speakers.entries()) {
    const empty = members.filter((group) => group.length === 0).length;
    const mustFill = speakers.length - placed <= empty;
    let best = -1;
    let bestGain = Infinity;
    for (let group = 0; group < k; group++) {
      if (mustFill && members[group]!.length > 0) continue;
      const gain = gainOf(group, speaker.counts, 1);
      if (gain < bestGain - 1e-9) {
        best = group;
        bestGain = gain;
      }
    }
    members[best]!.push(speaker);
    totals[best] = plus(totals[best]!, speaker.counts, 1);
  }
  // Pairs grow with the square of the speakers; among hundreds, the greedy groups are even already.
  if (speakers.length <= MAX_SWAPPED) refine(members, totals, imbalance, plus);
  return members.map((group) => group.map((speaker) => speaker.name).sort(naturalOrder));
}

/** Swaps pairs between groups while that lowers the summed imbalance; bounded, since each pass must improve. */
function refine(
  members: Speaker[][],
  totals: number[][],
  imbalance: (counts: readonly number[]) => number,
  plus: (a: readonly number[], b: readonly number[], sign: number) => number[],
): void {
  const maxPasses = 20;
  for (let pass = 0; pass < maxPasses; pass++) {
    let improved = false;
    for (let one = 0; one < members.length; one++) {
      for (let other = one + 1; other < members.length; other++) {
        for (let i = 0; i < members[one]!.length; i++) {
          for (let j = 0; j < members[other]!.length; j++) {
            const difference = plus(members[other]![j]!.counts, members[one]![i]!.counts, -1);
            const newOne = plus(totals[one]!, difference, 1);
            const newOther = plus(totals[other]!, difference, -1);
            const before = imbalance(totals[one]!) + imbalance(totals[other]!);
            if (imbalance(newOne) + imbalance(newOther) < before - 1e-9) {
              [members[one]![i], members[other]![j]] = [members[other]![j]!, members[one]![i]!];
              totals[one] = newOne;
              totals[other] = newOther;
              improved = true;
            }
          }
        }
      }
    }
    if (!improved) return;
  }
}
