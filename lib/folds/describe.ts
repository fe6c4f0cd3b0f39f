/** A fold plan in numbers: utterances, speakers and classes of each part. */

import type { Corpus } from '../corpus/types.js';
import { placeUtterances } from './check.js';
import { naturalOrder } from './group-speakers.js';
import { type FoldPlan, PARTS, type Part } from './types.js';

export interface PartSummary {
  fold: number;
  part: Part;
  utterances: number;
  /** In natural order. */
  speakers: string[];
  /** Utterances of each class, in the corpus' order. */
  classes: number[];
}

/** Every part of every fold that has an utterance, in the plan's order. */
export function describePlan(plan: FoldPlan, corpus: Corpus): PartSummary[] {
  const byId = new Map(corpus.utterances.map((utterance) => [utterance.id, utterance]));
  const label = new Map(corpus.classes.map((emotion, index) => [emotion, index]));
  return plan.folds.flatMap((fold) => {
    const { placed } = placeUtterances(fold, byId);
    return PARTS.flatMap((part) => {
      const own = placed.filter((item) => item.part === part).map(({ utterance }) => utterance);
      if (own.length === 0) return [];
      const classes = corpus.classes.map(() => 0);
      for (const { emotion } of own) classes[label.get(emotion)!]!++;
      const speakers = [...new Set(own.map(({ speaker }) => speaker))].sort(naturalOrder);
      return [{ fold: fold.fold, part, utterances: own.length, speakers, classes }];
    });
  });
}
