/** Compares a copy of IEMOCAP with the published corpus, and names what it lacks. */

import { byCodeUnit, listSome } from '../audio-files.js';
import type { Emotion } from '../types.js';
import { parseId } from './label-files.js';
import {
  type Part,
  publishedDialogs,
  publishedInPart,
  publishedInSession,
  SESSIONS,
  type Session,
} from './published.js';
import type { IemocapTree } from './tree.js';

export interface Chosen {
  /** Value of the choice of that name. */
  classes: string;
  part: Part | 'all';
  /** Official labels taken. */
  labels: Readonly<Record<string, Emotion>>;
}

export interface Difference {
  sentence: string;
  details: {
    /** Sessions of which nothing was found. */
    sessions: Session[];
    /** Dialogs without a label file. */
    dialogs: string[];
    /** Utterances with a label and no audio. */
    silent: string[];
    /** Counts of labels that differ from the published ones. */
    counts: { where: string; label: string; published: number; found: number }[];
  };
}

const sum = (numbers: readonly number[]): number => numbers.reduce((a, b) => a + b, 0);
const partOf = (dialog: string): Part => (dialog.includes('_impro') ? 'improvised' : 'scripted');

/** Labels of the chosen part that a copy has, counted by a key. */
function countLabels(
  tree: IemocapTree,
  part: Part | 'all',
  keyOf: (session: string, label: string) => string,
): Map<string, number> {
  const counts = new Map<string, number>();
  for (const [id, { label }] of tree.labels) {
    const parts = parseId(id)!;
    if (part !== 'all' && parts.part !== part) continue;
    const key = keyOf(parts.session, label);
    counts.set(key, (counts.get(key) ?? 0) + 1);
  }
  return counts;
}

/** Label counts that differ although no dialog is missing from where they are counted. */
function differingCounts(
  tree: IemocapTree,
  { part, labels }: Chosen,
  complete: readonly Session[],
): Difference['details']['counts'] {
  const counts: Difference['details']['counts'] = [];
  const compare = (where: string, label: string, published: number | undefined, found: number): void => {
    if (published !== undefined && published !== found) counts.push({ where, label, published, found });
  };
  if (part === 'all') {
    const found = countLabels(tree, part, (session, label) => `${session} ${label}`);
    for (const session of complete) {
      for (const label of Object.keys(labels))
        compare(
          `session ${session}`,
          label,
          publishedInSession(label, session),
          found.get(`${session} ${label}`) ?? 0,
        );
    }
  } else if (complete.length === SESSIONS.length) {
    const found = countLabels(tree, part, (_session, label) => label);
    for (const label of Object.keys(labels))
      compare(part, label, publishedInPart(label, part), found.get(label) ?? 0);
  }
  return counts;
}

/** `all of Session3, Ses01F_impro01; and Ses02F_impro02_F001`: by session or dialog where none of what was chosen has audio. */
function describeSilent(tree: IemocapTree, { part, labels }: Chosen, silent: readonly string[]): string {
  const lacking = new Set(silent);
  const dialogs = new Map<string, { session: string; taken: number; silent: string[] }>();
  for (const [id, { label }] of tree.labels) {
    const parts = parseId(id)!;
    if (labels[label] === undefined || (part !== 'all' && parts.part !== part)) continue;
    const counts = dialogs.get(parts.dialog) ?? { session: parts.session, taken: 0, silent: [] };
    dialogs.set(parts.dialog, counts);
    counts.taken++;
    if (lacking.has(id)) counts.silent.push(id);
  }
  const list = [...dialogs];
  const isWhole = ([, counts]: (typeof list)[number]): boolean => counts.silent.length === counts.taken;
  const sessions = SESSIONS.filter((session) => {
    const own = list.filter(([, counts]) => counts.session === session);
    return own.length > 0 && own.every(isWhole);
  });
  const rest = list.filter(([, { session }]) => !(sessions as readonly string[]).includes(session));
  const whole = rest.filter(isWhole).map(([dialog]) => dialog);
  const single = rest.filter((one) => !isWhole(one)).flatMap(([, counts]) => counts.silent);
  const names = [...sessions.map((session) => `Session${session}`), ...whole.sort(byCodeUnit)];
  const parts: string[] = [];
  if (names.length > 0) parts.push(`all of ${listSome(names)}`);
  if (single.length > 0) parts.push(listSome(single.sort(byCodeUnit)));
  return parts.join('; and ');
}

/**
 * How a copy differs from the published corpus, for what was chosen; undefined where it does not.
 *
 * @param found Number of utterances that were found.
 * @param silent Ids of chosen utterances that have a label and no audio.
 */
export function describeDifference(
  tree: IemocapTree,
  chosen: Chosen,
  found: number,
  silent: readonly string[],
): Difference | undefined {
  const expected = SESSIONS.map((session) => {
    const all = publishedDialogs(session).filter(
      (dialog) => chosen.part === 'all' || partOf(dialog) === chosen.part,
    );
    return { session, all, missing: all.filter((dialog) => !tree.dialogs.has(dialog)) };
  });
  const absent = expected
    .filter(({ all, missing }) => missing.length === all.length)
    .map(({ session }) => session);
  const dialogs = expected
    .filter(({ session }) => !absent.includes(session))
    .flatMap(({ missing }) => missing);
  const complete = expected.filter(({ missing }) => missing.length === 0).map(({ session }) => session);
  const counts = differingCounts(tree, chosen, complete);

  const reasons: string[] = [];
  if (absent.length > 0)
    reasons.push(`no labels of ${absent.map((session) => `Session${session}`).join(', ')}`);
  if (dialogs.length > 0) reasons.push(`no label file of ${listSome(dialogs)}`);
  if (silent.length > 0)
    reasons.push(
      `no audio for ${silent.length} label${silent.length === 1 ? '' : 's'}, ${describeSilent(tree, chosen, silent)}`,
    );
  for (const { where, label, published, found } of counts)
    reasons.push(`${where} has ${found} times the label ${label}, not ${published}`);
  if (reasons.length === 0) return undefined;

  const totals = Object.keys(chosen.labels).map((label) => publishedInPart(label, chosen.part));
  const choice = `classes=${chosen.classes}, part=${chosen.part}`;
  const size = totals.every((total) => total !== undefined) ? `has ${sum(totals)} utterances with` : 'with';
  return {
    sentence: `IEMOCAP ${size} ${choice}; ${found} were found below ${tree.root}: ${reasons.join('; ')}.`,
    details: { sessions: absent, dialogs, silent: [...silent], counts },
  };
}
