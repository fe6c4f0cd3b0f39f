/** Leaks of a fold: what is in two of its parts, all of it, as data. The planner refuses on the first kind; the audit tells all. */

import type { Utterance } from '../corpus/types.js';
import { type Fold, PARTS, type Part } from './types.js';

/** A speaker, an utterance or a recording in two parts of a fold. */
export type Leak =
  | {
      kind: 'speaker';
      fold: number;
      speaker: string;
      /** Where the speaker is heard, with how many utterances. */
      parts: Partial<Record<Part, number>>;
    }
  | {
      kind: 'utterance';
      fold: number;
      id: string /** Equal parts: listed twice in one. */;
      parts: [Part, Part];
    }
  | {
      kind: 'recording';
      fold: number;
      ids: [string, string];
      parts: [Part, Part];
      /** `identical`: sample for sample, once decoded. `near`: a copy at another level, in another format, or cut. */
      match: 'identical' | 'near';
      /** `near`: bits of the fingerprints that differ where they overlap, a share from 0 to 1. */
      distance?: number;
    };

export interface Placed {
  part: Part;
  utterance: Utterance;
}

/** Ids that a fold lists twice, in one part or in two. */
export function sharedUtterances(fold: Fold): Leak[] {
  const partOf = new Map<string, Part>();
  const found = new Map<string, Leak>();
  for (const part of PARTS) {
    for (const id of fold[part]) {
      const earlier = partOf.get(id);
      if (earlier !== undefined && !found.has(id))
        found.set(id, { kind: 'utterance', fold: fold.fold, id, parts: [earlier, part] });
      partOf.set(id, part);
    }
  }
  return [...found.values()];
}

/** Speakers that are heard in more than one part, by whatever names them. */
export function sharedSpeakers(
  fold: number,
  placed: readonly { part: Part; speaker: string | undefined }[],
): Leak[] {
  const counts = new Map<string, Partial<Record<Part, number>>>();
  for (const { part, speaker } of placed) {
    if (speaker === undefined) continue;
    const parts = counts.get(speaker) ?? {};
    parts[part] = (parts[part] ?? 0) + 1;
    counts.set(speaker, parts);
  }
  return [...counts]
    .filter(([, parts]) => Object.keys(parts).length > 1)
    .map(([speaker, parts]) => ({ kind: 'speaker', fold, speaker, parts }));
}

/** Recordings that two parts hold under two names: the first pair of each. */
export function sharedRecordings(
  fold: number,
  placed: readonly { part: Part; id: string }[],
  samplesSha256: ReadonlyMap<string, string>,
): Leak[] {
  const first = new Map<string, { part: Part; id: string }>();
  const found = new Map<string, Leak>();
  for (const item of placed) {
    const hash = samplesSha256.get(item.id);
    if (hash === undefined) continue;
    const other = first.get(hash);
    if (other === undefined) first.set(hash, item);
    else if (other.part !== item.part && other.id !== item.id && !found.has(hash)) {
      const parts: [Part, Part] = [other.part, item.part];
      found.set(hash, { kind: 'recording', fold, ids: [other.id, item.id], parts, match: 'identical' });
    }
  }
  return [...found.values()];
}
