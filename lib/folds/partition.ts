/** How a protocol cuts a corpus: into groups that are tested in turn, or into the three parts that a corpus brings itself. */

import { listSome } from '../corpus/audio-files.js';
import type { Corpus, Utterance } from '../corpus/types.js';
import { DataError } from '../errors.js';
import { naturalOrder } from './group-speakers.js';

export interface Group {
  /** For messages: the speakers or the session. */
  name: string;
  utterances: Utterance[];
  /** Index of the group that validates while this one tests, under `next-fold`; the next one, cyclically, where absent. */
  validatedBy?: number;
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

/** Names in group titles: more than these are counted. */
const NAMED = 8;

export const speakersOf = (corpus: Corpus): string[] =>
  [...new Set(corpus.utterances.map((utterance) => utterance.speaker))].sort(naturalOrder);

/** The sessions there are, in natural order; utterances that name none are passed over. */
export const sessionsOf = (corpus: Corpus): string[] =>
  [...new Set(corpus.utterances.flatMap(({ session }) => (session === undefined ? [] : [session])))].sort(
    naturalOrder,
  );

/**
 * Groups of the utterances whose speaker or session is listed, a fold for each list.
 *
 * @throws DataError where an utterance's speaker or session is in no list
 */
export function byLists(
  corpus: Corpus,
  of: 'speaker' | 'session',
  lists: readonly (readonly string[])[],
): Group[] {
  const groupOf = new Map(lists.flatMap((names, index) => names.map((name) => [name, index] as const)));
  const groups = lists.map((names): Group => {
    const listed = listSome(names, NAMED);
    return { name: of === 'speaker' ? listed : `session ${listed}`, utterances: [] };
  });
  const strangers = new Set<string>();
  for (const utterance of corpus.utterances) {
    const name = utterance[of];
    const index = name === undefined ? undefined : groupOf.get(name);
    if (index === undefined) strangers.add(name ?? `(${utterance.id}, which names none)`);
    else groups[index]!.utterances.push(utterance);
  }
  if (strangers.size > 0) {
    throw new DataError(
      `The protocol does not say where ${of}s ${listSome([...strangers].sort(naturalOrder), NAMED)} belong.`,
      {
        code: 'E_UNLISTED',
        cure: 'Use loso or group-K, which take speakers as they come.',
        details: { [`${of}s`]: [...strangers] },
      },
    );
  }
  return groups;
}
