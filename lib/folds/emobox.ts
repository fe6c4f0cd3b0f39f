/** The folds that EmoBox' own lists give; its reader has checked that they test every utterance once and keep speakers whole. */

import { naturalOrder } from './group-speakers.js';
import type { Group, Protocol } from './partition.js';

export const emoboxFolds: Protocol = {
  name: 'emobox-folds',
  summary: "the folds that EmoBox' own lists give",
  misfit(corpus) {
    if (corpus.name !== 'emobox') return "it takes the folds of EmoBox' lists";
    const without = corpus.utterances.filter(({ source }) => source?.testFold === undefined).length;
    return without > 0 ? `${without} of ${corpus.utterances.length} utterances are in no fold` : undefined;
  },
  partition(corpus) {
    const groups = new Map<string, Group>();
    for (const utterance of corpus.utterances) {
      const fold = utterance.source!.testFold!;
      const group = groups.get(fold) ?? { name: `fold ${fold}`, utterances: [] };
      group.utterances.push(utterance);
      groups.set(fold, group);
    }
    const order = [...groups.keys()].sort(naturalOrder);
    return { kind: 'groups', groups: order.map((fold) => groups.get(fold)!) };
  },
};
