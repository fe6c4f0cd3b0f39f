/**
 * IEMOCAP's text files. A label file of `EmoEvaluation` holds a block per utterance: a header line with the official label and
 * the mean dimensions, then a line per rater. A transcription holds a line per utterance. Both are Latin-1.
 */

/** An utterance's block in a label file. */
export interface LabelBlock {
  /** `Ses01F_impro01_F000`. */
  id: string;
  /** The official label: `neu`, `hap`, .., or `xxx` where the raters have no majority. */
  label: string;
  /** Seconds into the dialog, as written. */
  start: string;
  end: string;
  /** Means over the raters, 1 to 5, as written. */
  valence: string;
  activation: string;
  dominance: string;
  /** The words that each rater chose, one or more: `['Happiness', 'Excited']`. The actors' own ratings are not among them. */
  raters: string[][];
  /** Line of the header, from 1. */
  line: number;
}

export interface LabelFile {
  blocks: LabelBlock[];
  /** Lines that begin like a header and are none, from 1. */
  unreadable: number[];
}

/** What an utterance id tells. */
export interface IdParts {
  /** `Ses01F_impro01`: its letter names who wore the markers of the motion capture, not who speaks. */
  dialog: string;
  session: string;
  part: 'improvised' | 'scripted';
  speaker: string;
  gender: 'male' | 'female';
}

const UTTERANCE = /^(Ses0([1-5])[FM]_(?:(impro)\d\d[ab]?|script\d\d_\d[ab]?))_([FM])(?:\d{3}|XX\d)$/;
const DIALOG = /^Ses0[1-5][FM]_(?:impro\d\d[ab]?|script\d\d_\d[ab]?)$/;
// Blanks in place of tabs are met in copies that went through an editor.
const HEADER =
  /^\[\s*(?<start>[\d.]+)\s*-\s*(?<end>[\d.]+)\s*\]\s+(?<id>Ses\w+)\s+(?<label>\w+)\s+\[\s*(?<valence>[\d.]+)\s*,\s*(?<activation>[\d.]+)\s*,\s*(?<dominance>[\d.]+)\s*\]\s*$/;
const RATER = /^C-(E\d+):([^(]*)/;
const SENTENCE = /^(Ses\w+)\s+\[[\d.]+\s*-\s*[\d.]+\]:\s*(.*?)\s*$/;

/** The parts of an utterance id; undefined for another name. The speaker's letter is the one of the last field. */
export function parseId(id: string): IdParts | undefined {
  const match = UTTERANCE.exec(id);
  if (match === null) return undefined;
  const [, dialog, session, improvised, letter] = match;
  return {
    dialog: dialog!,
    session: session!,
    part: improvised === undefined ? 'scripted' : 'improvised',
    speaker: `Ses0${session}${letter}`,
    gender: letter === 'F' ? 'female' : 'male',
  };
}

export function isDialog(stem: string): boolean {
  return DIALOG.test(stem);
}

/** The blocks of a label file, in order. */
export function parseLabels(text: string): LabelFile {
  const blocks: LabelBlock[] = [];
  const unreadable: number[] = [];
  let block: LabelBlock | undefined;
  let raters = new Map<string, string[]>();
  for (const [index, content] of text.split(/\r?\n/).entries()) {
    if (content.startsWith('[')) {
      block = parseHeader(content, index + 1);
      raters = new Map();
      if (block === undefined) unreadable.push(index + 1);
      else blocks.push(block);
      continue;
    }
    const rating = RATER.exec(content);
    if (rating === null || block === undefined) continue;
    const [, rater, words] = rating as unknown as [string, string, string];
    let chosen = raters.get(rater);
    if (chosen === undefined) {
      chosen = [];
      raters.set(rater, chosen);
      block.raters.push(chosen);
    }
    for (const word of words.split(';')) if (word.trim() !== '') chosen.push(word.trim());
  }
  return { blocks, unreadable };
}

function parseHeader(content: string, line: number): LabelBlock | undefined {
  type Field = Exclude<keyof LabelBlock, 'raters' | 'line'>;
  const fields = HEADER.exec(content)?.groups as Record<Field, string> | undefined;
  return fields && { ...fields, label: fields.label.toLowerCase(), raters: [], line };
}

/** Sentences by utterance id. Lines of other shapes (`M: [LAUGHTER]`, turns without an id) are passed over. */
export function parseTranscription(text: string): Map<string, string> {
  const sentences = new Map<string, string>();
  for (const line of text.split(/\r?\n/)) {
    const match = SENTENCE.exec(line);
    if (match !== null && match[2] !== '') sentences.set(match[1]!, match[2]!);
  }
  return sentences;
}
