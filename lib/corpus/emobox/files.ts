/**
 * The metadata files of EmoBox (Ma et al. 2024) for one corpus, as its repository lays them out:
 *
 *     data/<corpus>/<corpus>.jsonl                              every utterance
 *     data/<corpus>/label_map.json                              the corpus' labels to EmoBox' words
 *     data/<corpus>/data.seg.wrd.stm                            who speaks; the lists do not say
 *     data/<corpus>/fold_N/<corpus>_{train,valid,test}_fold_N.jsonl
 */

import { readdir, readFile, stat } from 'node:fs/promises';
import path from 'node:path';

import { DataError, hasCode } from '../../errors.js';
import { byCodeUnit, listSome } from '../audio-files.js';
import { invalidList } from '../list-file.js';
import type { Utterance } from '../types.js';

export interface FoldList {
  fold: number;
  part: NonNullable<Utterance['split']>;
  file: string;
}

export interface EmoBoxFiles {
  /** Folder of the corpus: relative audio paths are looked for from here upwards. */
  folder: string;
  /** The list of every utterance; where it is missing, the folds' lists together are one. */
  main?: string;
  /** By fold, then part. */
  lists: FoldList[];
  /** EmoBox' words by the corpus' labels in lower case; absent where the folder has no `label_map.json`. */
  labelMap?: ReadonlyMap<string, string>;
  /** Speakers by key, from `data.seg.wrd.stm`; empty where the folder has none. */
  speakers: ReadonlyMap<string, string>;
}

// One corpus of EmoBox also has lists without the last underscore.
const FOLD_LIST = /_(train|valid|test)_fold_?(\d+)\.jsonl$/i;
const PARTS = { train: 'train', valid: 'validation', test: 'test' } as const;

function foldListOf(file: string): FoldList | undefined {
  const match = FOLD_LIST.exec(file);
  if (match === null) return undefined;
  return { fold: Number(match[2]), part: PARTS[match[1]!.toLowerCase() as keyof typeof PARTS], file };
}

/**
 * @param location a list, or the folder of a corpus with its folds
 * @throws DataError where it is neither
 */
export async function findEmoBoxFiles(location: string): Promise<EmoBoxFiles> {
  const isFolder = (await stat(location)).isDirectory();
  const here = isFolder ? location : path.dirname(location);
  // The lists of a fold stand one below the folder of their corpus.
  const folder = /^fold_?\d+$/i.test(path.basename(here)) ? path.dirname(here) : here;
  const about = { folder, labelMap: await readLabelMap(folder), speakers: await readSpeakers(folder) };
  if (!isFolder) {
    // A fold's list alone is a corpus without folds.
    const lists = foldListOf(location) === undefined ? await findFoldLists(folder) : [];
    return { ...about, main: location, lists };
  }
  const lists = here === folder ? await findFoldLists(folder) : await foldListsIn(here);
  const main = here === folder ? await findMain(folder) : undefined;
  if (main === undefined && lists.length === 0) throw await noLists(here);
  return { ...about, ...(main ? { main } : {}), lists };
}

/** Names in a folder, sorted; none where it cannot be listed. */
async function namesIn(folder: string): Promise<string[]> {
  return (await readdir(folder).catch(() => [])).sort(byCodeUnit);
}

const isHidden = (name: string): boolean => name.startsWith('.');

async function findMain(folder: string): Promise<string | undefined> {
  const names = (await namesIn(folder)).filter(
    (name) => name.toLowerCase().endsWith('.jsonl') && !isHidden(name) && !FOLD_LIST.test(name),
  );
  const own = names.find((name) => name.toLowerCase() === `${path.basename(folder).toLowerCase()}.jsonl`);
  if (own === undefined && names.length > 1) {
    throw new DataError(`${folder} holds several lists: ${listSome(names)}.`, {
      code: 'E_DATA_PATH',
      cure: 'Name the one to read: --data FILE.jsonl',
    });
  }
  const name = own ?? names[0];
  return name === undefined ? undefined : path.join(folder, name);
}

