/**
 * CREMA-D, audio: 91 actors, twelve sentences, six emotions, 7442 recordings (Cao et al. 2014, doi 10.1109/TAFFC.2014.2336244).
 *
 * Two labels exist: the emotion that the actor was asked for, which the name carries, and the one that listeners heard, by vote.
 * The corpus is a git repository whose media are kept by git-lfs, so copies that hold 130-byte pointers in place of audio are
 * common; they are told from audio and refused with the cure.
 */

import { open, stat } from 'node:fs/promises';

import { DataError } from '../../errors.js';
import { byCodeUnit, type FoundFile, findMedia, isAudio, resolveData } from '../audio-files.js';
import type { DropList } from '../drop-list.js';
import { classOrder } from '../emotion-labels.js';
import { missingIds } from '../known-contents.js';
import { settlePartial } from '../partial-copy.js';
import { describeDrops, selectFiles, type Verdict } from '../select-files.js';
import type { Corpus, CorpusOptions, CorpusReader, Utterance } from '../types.js';
import { CREMAD_ACTORS, CREMAD_EMOTIONS, CREMAD_LEVELS, CREMAD_SENTENCES, cremadStems } from './stems.js';
import { LFS_CURE, readGenders, readRaterVotes, readVoiceVotes } from './tables.js';

/** Copies made before October 2022 hold one recording under a name that lacks its last letter. */
const MISNAMED = new Map([['1040_ITH_SAD_X', '1040_ITH_SAD_XX']]);
const POINTER = 'a git-lfs pointer, not audio';
const POINTER_START = 'version https://git-lfs';
/** Pointers have some 130 bytes; no recording is that short. */
const MAX_POINTER_BYTES = 1024;

const idOf = (file: FoundFile): string => MISNAMED.get(file.stem) ?? file.stem;

/** Paths of the files that are git-lfs pointers. */
async function findPointers(files: readonly FoundFile[]): Promise<Set<string>> {
  const pointers = new Set<string>();
  const queue = files.values();
  async function work(): Promise<void> {
    for (const { path } of queue) {
      if (
        ((await stat(path).catch(() => undefined))?.size ?? Infinity) <= MAX_POINTER_BYTES &&
        (await isPointer(path))
      )
        pointers.add(path);
    }
  }
  await Promise.all(Array.from({ length: 16 }, work)); // the iterator is shared, so each file is looked at once
  return pointers;
}

async function isPointer(path: string): Promise<boolean> {
  const file = await open(path, 'r').catch(() => undefined); // unreadable: the decoder says so, with the file's name
  if (file === undefined) return false;
  try {
    const { buffer } = await file.read(Buffer.alloc(POINTER_START.length), 0, POINTER_START.length, 0);
    return buffer.toString('latin1') === POINTER_START;
  } finally {
    await file.close();
  }
}

function judge(file: FoundFile, expected: ReadonlySet<string>, pointers: ReadonlySet<string>): Verdict {
  if (!isAudio(file.extension)) return { drop: 'video, the recordings of the audio files again' };
  const id = idOf(file);
  if (!/^\d{4}_[A-Z]{3}_[A-Z]{3}_[A-Z]{2}$/.test(id))
    return { drop: 'the name is not a CREMA-D one (such as 1001_DFA_ANG_XX)' };
  if (!expected.has(id))
    return { drop: 'the published corpus has no such combination of actor, sentence, emotion and level' };
  return pointers.has(file.path) ? { drop: POINTER } : { id };
}

function utteranceOf(
  id: string,
  file: FoundFile,
  genders: ReadonlyMap<string, 'male' | 'female'>,
): Utterance {
  const [actor, sentence, emotion, level] = id.split('_') as [string, string, string, string];
  const gender = genders.get(actor);
  return {
    id,
    path: file.path,
    emotion: CREMAD_EMOTIONS[emotion]!,
    speaker: actor,
    ...(gender ? { gender } : {}),
    text: CREMAD_SENTENCES[sentence]!,
    source: { emotion, sentence, level: CREMAD_LEVELS[level]! },
  };
}

interface Labelled {
  utterances: Utterance[];
  warnings: string[];
}

