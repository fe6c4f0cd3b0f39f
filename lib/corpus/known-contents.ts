/** How what was found differs from what a corpus is known to hold, in a sentence for `settlePartial`. */

import { byCodeUnit, listSome } from './audio-files.js';

const MAX_GROUPS = 24;
const MAX_CELLS = 6;

export interface KnownIds {
  /** What the corpus has: `SAVEE has 4 x 120 = 480 utterances`. */
  claim: string;
  root: string;
  /** Ids of the complete corpus. */
  expected: readonly string[];
  found: ReadonlyMap<string, unknown>;
  /** What an id belongs to, usually its speaker: groups that lack everything are named as wholes. */
  groupOf(id: string): string;
}

/** What a copy lacks of a corpus whose every id is known; `difference` is undefined where nothing does. */
export function missingIds(known: KnownIds): { difference?: string; missing: string[] } {
  const { claim, root, expected, found } = known;
  const missing = expected.filter((id) => !found.has(id));
  if (missing.length === 0) return { missing };
  return {
    difference:
      `${claim}, ${expected.length - missing.length} were found below ${root}; ` +
      `missing: ${describeMissing(missing, known)}.`,
    missing,
  };
}

/** `all 82 of 1001, 1003; all 76 of 1008; and a, b, c`: whole groups by name, the rest by id. */
function describeMissing(missing: readonly string[], { expected, groupOf }: KnownIds): string {
  const grouped = (ids: readonly string[]): Map<string, string[]> => {
    const groups = new Map<string, string[]>();
    for (const id of ids) groups.set(groupOf(id), [...(groups.get(groupOf(id)) ?? []), id]);
    return groups;
  };
  const all = grouped(expected);
  const wholes = new Map<number, string[]>();
  const singles: string[] = [];
  for (const [group, ids] of grouped(missing)) {
    if (ids.length < all.get(group)!.length) singles.push(...ids);
    else wholes.set(ids.length, [...(wholes.get(ids.length) ?? []), group]);
  }
  const parts = [...wholes].map(
    ([count, groups]) => `all ${count} of ${listSome(groups.sort(byCodeUnit), MAX_GROUPS)}`,
  );
  if (singles.length > 0) parts.push(listSome(singles.sort(byCodeUnit)));
  return parts.length < 2 ? parts.join() : `${parts.slice(0, -1).join('; ')}; and ${parts.at(-1)}`;
}

export interface KnownCounts {
  claim: string;
  root: string;
  /** Published number of utterances of each cell, for instance of `speaker 03 anger`. */
  expected: ReadonlyMap<string, number>;
  found: ReadonlyMap<string, number>;
}

export interface CountDifference {
  cell: string;
  published: number;
  found: number;
}

/** Where the counts of a copy differ from the published ones; `difference` is undefined where none does. */
export function differingCounts(known: KnownCounts): { difference?: string; differing: CountDifference[] } {
  const { claim, root, expected, found } = known;
  const differing = [...new Set([...expected.keys(), ...found.keys()])]
    .sort(byCodeUnit)
    .map((cell) => ({ cell, published: expected.get(cell) ?? 0, found: found.get(cell) ?? 0 }))
    .filter((one) => one.published !== one.found);
  if (differing.length === 0) return { differing };
  const total = [...found.values()].reduce((sum, count) => sum + count, 0);
  const cells = differing.map((one) => `${one.cell} ${one.found} of ${one.published}`);
  return {
    difference: `${claim}, ${total} were found below ${root}; these differ: ${listSome(cells, MAX_CELLS)}.`,
    differing,
  };
}
