/**
 * RAVDESS, audio-only speech: 24 actors x 60 utterances = 1440 (Livingstone & Russo 2018, doi 10.1371/journal.pone.0196391).
 *
 * File names are seven two-digit fields, `modality-channel-emotion-intensity-statement-repetition-actor`. Song and the video
 * modalities hold other material or copies of the same recordings: they are excluded and counted, never mixed in.
 */

import { DataError } from '../errors.js';
import { byCodeUnit, type FoundFile, findMedia, isAudio, resolveData } from './audio-files.js';
import { missingIds } from './known-contents.js';
import { settlePartial } from './partial-copy.js';
import { describeDrops, selectFiles, type Verdict } from './select-files.js';
import type { Corpus, CorpusReader, KnownEmotion, Utterance } from './types.js';

const ACTORS = 24;
const PER_ACTOR = 60;

/** Emotion code 01..08 is position 1..8; RAVDESS' own word, then ours. Also the class order. */
const EMOTION_CODES: readonly (readonly [source: string, emotion: KnownEmotion])[] = [
  ['neutral', 'neutral'],
  ['calm', 'calm'],
  ['happy', 'happiness'],
  ['sad', 'sadness'],
  ['angry', 'anger'],
  ['fearful', 'fear'],
  ['disgust', 'disgust'],
  ['surprised', 'surprise'],
];
const INTENSITIES = ['normal', 'strong'] as const;
const STATEMENTS = ['Kids are talking by the door', 'Dogs are sitting by the door'] as const;

const two = (value: number): string => String(value).padStart(2, '0');

/** Stems of the complete corpus, sorted. Neutral has no strong intensity: 4 neutral + 7 x 8 others = 60 per actor. */
export function ravdessStems(): string[] {
  const stems: string[] = [];
  for (let actor = 1; actor <= ACTORS; actor++) {
    for (let emotion = 1; emotion <= 8; emotion++) {
      for (let intensity = 1; intensity <= (emotion === 1 ? 1 : 2); intensity++) {
        for (let statement = 1; statement <= 2; statement++) {
          for (let repetition = 1; repetition <= 2; repetition++) {
            stems.push(
              ['03', '01', ...[emotion, intensity, statement, repetition, actor].map(two)].join('-'),
            );
          }
        }
      }
    }
  }
  return stems.sort(byCodeUnit);
}

function utteranceOf(file: FoundFile): Utterance {
  const [modality, channel, emotion, intensity, statement, repetition, actor] = file.stem.split('-') as [
    string,
    string,
    string,
    string,
    string,
    string,
    string,
  ];
  const [sourceEmotion, mapped] = EMOTION_CODES[Number(emotion) - 1]!;
  return {
    id: file.stem,
    path: file.path,
    emotion: mapped,
    speaker: `Actor_${actor}`,
    gender: Number(actor) % 2 === 1 ? 'male' : 'female',
    text: STATEMENTS[Number(statement) - 1]!,
    source: {
      modality,
      channel,
      emotion: sourceEmotion,
      intensity: INTENSITIES[Number(intensity) - 1]!,
      statement,
      repetition,
      actor,
    },
  };
}

function judge(file: FoundFile, expected: ReadonlySet<string>): Verdict {
  if (!/^\d\d(?:-\d\d){6}$/.test(file.stem))
    return { drop: 'the name is not a RAVDESS one (seven two-digit fields)' };
  if (file.stem.slice(3, 5) === '02') return { drop: 'song (channel 02), not speech' };
  if (!file.stem.startsWith('03') || !isAudio(file.extension))
    return { drop: 'video modality (01 or 02), a copy of the audio-only material' };
  return expected.has(file.stem)
    ? { id: file.stem }
    : { drop: 'a field of the name is outside its RAVDESS codes' };
}

async function read(options: Parameters<CorpusReader['read']>[0]): Promise<Corpus> {
  const root = await resolveData('ravdess', options.data, 'folder');
  const tree = await findMedia(root);
  const expected = ravdessStems();
  const known = new Set(expected);
  const { kept, drops } = selectFiles(tree.files, (file) => judge(file, known));
  if (kept.size === 0) {
    throw new DataError(
      `No RAVDESS speech below ${root}: expected files such as Actor_01/03-01-01-01-01-01-01.wav, found ` +
        `${describeDrops(drops)}.`,
      { code: 'E_CORPUS_EMPTY', cure: 'Point --data at the folder that holds Actor_01 .. Actor_24.' },
    );
  }
  const { difference, missing } = missingIds({
    claim: `RAVDESS has ${ACTORS} x ${PER_ACTOR} = ${expected.length} speech utterances`,
    root,
    expected,
    found: kept,
    groupOf: (stem) => `Actor_${stem.slice(-2)}`,
  });
  const utterances = [...kept.values()].map(utteranceOf).sort((a, b) => byCodeUnit(a.id, b.id));
  const present = new Set(utterances.map((utterance) => utterance.emotion));
  return {
    name: 'ravdess',
    root,
    synthetic: false,
    classes: EMOTION_CODES.map(([, emotion]) => emotion).filter((emotion) => present.has(emotion)),
    utterances,
    dropped: [...tree.dropped, ...drops.list()],
    ...settlePartial(options, difference, { missing }),
  };
}

export const ravdess: CorpusReader = {
  name: 'ravdess',
  summary: 'RAVDESS audio-only speech: 24 actors, 8 emotions, 1440 utterances (folders Actor_01 .. Actor_24)',
  defaultProtocol: 'ravdess-6fold',
  read,
};
