/**
 * MSP-IMPROV's names, and its one file of labels: a block per turn, a header with the consensus and the mean dimensions, then a row
 * per rater, then a blank line.
 */

export const SCENARIOS = {
  P: 'natural',
  R: 'read',
  S: 'other-improvised',
  T: 'target-improvised',
} as const;
export type ScenarioCode = keyof typeof SCENARIOS;

/** What a name such as `MSP-IMPROV-S01A-F01-S-FM01` tells. */
export interface NameParts {
  /** Target sentence, `01` .. `20`. */
  sentence: string;
  /** Emotion that the scenario asks for: A, H, S or N. */
  intended: string;
  /** `F01`. */
  speaker: string;
  gender: 'male' | 'female';
  session: string;
  scenario: ScenarioCode;
  /** The two actors of the turn and its number, `FM01`. */
  turn: string;
}

export interface Evaluation {
  /** Name of the audio file without extension. */
  id: string;
  /** A, H, S, N, O (other) or X (no agreement). */
  consensus: string;
  /** Means over the raters, as written; `NaN` occurs. */
  activation: string;
  valence: string;
  dominance: string;
  naturalness: string;
  /** The emotion word that each rater chose first, once per rater. */
  raters: string[];
  /** Line of the header, from 1. */
  line: number;
}

export interface EvaluationFile {
  evaluations: Evaluation[];
  /** Lines that name a video and cannot be read, from 1. */
  unreadable: number[];
}

const NAME =
  /^(?:MSP|UTD)-IMPROV-S(?<sentence>\d\d)(?<intended>[AHNS])-(?<speaker>(?<letter>[FM])0(?<session>[1-6]))-(?<scenario>[PRST])-(?<turn>[FM]{2}\d{2,3})$/;
const mean = (letter: string, name: string): string => `${letter}: *(?<${name}>NaN|-?[\\d.]+) *`;
// After D stands a blank before the semicolon; any number of blanks is taken anywhere.
const HEADER = new RegExp(
  `^(?:UTD|MSP)-IMPROV-(?<name>[A-Z0-9-]+)\\.avi *; *(?<consensus>[A-Z]) *; *${mean('A', 'activation')}; *` +
    `${mean('V', 'valence')}; *${mean('D', 'dominance')}; *${mean('N', 'naturalness')};?$`,
  'i',
);
const RATER = /^ *(?<rater>[\w-]+) *; *(?<word>[A-Za-z]+) *;/;

/** The parts of an audio or video name without extension; undefined for another name. */
export function parseName(stem: string): NameParts | undefined {
  const fields = NAME.exec(stem)?.groups as
    | Record<Exclude<keyof NameParts, 'gender'> | 'letter', string>
    | undefined;
  if (fields === undefined) return undefined;
  const { letter, scenario, ...rest } = fields;
  return { ...rest, scenario: scenario as ScenarioCode, gender: letter === 'F' ? 'female' : 'male' };
}

/** The blocks of `Evalution.txt`, in order. */
export function parseEvaluations(text: string): EvaluationFile {
  const evaluations: Evaluation[] = [];
  const unreadable: number[] = [];
  let current: Evaluation | undefined;
  let raters = new Set<string>();
  for (const [index, content] of text.split(/\r?\n/).entries()) {
    if (/^[^;]*\.avi *;/i.test(content)) {
      current = parseHeader(content, index + 1);
      raters = new Set();
      if (current === undefined) unreadable.push(index + 1);
      else evaluations.push(current);
      continue;
    }
    if (content.trim() === '') {
      current = undefined;
      continue;
    }
    const row = RATER.exec(content)?.groups as Record<'rater' | 'word', string> | undefined;
    if (row === undefined || current === undefined) continue;
    const { rater, word } = row;
    // Some raters stand twice in a block; one person has one vote.
    if (!raters.has(rater)) current.raters.push(word);
    raters.add(rater);
  }
  return { evaluations, unreadable };
}

function parseHeader(content: string, line: number): Evaluation | undefined {
  type Field = 'name' | 'consensus' | 'activation' | 'valence' | 'dominance' | 'naturalness';
  const fields = HEADER.exec(content.trim())?.groups as Record<Field, string> | undefined;
  if (fields === undefined) return undefined;
  const { name, consensus, ...means } = fields;
  const id = `MSP-IMPROV-${name.toUpperCase()}`;
  if (parseName(id) === undefined) return undefined;
  return { id, consensus: consensus.toUpperCase(), ...means, raters: [], line };
}