/** Puts what listeners heard in place of what the actors intended. Recordings whose vote ties are dropped. */
async function perceived(root: string, intended: readonly Utterance[], drops: DropList): Promise<Labelled> {
  const [published, raters] = [await readVoiceVotes(root), await readRaterVotes(root)];
  const unlabelled = intended.filter(({ id }) => !published.has(id));
  if (unlabelled.length > 0) {
    throw new DataError(
      `summaryTable.csv has no vote for ${unlabelled.length} of ${intended.length} recordings (the first is ${unlabelled[0]!.id}).`,
      { code: 'E_CORPUS_LABELS', cure: 'Restore the table from the corpus, as published.' },
    );
  }
  const utterances: Utterance[] = [];
  for (const utterance of intended) {
    const { label, emotion, level } = published.get(utterance.id)!;
    if (emotion === undefined) {
      drops.add('listeners to the audio alone disagree: the vote is a tie', utterance.path);
      continue;
    }
    const votes = raters?.get(utterance.id);
    const { emotion: intention, ...rest } = utterance.source!;
    utterances.push({
      ...utterance,
      emotion,
      ...(votes ? { votes } : {}),
      source: { emotion: label, intended: intention!, ...rest, ...(level ? { voiceLevel: level } : {}) },
    });
  }
  const warnings =
    raters === undefined
      ? [
          'CREMA-D without finishedResponses.csv: raters are not known one by one, so soft labels are the majority votes.',
        ]
      : [];
  return { utterances, warnings };
}

/**
 * Refuses, or accepts with a warning, a copy that lacks recordings.
 *
 * @param stubs ids of recordings of which a pointer is there
 */
function settleCopy(
  options: CorpusOptions,
  root: string,
  kept: ReadonlyMap<string, FoundFile>,
  stubs: ReadonlySet<string>,
): Pick<Corpus, 'partial' | 'warnings'> {
  const expected = cremadStems();
  const claim = `CREMA-D has ${expected.length} recordings of ${CREMAD_ACTORS} actors`;
  const { difference, missing } = missingIds({
    claim,
    root,
    expected,
    found: kept,
    groupOf: (id) => id.slice(0, 4),
  });
  const pointers = missing.filter((id) => stubs.has(id)).length;
  if (pointers === 0) return settlePartial(options, difference, { missing });
  const sentence = `${claim}, ${kept.size} were found below ${root}; ${pointers} more are git-lfs pointers there, not audio.`;
  if (options.allowPartial === true && kept.size > 0) return settlePartial(options, sentence);
  throw new DataError(sentence, { code: 'E_CORPUS_LFS', cure: LFS_CURE, details: { pointers, missing } });
}

async function read(options: CorpusOptions): Promise<Corpus> {
  const root = await resolveData('cremad', options.data, 'folder');
  const tree = await findMedia(root);
  const known = new Set(cremadStems());
  const pointers = await findPointers(tree.files.filter((file) => isAudio(file.extension)));
  const { kept, drops } = selectFiles(tree.files, (file) => judge(file, known, pointers));
  const stubs = new Set(tree.files.filter((file) => pointers.has(file.path)).map(idOf));
  if (kept.size === 0 && ![...stubs].some((id) => known.has(id))) {
    throw new DataError(
      `No CREMA-D audio below ${root}: expected files such as AudioWAV/1001_DFA_ANG_XX.wav, found ` +
        `${describeDrops(drops)}.`,
      { code: 'E_CORPUS_EMPTY', cure: 'Point --data at the folder that holds AudioWAV.' },
    );
  }
  const settled = settleCopy(options, root, kept, stubs);
  const genders = await readGenders(root);
  const intended = [...kept]
    .map(([id, file]) => utteranceOf(id, file, genders))
    .sort((a, b) => byCodeUnit(a.id, b.id));
  const labelled: Labelled =
    options.choices?.labels === 'perceived'
      ? await perceived(root, intended, drops)
      : { utterances: intended, warnings: [] };
  return {
    name: 'cremad',
    root,
    synthetic: false,
    classes: classOrder(labelled.utterances.map(({ emotion }) => emotion)),
    utterances: labelled.utterances,
    dropped: [...tree.dropped, ...drops.list()],
    ...settled,
    warnings: [...settled.warnings, ...labelled.warnings],
    choices: { ...options.choices },
  };
}

export const cremad: CorpusReader = {
  name: 'cremad',
  summary: 'CREMA-D: 91 actors, 6 emotions, 7442 utterances (AudioWAV/1001_DFA_ANG_XX.wav)',
  defaultProtocol: 'cremad-5fold',
  choices: [
    {
      name: 'labels',
      values: ['intended', 'perceived'],
      summary: 'the emotion asked of the actor, or the majority vote of those who heard the audio alone',
    },
  ],
  read,
};
