/** Where EmoBox' fold lists put each utterance, in the terms of this package: a split, or the fold that tests it. */

import { listSome } from '../audio-files.js';
import type { Utterance } from '../types.js';
import type { FoldList } from './files.js';

export interface FoldPlace {
  /** Of a single fold: the split. */
  split?: Utterance['split'];
  /** Of several folds: the one that tests the utterance. */
  fold?: number;
}

export interface FoldPlaces {
  /** By key; empty where the lists are no folds that this package can plan. */
  places: Map<string, FoldPlace>;
  warnings: string[];
}

type ListedFold = FoldList & { keys: string[] };

/**
 * A single fold is a split, unless its parts share speakers: EmoBox cuts corpora of few or unevenly distributed speakers at
 * random. Several folds are groups where each utterance is tested once; they then validate as all protocols do, on whole
 * speakers, where EmoBox draws a fifth of the training utterances, voices of the rest among them.
 *
 * @param lists of all folds, with the keys on them
 * @param speakers of every utterance, by key
 */
export function placeInFolds(
  lists: readonly ListedFold[],
  speakers: ReadonlyMap<string, string>,
): FoldPlaces {
  const folds = new Set(lists.map(({ fold }) => fold));
  if (folds.size === 0) return { places: new Map(), warnings: [] };
  return folds.size === 1 ? asSplit(lists, speakers) : asGroups(lists, speakers);
}

function asSplit(lists: readonly ListedFold[], speakers: ReadonlyMap<string, string>): FoldPlaces {
  const partsOf = new Map<string, Set<string>>();
  for (const { part, keys } of lists) {
    for (const key of keys) {
      const speaker = speakers.get(key) ?? '';
      partsOf.set(speaker, (partsOf.get(speaker) ?? new Set()).add(part));
    }
  }
  const shared = [...partsOf].filter(([, parts]) => parts.size > 1).map(([speaker]) => speaker);
  if (shared.length > 0) {
    return unused(
      `EmoBox' split has ${shared.length} of ${partsOf.size} speakers in two parts (${listSome(shared, 4)}), so a model would be ` +
        'judged on voices it has heard',
    );
  }
  const places = new Map<string, FoldPlace>();
  for (const { part, keys } of lists) for (const key of keys) places.set(key, { split: part });
  return { places, warnings: [] };
}

const unused = (reason: string): FoldPlaces => ({
  places: new Map(),
  warnings: [`${reason}: its lists are not used, group-K and loso are.`],
});

function asGroups(lists: readonly ListedFold[], speakers: ReadonlyMap<string, string>): FoldPlaces {
  const tested = new Map<string, number[]>();
  for (const { part, fold, keys } of lists) {
    if (part === 'test') for (const key of keys) tested.set(key, [...(tested.get(key) ?? []), fold]);
  }
  const odd = [...speakers.keys()].filter((key) => tested.get(key)?.length !== 1);
  if (odd.length > 0) {
    return unused(`EmoBox' folds do not test every utterance once (${listSome(odd, 3)})`);
  }
  const places = new Map([...tested].map(([key, [fold]]) => [key, { fold: fold! }]));
  const foldsOf = new Map<string, Set<number>>();
  for (const [key, speaker] of speakers)
    foldsOf.set(speaker, (foldsOf.get(speaker) ?? new Set()).add(places.get(key)!.fold));
  const shared = [...foldsOf].filter(([, folds]) => folds.size > 1).map(([speaker]) => speaker);
  if (shared.length > 0) {
    return unused(
      `EmoBox' folds cut through ${shared.length} of ${foldsOf.size} speakers (${listSome(shared, 4)})`,
    );
  }
  return { places, warnings: trainingWarnings(lists, places) };
}

/** Folds whose training and validation lists are not all that the fold does not test: the plan here differs from EmoBox'. */
function trainingWarnings(
  lists: readonly ListedFold[],
  places: ReadonlyMap<string, { fold: number }>,
): string[] {
  const folds = [...new Set(lists.map(({ fold }) => fold))];
  const differing = folds.filter((fold) => {
    const listed = lists.filter((list) => list.fold === fold && list.part !== 'test');
    const training = new Set(listed.flatMap(({ keys }) => keys));
    return (
      listed.length > 0 && [...places].some(([key, place]) => training.has(key) === (place.fold === fold))
    );
  });
  if (differing.length === 0) return [];
  return [
    `EmoBox' training lists of fold ${listSome(differing.map(String))} are not all that the fold does not test; ` +
      'emobox-folds takes its test lists, and trains and validates on the rest.',
  ];
}
