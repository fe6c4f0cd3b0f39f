/**
 * EMO-DB, the Berlin database of emotional speech: ten actors, seven emotions, the 535 utterances that were published out of
 * some 800 recorded (Burkhardt et al. 2005).
 *
 * `03a01Wa.wav`: speaker 03, text a01, emotion W (Wut, anger), version a. The letters are those of the German words.
 */

import { DataError } from '../errors.js';
import { byCodeUnit, type FoundFile, findMedia, isAudio, resolveData } from './audio-files.js';
import { classOrder } from './emotion-labels.js';
import { differingCounts } from './known-contents.js';
import { settlePartial } from './partial-copy.js';
import { describeDrops, selectFiles, type Verdict } from './select-files.js';
import type { Corpus, CorpusReader, KnownEmotion, Utterance } from './types.js';

const EMOTION_CODES: Readonly<Record<string, KnownEmotion>> = {
  W: 'anger', // Wut
  L: 'boredom', // Langeweile
  E: 'disgust', // Ekel
  A: 'fear', // Angst
  F: 'happiness', // Freude
  T: 'sadness', // Trauer
  N: 'neutral',
};

/** Gender, age, and how many utterances of each emotion, in the order of `EMOTION_CODES`, the published selection has. */
const SPEAKERS: Readonly<
  Record<string, { gender: 'male' | 'female'; age: number; counts: readonly number[] }>
> = {
  '03': { gender: 'male', age: 31, counts: [14, 5, 1, 4, 7, 7, 11] },
  '08': { gender: 'female', age: 34, counts: [12, 10, 0, 6, 11, 9, 10] },
  '09': { gender: 'female', age: 21, counts: [13, 4, 8, 1, 4, 4, 9] },
  '10': { gender: 'male', age: 32, counts: [10, 8, 1, 8, 4, 3, 4] },
  '11': { gender: 'male', age: 26, counts: [11, 8, 2, 10, 8, 7, 9] },
  '12': { gender: 'male', age: 30, counts: [12, 5, 2, 6, 2, 4, 4] },
  '13': { gender: 'female', age: 32, counts: [12, 10, 8, 7, 10, 5, 9] },
  '14': { gender: 'female', age: 35, counts: [16, 8, 8, 12, 8, 10, 7] },
  '15': { gender: 'male', age: 25, counts: [13, 9, 5, 8, 6, 4, 11] },
  '16': { gender: 'female', age: 31, counts: [14, 14, 11, 7, 11, 9, 5] },
};
const TEXTS = ['a01', 'a02', 'a04', 'a05', 'a07', 'b01', 'b02', 'b03', 'b09', 'b10'] as const;
const TOTAL = 535;

const cell = (speaker: string, emotion: string): string => `speaker ${speaker} ${emotion}`;

/** Published counts by speaker and emotion. */
export function emodbCounts(): Map<string, number> {
  const counts = new Map<string, number>();
  for (const [speaker, { counts: row }] of Object.entries(SPEAKERS)) {
    Object.values(EMOTION_CODES).forEach((emotion, index) => {
      counts.set(cell(speaker, emotion), row[index]!);
    });
  }
  return counts;
}

const NAME = /^(\d\d)([ab]\d\d)([WLEAFTN])([a-z]?)$/;

function judge(file: FoundFile): Verdict {
  if (!isAudio(file.extension)) return { drop: 'video, not audio' };
  const match = NAME.exec(file.stem);
  if (match === null) return { drop: 'the name is not an EMO-DB one (such as 03a01Wa)' };
  if (SPEAKERS[match[1]!] === undefined || !(TEXTS as readonly string[]).includes(match[2]!)) {
    return { drop: 'a speaker or text of the name is none of EMO-DB' };
  }
  return { id: file.stem };
}

function utteranceOf(id: string, file: FoundFile): Utterance {
  const [, speaker, text, emotion, version] = NAME.exec(id) as unknown as [
    string,
    string,
    string,
    string,
    string,
  ];
  const { gender, age } = SPEAKERS[speaker]!;
  return {
    id,
    path: file.path,
    emotion: EMOTION_CODES[emotion]!,
    speaker,
    gender,
    text,
    source: { emotion, speaker, text, age: String(age), ...(version ? { version } : {}) },
  };
}

async function read(options: Parameters<CorpusReader['read']>[0]): Promise<Corpus> {
  const root = await resolveData('emodb', options.data, 'folder');
  const tree = await findMedia(root);
  const { kept, drops } = selectFiles(tree.files, judge);
  if (kept.size === 0) {
    throw new DataError(
      `No EMO-DB audio below ${root}: expected files such as wav/03a01Wa.wav, found ` +
        `${describeDrops(drops)}.`,
      { code: 'E_CORPUS_EMPTY', cure: 'Point --data at the folder that holds wav/.' },
    );
  }
  const utterances = [...kept]
    .map(([id, file]) => utteranceOf(id, file))
    .sort((a, b) => byCodeUnit(a.id, b.id));
  const found = new Map<string, number>();
  for (const { speaker, emotion } of utterances) {
    found.set(cell(speaker, emotion), (found.get(cell(speaker, emotion)) ?? 0) + 1);
  }
  const { difference, differing } = differingCounts({
    claim: `EMO-DB has ${TOTAL} utterances`,
    root,
    expected: emodbCounts(),
    found,
  });
  if (options.allowPartial !== true && differing.some((one) => one.found > one.published)) {
    throw new DataError(difference!, {
      code: 'E_CORPUS_COUNTS',
      cure:
        'It holds more than the published selection of EMO-DB: take out what was added, or accept it as it is with ' +
        '--allow-partial; its figures then compare with no published ones.',
      details: { differing },
    });
  }
  return {
    name: 'emodb',
    root,
    synthetic: false,
    classes: classOrder(utterances.map(({ emotion }) => emotion)),
    utterances,
    dropped: [...tree.dropped, ...drops.list()],
    ...settlePartial(options, difference, { differing }),
  };
}

export const emodb: CorpusReader = {
  name: 'emodb',
  summary: 'EMO-DB (Berlin, German): 10 actors, 7 emotions, 535 utterances (wav/03a01Wa.wav)',
  defaultProtocol: 'emodb-10fold',
  read,
};
