/**
 * SAVEE, audio: four men, seven emotions, 480 utterances (Jackson & Haq 2014, University of Surrey).
 *
 * Two layouts are in use: the archive's `AudioData/DC/a01.wav`, where the folder names the speaker, and the flat `DC_a01.wav`.
 * Both give the id `DC_a01`. The archive's video clips are the same recordings again.
 */

import { DataError } from '../errors.js';
import { byCodeUnit, type FoundFile, findMedia, isAudio, resolveData } from './audio-files.js';
import { classOrder } from './emotion-labels.js';
import { missingIds } from './known-contents.js';
import { settlePartial } from './partial-copy.js';
import { describeDrops, selectFiles, type Verdict } from './select-files.js';
import type { Corpus, CorpusReader, KnownEmotion, Utterance } from './types.js';

const SPEAKERS = ['DC', 'JE', 'JK', 'KL'] as const;
const EMOTION_CODES: Readonly<Record<string, KnownEmotion>> = {
  a: 'anger',
  d: 'disgust',
  f: 'fear',
  h: 'happiness',
  n: 'neutral',
  sa: 'sadness',
  su: 'surprise',
};
const SENTENCES = 15;
const NEUTRAL_SENTENCES = 30;

/** Ids of the complete corpus, sorted: 4 speakers x (6 x 15 + 30). */
export function saveeIds(): string[] {
  return SPEAKERS.flatMap((speaker) =>
    Object.keys(EMOTION_CODES).flatMap((code) =>
      Array.from(
        { length: code === 'n' ? NEUTRAL_SENTENCES : SENTENCES },
        (_, index) => `${speaker}_${code}${String(index + 1).padStart(2, '0')}`,
      ),
    ),
  ).sort(byCodeUnit);
}

const NAME = /^(?:(DC|JE|JK|KL)_)?((?:sa|su|[adfhn])\d\d)$/i;

/** The id that a file's name and folder spell, or why they spell none. */
function judge(file: FoundFile, expected: ReadonlySet<string>): Verdict {
  if (!isAudio(file.extension)) return { drop: 'video, the recordings of the audio files again' };
  const match = NAME.exec(file.stem);
  if (match === null)
    return { drop: 'the name is not a SAVEE one (DC_a01, or a01 in the folder of its speaker)' };
  const folder = file.relative.split('/').at(-2);
  const speaker = (match[1] ?? SPEAKERS.find((name) => name === folder?.toUpperCase()))?.toUpperCase();
  if (speaker === undefined)
    return { drop: 'no speaker: neither the name nor the folder says DC, JE, JK or KL' };
  const id = `${speaker}_${match[2]!.toLowerCase()}`;
  return expected.has(id) ? { id } : { drop: 'a sentence beyond the 15 of its emotion (30 for neutral)' };
}

function utteranceOf(id: string, file: FoundFile): Utterance {
  const [speaker, text] = id.split('_') as [string, string];
  const code = text.slice(0, -2);
  return {
    id,
    path: file.path,
    emotion: EMOTION_CODES[code]!,
    speaker,
    gender: 'male',
    text,
    source: { emotion: code, sentence: text.slice(-2), speaker },
  };
}

async function read(options: Parameters<CorpusReader['read']>[0]): Promise<Corpus> {
  const root = await resolveData('savee', options.data, 'folder');
  const tree = await findMedia(root);
  const expected = saveeIds();
  const known = new Set(expected);
  const { kept, drops } = selectFiles(tree.files, (file) => judge(file, known));
  if (kept.size === 0) {
    throw new DataError(
      `No SAVEE audio below ${root}: expected files such as AudioData/DC/a01.wav or DC_a01.wav, found ` +
        `${describeDrops(drops)}.`,
      {
        code: 'E_CORPUS_EMPTY',
        cure: 'Point --data at the folder that holds AudioData, or DC, JE, JK and KL.',
      },
    );
  }
  const { difference, missing } = missingIds({
    claim: `SAVEE has ${SPEAKERS.length} x ${expected.length / SPEAKERS.length} = ${expected.length} utterances`,
    root,
    expected,
    found: kept,
    groupOf: (id) => id.slice(0, 2),
  });
  const utterances = [...kept]
    .map(([id, file]) => utteranceOf(id, file))
    .sort((a, b) => byCodeUnit(a.id, b.id));
  return {
    name: 'savee',
    root,
    synthetic: false,
    classes: classOrder(utterances.map(({ emotion }) => emotion)),
    utterances,
    dropped: [...tree.dropped, ...drops.list()],
    ...settlePartial(options, difference, { missing }),
  };
}

export const savee: CorpusReader = {
  name: 'savee',
  summary: 'SAVEE: 4 men, 7 emotions, 480 utterances (AudioData/DC/a01.wav, or DC_a01.wav)',
  defaultProtocol: 'savee-4fold',
  read,
};
