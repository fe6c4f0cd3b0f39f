/** Finds IEMOCAP's files below a folder: label files, transcriptions, audio. */

import { readdir, readFile, stat } from 'node:fs/promises';
import path from 'node:path';

import { DataError, hasCode } from '../../errors.js';
import { byCodeUnit, type FoundFile, findMedia, isAudio, resolveData, unreadable } from '../audio-files.js';
import type { DropList } from '../drop-list.js';
import { selectFiles, type Verdict } from '../select-files.js';
import { isDialog, type LabelBlock, parseId, parseLabels, parseTranscription } from './label-files.js';
import { SESSIONS, type Session } from './published.js';

/** An utterance's block, with where it stands: `file:line`. */
export interface Label extends LabelBlock {
  where: string;
}

export interface IemocapTree {
  /** The folder that holds `Session1` .. `Session5`. */
  root: string;
  /** Dialogs that have a label file. */
  dialogs: Set<string>;
  /** By utterance id. */
  labels: Map<string, Label>;
  /** By utterance id, of whatever has a transcription. */
  sentences: Map<string, string>;
  /** By utterance id: the copy to read. */
  audio: Map<string, FoundFile>;
}

const RELEASE = 'IEMOCAP_full_release';
const sessionFolder = (session: Session): string => `Session${session}`;
const isFolder = (location: string): Promise<boolean> =>
  stat(location).then(
    (found) => found.isDirectory(),
    () => false,
  );

/** The folder of the sessions: the one given, or the release below it. */
async function findRelease(given: string): Promise<string> {
  for (const candidate of [given, path.join(given, RELEASE)]) {
    for (const session of SESSIONS)
      if (await isFolder(path.join(candidate, sessionFolder(session), 'dialog', 'EmoEvaluation')))
        return candidate;
  }
  throw new DataError(
    `No IEMOCAP below ${given}: expected label files such as Session1/dialog/EmoEvaluation/Ses01F_impro01.txt, found none.`,
    {
      code: 'E_CORPUS_EMPTY',
      cure: `Point --data at the folder that holds Session1 .. Session5 (${RELEASE}).`,
    },
  );
}

/** Text files of one folder, not of its sub-folders (`Categorical`, `Attribute`, `Self-evaluation`: the raters one by one). */
async function readTexts(
  folder: string,
  drops: DropList,
): Promise<{ name: string; file: string; text: string }[]> {
  let entries: string[];
  try {
    entries = (await readdir(folder, { withFileTypes: true }))
      .filter((entry) => !entry.isDirectory() && entry.name.toLowerCase().endsWith('.txt'))
      .map((entry) => entry.name);
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return [];
    throw unreadable(folder, error);
  }
  const names = entries.filter((name) => {
    if (name.startsWith('._'))
      drops.add('macOS metadata (AppleDouble), not a label file', path.join(folder, name));
    return !name.startsWith('.');
  });
  return Promise.all(
    names.sort(byCodeUnit).map(async (name) => {
      const file = path.join(folder, name);
      const text = await readFile(file, 'latin1').catch((error: unknown) => {
        throw unreadable(file, error);
      });
      return { name: name.slice(0, -'.txt'.length), file, text };
    }),
  );
}

/** The utterance that a file holds, or why it holds none. */
function judge(file: FoundFile): Verdict {
  if (!isAudio(file.extension)) return { drop: 'video, not audio' };
  if (isDialog(file.stem)) return { drop: 'the recording of a whole dialog, not of an utterance' };
  if (parseId(file.stem) === undefined)
    return { drop: 'the name is not an IEMOCAP one (such as Ses01F_impro01_F000)' };
  return { id: file.stem };
}

/**
 * Reads labels and transcriptions, and finds the audio. What cannot be an utterance goes to `drops`.
 *
 * @throws UsageError without a path; DataError where it holds no label file or cannot be read.
 */
export async function readTree(data: string | undefined, drops: DropList): Promise<IemocapTree> {
  const root = await findRelease(await resolveData('iemocap', data, 'folder'));
  const tree: IemocapTree = {
    root,
    dialogs: new Set(),
    labels: new Map(),
    sentences: new Map(),
    audio: new Map(),
  };
  for (const session of SESSIONS) {
    const dialogFolder = path.join(root, sessionFolder(session), 'dialog');
    for (const { name, file, text } of await readTexts(path.join(dialogFolder, 'EmoEvaluation'), drops)) {
      const parsed = parseLabels(text);
      if (parsed.blocks.length > 0) tree.dialogs.add(name);
      for (const line of parsed.unreadable) drops.add('a label line that cannot be read', `${file}:${line}`);
      for (const block of parsed.blocks) {
        const where = `${file}:${block.line}`;
        if (parseId(block.id) === undefined) drops.add('a label line that cannot be read', where);
        else if (tree.labels.has(block.id)) drops.add('a second label of an utterance', where);
        else tree.labels.set(block.id, { ...block, where });
      }
    }
    for (const { text } of await readTexts(path.join(dialogFolder, 'transcriptions'), drops)) {
      for (const [id, sentence] of parseTranscription(text)) tree.sentences.set(id, sentence);
    }
  }
  const media = await findMedia(root);
  drops.addAll(media.dropped);
  const selected = selectFiles(media.files, judge);
  drops.addAll(selected.drops.list());
  tree.audio = selected.kept;
  return tree;
}
