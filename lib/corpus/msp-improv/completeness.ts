/** Compares a copy of MSP-IMPROV with the published corpus, and names what it lacks. */

import { listSome } from '../audio-files.js';
import { type Evaluation, parseName, SCENARIOS, type ScenarioCode } from './evaluation-file.js';
import { publishedTurns } from './published.js';

export interface Difference {
  sentence: string;
  details: {
    /** Sessions of which no label was found. */
    sessions: string[];
    /** Utterances with a label and no audio. */
    silent: string[];
    /** Counts of labels that differ from the published ones. */
    counts: { scenario: string; label: string; published: number; found: number }[];
  };
}

const SESSIONS = ['1', '2', '3', '4', '5', '6'];
/** Consensus codes that are classes. */
const CODES = ['N', 'H', 'S', 'A'];

const folders = (sessions: readonly string[]): string =>
  sessions.map((session) => `session${session}`).join(', ');

/** `all of session3; and MSP-IMPROV-S01A-F01-S-FM01, ..` */
function describeSilent(labelled: ReadonlyMap<string, readonly string[]>, silent: readonly string[]): string {
  const lacking = new Set(silent);
  const whole = [...labelled].filter(([, ids]) => ids.every((id) => lacking.has(id)));
  for (const [, ids] of whole) for (const id of ids) lacking.delete(id);
  const parts: string[] = [];
  if (whole.length > 0) parts.push(`all of ${folders(whole.map(([session]) => session).sort())}`);
  if (lacking.size > 0) parts.push(listSome([...lacking]));
  return parts.join('; and ');
}

/**
 * How a copy differs from the published corpus, for the chosen scenarios; undefined where it does not.
 *
 * @param labelled Labels of the four classes within the chosen scenarios, with audio or without.
 * @param scenario Value of the choice, and the codes that it stands for.
 * @param silent Ids of those that have no audio, sorted.
 */
export function describeDifference(
  root: string,
  labelled: readonly Evaluation[],
  scenario: { choice: string; codes: readonly ScenarioCode[] },
  silent: readonly string[],
): Difference | undefined {
  const bySession = new Map<string, string[]>();
  const found = new Map<string, number>();
  for (const { id, consensus } of labelled) {
    const parts = parseName(id)!;
    const ids = bySession.get(parts.session) ?? [];
    bySession.set(parts.session, ids);
    ids.push(id);
    const key = `${parts.scenario} ${consensus}`;
    found.set(key, (found.get(key) ?? 0) + 1);
  }
  // Eight of the twelve actors recorded the read sentences: there a session may well be absent.
  const absent = scenario.choice === 'read' ? [] : SESSIONS.filter((session) => !bySession.has(session));
  const counts = scenario.codes.flatMap((code) =>
    CODES.map((label) => ({
      scenario: SCENARIOS[code],
      label,
      published: publishedTurns(code, label),
      found: found.get(`${code} ${label}`) ?? 0,
    })),
  );
  const differing = counts.filter((count) => count.found !== count.published);

  const reasons: string[] = [];
  if (absent.length > 0) reasons.push(`no labels of ${folders(absent)}`);
  if (silent.length > 0)
    reasons.push(
      `no audio for ${silent.length} label${silent.length === 1 ? '' : 's'}, ${describeSilent(bySession, silent)}`,
    );
  if (absent.length === 0) {
    for (const { scenario, label, published, found } of differing)
      reasons.push(`${scenario} has ${found} times the label ${label}, not ${published}`);
  }
  if (reasons.length === 0) return undefined;
  const published = counts.reduce((total, count) => total + count.published, 0);
  return {
    sentence:
      `MSP-IMPROV has ${published} utterances with scenario=${scenario.choice}; ${labelled.length - silent.length} were ` +
      `found below ${root}: ${reasons.join('; ')}.`,
    details: { sessions: absent, silent: [...silent], counts: differing },
  };
}