async function foldListsIn(folder: string): Promise<FoldList[]> {
  return (await namesIn(folder))
    .filter((name) => !isHidden(name))
    .flatMap((name) => foldListOf(path.join(folder, name)) ?? []);
}

/** The lists of all folds, by fold and part; both spellings of a list's name beside each other are one list. */
async function findFoldLists(folder: string): Promise<FoldList[]> {
  const folders = (await namesIn(folder)).filter((name) => /^fold_?\d+$/i.test(name));
  const found = await Promise.all(folders.map((name) => foldListsIn(path.join(folder, name))));
  const lists = new Map<string, FoldList>();
  for (const list of found.flat()) {
    const key = `${list.fold} ${list.part}`;
    if (!lists.has(key) || /_fold_\d+\.jsonl$/i.test(list.file)) lists.set(key, list);
  }
  return [...lists.values()].sort((a, b) => a.fold - b.fold || byCodeUnit(a.part, b.part));
}

/** Names the corpora below a folder that is none: EmoBox' `data`, or its whole repository. */
async function noLists(folder: string): Promise<DataError> {
  const below: string[] = [];
  for (const parent of [folder, path.join(folder, 'data')]) {
    for (const name of await namesIn(parent)) {
      const lists = await namesIn(path.join(parent, name));
      if (lists.some((list) => list.toLowerCase().endsWith('.jsonl'))) below.push(path.join(parent, name));
    }
  }
  return new DataError(`Folder ${folder} holds no EmoBox list (.jsonl) and no fold_N folder.`, {
    code: 'E_CORPUS_EMPTY',
    cure:
      below.length > 0
        ? `Name one corpus: ${listSome(below)}.`
        : 'Give the folder of a corpus in EmoBox, such as data/savee, or one of its .jsonl files.',
  });
}

async function readIfThere(file: string): Promise<string | undefined> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    if (hasCode(error, 'ENOENT', 'ENOTDIR')) return undefined;
    throw new DataError(`${file} cannot be read: ${(error as Error).message}`, {
      code: 'E_DATA_PATH',
      cure: 'Check that you may read the file.',
      cause: error,
    });
  }
}

async function readLabelMap(folder: string): Promise<Map<string, string> | undefined> {
  const file = path.join(folder, 'label_map.json');
  const text = await readIfThere(file);
  if (text === undefined) return undefined;
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw badLabelMap(file, (error as Error).message);
  }
  const isMap = typeof value === 'object' && value !== null && !Array.isArray(value);
  if (!isMap || Object.values(value as object).some((label) => typeof label !== 'string')) {
    throw badLabelMap(file, 'it is not an object of labels');
  }
  const labels = Object.entries(value as Record<string, string>);
  return new Map(labels.map(([label, word]) => [label.toLowerCase(), word])); // EMO-DB's map has Neutral, its lists neutral
}

function badLabelMap(file: string, problem: string): DataError {
  return invalidList(file, [problem], {
    code: 'E_EMOBOX',
    cure: 'It maps the labels of the corpus to words: {"hap": "Happy", "exc": "Happy"}.',
  });
}

/** `key channel speaker start end <id=..,spk=..,emotion=..> label`, one utterance a line; keys hold no spaces. */
async function readSpeakers(folder: string): Promise<Map<string, string>> {
  const text = (await readIfThere(path.join(folder, 'data.seg.wrd.stm'))) ?? '';
  const speakers = new Map<string, string>();
  for (const line of text.split(/\r?\n/)) {
    const key = /^\S+/.exec(line)?.[0];
    const speaker = /[<,]spk=([^,>]+)/.exec(line)?.[1]?.trim();
    if (key !== undefined && speaker) speakers.set(key, speaker);
  }
  return speakers;
}
