/**
 * IEMOCAP: 5 sessions of two actors each, improvised and scripted, 10039 labelled turns, of which 5531 in the field's four classes.
 *
 * An utterance id ends in the letter of its speaker (`Ses01F_impro01_M003` is spoken by the man of session 1); the letter at its
 * start names who wore the markers of the motion capture.
 */

import { DataError } from '../../errors.js';
import { byCodeUnit, listSome } from '../audio-files.js';
import { DropList } from '../drop-list.js';
import { classOrder, emotionOf } from '../emotion-labels.js';
import { settlePartial } from '../partial-copy.js';
import type { Corpus, CorpusOptions, CorpusReader, Emotion, Utterance } from '../types.js';
import { describeDifference } from './completeness.js';
import { parseId } from './label-files.js';
import type { Part } from './published.js';
import { type IemocapTree, type Label, readTree } from './tree.js';

/** Official labels that each choice of classes takes, with the class they become. */
const CLASSES: Record<string, Record<string, Emotion>> = {
  '4': { neu: 'neutral', hap: 'happiness', exc: 'happiness', sad: 'sadness', ang: 'anger' },
  '4-no-exc': { neu: 'neutral', hap: 'happiness', sad: 'sadness', ang: 'anger' },
  '6': {
    neu: 'neutral',
    hap: 'happiness',
    exc: 'excitement',
    sad: 'sadness',
    ang: 'anger',
    fru: 'frustration',
  },
};

/** Why an utterance with this label is left out. */
function labelReason(label: string): string {
  if (label === 'xxx') return 'label xxx: the raters have no majority';
  const emotion = emotionOf(label);
  return `label ${label}${emotion === label ? '' : ` (${emotion})`}: not among the chosen classes`;
}

/** How many raters chose each class. One who chose several words counts once for each class among them. */
function votesOf(label: Label, classOf: ReadonlyMap<Emotion, Emotion>): Record<string, number> | undefined {
  const votes: Record<string, number> = {};
  for (const words of label.raters) {
    const chosen = new Set(words.map((word) => classOf.get(emotionOf(word.replace(/ state$/i, '')))));
    for (const emotion of chosen) if (emotion !== undefined) votes[emotion] = (votes[emotion] ?? 0) + 1;
  }
  return Object.keys(votes).length > 0 ? votes : undefined;
}

/** The utterances of the chosen classes and part, sorted by id; the rest goes to `drops`, labels without audio to `silent`. */
function utterancesOf(
  tree: IemocapTree,
  labels: Readonly<Record<string, Emotion>>,
  part: Part | 'all',
  drops: DropList,
): { utterances: Utterance[]; silent: string[] } {
  const utterances: Utterance[] = [];
  const silent: string[] = [];
  // A rater's `Excited` counts for the class that the official label `exc` becomes.
  const classOf = new Map(Object.entries(labels).map(([label, emotion]) => [emotionOf(label), emotion]));
  for (const [id, label] of [...tree.labels].sort(([a], [b]) => byCodeUnit(a, b))) {
    const parts = parseId(id)!;
    const emotion = labels[label.label];
    const file = tree.audio.get(id);
    if (part !== 'all' && parts.part !== part) {
      drops.add(`${parts.part}, not the chosen part`, file?.path ?? label.where);
    } else if (emotion === undefined) {
      drops.add(labelReason(label.label), file?.path ?? label.where);
    } else if (file === undefined) {
      silent.push(id);
      drops.add('a label without audio', label.where);
    } else {
      const text = tree.sentences.get(id);
      const votes = votesOf(label, classOf);
      utterances.push({
        id,
        path: file.path,
        emotion,
        speaker: parts.speaker,
        session: parts.session,
        gender: parts.gender,
        ...(text === undefined ? {} : { text }),
        ...(votes === undefined ? {} : { votes }),
        source: {
          emotion: label.label,
          valence: label.valence,
          activation: label.activation,
          dominance: label.dominance,
          dialog: parts.dialog,
          part: parts.part,
          start: label.start,
          end: label.end,
        },
      });
    }
  }
  for (const [id, file] of tree.audio)
    if (!tree.labels.has(id)) drops.add('audio without a label', file.path);
  return { utterances, silent };
}

async function read(options: CorpusOptions): Promise<Corpus> {
  const { classes = '4', part = 'all' } = options.choices ?? {};
  const labels = CLASSES[classes]!;
  const drops = new DropList();
  const tree = await readTree(options.data, drops);
  const { utterances, silent } = utterancesOf(tree, labels, part as Part | 'all', drops);
  const chosen = { classes, part: part as Part | 'all', labels };
  const difference = describeDifference(tree, chosen, utterances.length, silent);
  const settled = settlePartial(options, difference?.sentence, difference?.details);
  if (utterances.length === 0) {
    throw new DataError(`IEMOCAP below ${tree.root} has no utterance of the chosen classes with audio.`, {
      code: 'E_CORPUS_EMPTY',
      cure: 'Its audio belongs in Session1/sentences/wav/Ses01F_impro01/Ses01F_impro01_F000.wav, and so on.',
    });
  }
  const unwritten = utterances.filter(({ text }) => text === undefined).map(({ id }) => id);
  if (unwritten.length > 0) {
    settled.warnings.push(
      `${unwritten.length} of ${utterances.length} utterances have no transcription (${listSome(unwritten, 3)}), ` +
        'so shared sentences cannot be told for them.',
    );
  }
  return {
    name: 'iemocap',
    root: tree.root,
    synthetic: false,
    classes: classOrder(
      Object.values(labels).filter((emotion) => utterances.some((one) => one.emotion === emotion)),
    ),
    utterances,
    dropped: drops.list(),
    choices: { classes, part },
    ...settled,
  };
}

export const iemocap: CorpusReader = {
  name: 'iemocap',
  summary:
    'IEMOCAP: 5 sessions, 10 speakers, 5531 utterances in four classes (IEMOCAP_full_release with Session1 .. Session5)',
  defaultProtocol: 'iemocap-5fold',
  choices: [
    {
      name: 'classes',
      values: ['4', '4-no-exc', '6'],
      summary: '4: excitement counts as happiness; 4-no-exc: without it; 6: apart, and frustration',
    },
    { name: 'part', values: ['all', 'improvised', 'scripted'], summary: 'which dialogs' },
  ],
  read,
};
