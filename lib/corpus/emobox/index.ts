/**
 * Metadata of EmoBox: one JSON object a line with `key`, `dataset`, `wav`, `emo`. A label goes through the corpus'
 * `label_map.json` where there is one (single letters mean nothing by themselves), then into the shared vocabulary.
 *
 * EmoBox passes over missing files without a word, and some of its folds cut utterances without regard to speakers. Here a
 * missing file is an error, and folds that share speakers are not used.
 */

import path from 'node:path';

import { DataError, UsageError } from '../../errors.js';
import { byCodeUnit, listSome, resolveData } from '../audio-files.js';
import { DropList } from '../drop-list.js';
import { classOrder, emotionOf } from '../emotion-labels.js';
import { invalidList, isFile, jsonRows, type Row, readListText } from '../list-file.js';
import { GENDERS } from '../manifest.js';
import { settlePartial } from '../partial-copy.js';
import { compileSpeakerPattern } from '../speaker-pattern.js';
import type { Corpus, CorpusOptions, CorpusReader, Utterance } from '../types.js';
import { type EmoBoxFiles, findEmoBoxFiles } from './files.js';
import { type FoldPlace, placeInFolds } from './folds.js';
import { type Voice, voiceOfStem } from './speakers.js';

const REQUIRED = ['key', 'wav', 'emo'] as const;
/** Fields that become fields of the utterance, and those that are the same for all that can be read. */
const CONSUMED = [
  'wav',
  'emo',
  'speaker',
  'spk',
  'session',
  'gender',
  'text',
  'type',
  'task',
  'channel',
  'num_frame',
];
/** Folders above the list in which a relative path may start: EmoBox' root is two above `data/<corpus>`. */
const MAX_LEVELS_UP = 4;
/** Files looked at to find that folder. */
const SAMPLE = 20;
const CODE = 'E_EMOBOX';

const SPEAKER_CURE =
  'Add a "speaker" to each line, or give a regular expression on the wav path with a group for the speaker, such as ' +
  "--speaker-pattern '/([^/_]+)_[^/]*$'. EmoBox' own data.seg.wrd.stm beside the list is read where it is there.";

interface List {
  file: string;
  rows: Row[];
}

async function readList(file: string): Promise<List> {
  return { file, rows: jsonRows(file, await readListText(file, CODE), CODE) };
}

/** @throws DataError with every line that cannot be used */
function checkRows({ file, rows }: List, labelMap: EmoBoxFiles['labelMap']): void {
  const problems: string[] = [];
  const lines = new Map<string, number>();
  for (const { line, fields } of rows) {
    const lacking = REQUIRED.filter((name) => !fields[name]);
    if (lacking.length > 0) {
      problems.push(`line ${line}: no ${lacking.join(', no ')}`);
      continue;
    }
    const { key, wav, emo, type = 'raw', task = 'category', channel } = fields;
    const twin = lines.get(`key ${key}`) ?? lines.get(`wav ${wav}`);
    if (Number(fields.start_time ?? 0) > 0)
      problems.push(`line ${line}: ${key} is a part of a longer recording (start_time ${fields.start_time})`);
    else if (twin !== undefined)
      problems.push(`line ${line}: the key or file of line ${twin} again (${key})`);
    if (type !== 'raw') problems.push(`line ${line}: type is "${type}", not raw audio`);
    if (task !== 'category') problems.push(`line ${line}: task is "${task}", not category`);
    if (Number(channel) > 1)
      problems.push(`line ${line}: channel ${channel} of a file, but files are read as one voice`);
    if (labelMap !== undefined && !labelMap.has(emo!.toLowerCase()))
      problems.push(`line ${line}: label_map.json has no label "${emo}"`);
    lines.set(`key ${key}`, line).set(`wav ${wav}`, line);
  }
  if (problems.length > 0) {
    throw invalidList(file, problems, {
      code: CODE,
      cure: 'Correct these lines. Parts and channels of longer recordings have to be cut into files of their own first.',
    });
  }
}

/** Every utterance: the rows of the main list, or of all folds' lists, each key once. */
function allRows(main: List | undefined, folds: readonly List[]): Row[] {
  if (main !== undefined) return main.rows;
  return [...new Map(folds.flatMap(({ rows }) => rows).map((row) => [row.fields.key!, row])).values()];
}

/**
 * The folder in which relative paths start: the nearest of the list's own folder, those above it, and the current one, in which
 * most of a sample of the files are there.
 */
async function audioRoot(folder: string, wavs: readonly string[]): Promise<string> {
  const step = Math.max(1, Math.floor(wavs.length / SAMPLE));
  const sample = wavs.filter((wav, index) => index % step === 0 && !path.isAbsolute(wav));
  const candidates = [folder];
  for (let level = 0; level < MAX_LEVELS_UP; level++) candidates.push(path.dirname(candidates.at(-1)!));
  candidates.push(process.cwd());
  let best = { root: folder, found: 0 };
  for (const root of candidates) {
    const found = (await Promise.all(sample.map((wav) => isFile(path.resolve(root, wav))))).filter(
      Boolean,
    ).length;
    if (found > best.found) best = { root, found };
  }
  if (best.found === 0 && sample.length > 0) {
    throw noAudio(folder, sample[0]!, [...new Set(candidates)]);
  }
  return best.root;
}

function noAudio(folder: string, example: string, tried: readonly string[]): DataError {
  return new DataError(
    `None of the audio files that ${folder} lists is there: looked for ${example} in ${tried.join(', ')}.`,
    {
      code: 'E_CORPUS_EMPTY',
      cure: "Put the corpus where EmoBox' lists expect it, such as downloads/savee beside EmoBox' data folder; a link will do.",
    },
  );
}

/** Ids: keys without the name of their corpus in front, where that leaves them unique. */
function idsOf(rows: readonly Row[]): string[] {
  const short = rows.map(({ fields: { key, dataset } }) =>
    dataset && key!.startsWith(`${dataset}-`) ? key!.slice(dataset.length + 1) : key!,
  );
  return new Set(short).size === rows.length ? short : rows.map(({ fields }) => fields.key!);
}

/** Which of EmoBox' corpora it is: reports and plans name it. */
function datasetOf(rows: readonly Row[]): string {
  const names = [...new Set(rows.map(({ fields }) => fields.dataset ?? 'unnamed'))];
  return names.sort(byCodeUnit).join('+');
}

const stemOf = (wav: string): string => path.posix.parse(wav.replaceAll('\\', '/')).name;

/** How the speaker of a line is told: by what the user says, else by the line, its file's name, or EmoBox' table. */
function speakerRule(
  options: CorpusOptions,
  files: EmoBoxFiles,
): (fields: Row['fields'], spelt?: Voice) => string | undefined {
  if (options.speakers !== undefined && options.speakers !== 'per-file') {
    throw new UsageError(`speakers can only be per-file, found ${JSON.stringify(options.speakers)}.`, {
      code: 'E_SPEAKERS',
      cure: SPEAKER_CURE,
    });
  }
  if (options.speakers === 'per-file') return ({ key }) => key;
  if (options.speakerPattern !== undefined) {
    const speakerOf = compileSpeakerPattern(options.speakerPattern);
    return ({ wav }) => speakerOf(wav!.replaceAll('\\', '/'));
  }
  return ({ speaker, spk, key }, spelt) => speaker || spk || spelt?.speaker || files.speakers.get(key!);
}

function utteranceOf(
  id: string,
  row: Row,
  wav: string,
  voice: Voice,
  labelMap: EmoBoxFiles['labelMap'],
  place?: FoldPlace,
): Utterance {
  const { fields } = row;
  const extras = Object.entries(fields).filter(([name]) => !CONSUMED.includes(name));
  return {
    id,
    path: wav,
    emotion: emotionOf(labelMap?.get(fields.emo!.toLowerCase()) ?? fields.emo!),
    ...voice,
    ...(fields.text ? { text: fields.text } : {}),
    ...(place?.split ? { split: place.split } : {}),
    source: {
      emotion: fields.emo!,
      ...Object.fromEntries(extras),
      ...(place?.fold === undefined ? {} : { testFold: String(place.fold) }),
    },
  };
}

/** @throws DataError `E_NO_SPEAKER` */
function voicesOf(rows: readonly Row[], options: CorpusOptions, files: EmoBoxFiles): Voice[] {
  const speakerOf = speakerRule(options, files);
  const voices = rows.map(({ fields }): Voice | undefined => {
    const spelt = voiceOfStem(fields.dataset ?? '', stemOf(fields.wav!));
    const speaker = speakerOf(fields, spelt);
    if (speaker === undefined) return undefined;
    const session = fields.session || spelt?.session;
    const gender = GENDERS[fields.gender?.toLowerCase() ?? ''] ?? spelt?.gender;
    return { speaker, ...(session ? { session } : {}), ...(gender ? { gender } : {}) };
  });
  const unknown = rows.filter((_, index) => voices[index] === undefined).map(({ fields }) => fields.key!);
  if (unknown.length > 0) {
    throw new DataError(
      `The speaker cannot be told for ${unknown.length} of ${rows.length} utterances (${listSome(unknown, 3)}); ` +
        'without speakers no honest fold exists, since the same voice could be trained on and tested.',
      { code: 'E_NO_SPEAKER', cure: SPEAKER_CURE, details: { keys: unknown } },
    );
  }
  return voices as Voice[];
}

async function read(options: CorpusOptions): Promise<Corpus> {
  const location = await resolveData('emobox', options.data, 'any');
  const files = await findEmoBoxFiles(location);
  const main = files.main === undefined ? undefined : await readList(files.main);
  const foldLists = await Promise.all(
    files.lists.map(async (list) => ({ ...list, ...(await readList(list.file)) })),
  );
  for (const list of main ? [main] : foldLists) checkRows(list, files.labelMap);
  const rows = allRows(main, foldLists);
  if (rows.length === 0) {
    throw invalidList(location, ['it lists no utterance'], {
      code: 'E_CORPUS_EMPTY',
      cure: `Give one JSON object per audio file with ${REQUIRED.join(', ')}.`,
    });
  }
  const voices = voicesOf(rows, options, files);
  const folds = placeInFolds(
    foldLists.map((list) => ({ ...list, keys: list.rows.map(({ fields }) => fields.key ?? '') })),
    new Map(rows.map(({ fields }, index) => [fields.key!, voices[index]!.speaker])),
  );
  const wavs = rows.map(({ fields }) => fields.wav!);
  const root = await audioRoot(files.folder, wavs);
  const ids = idsOf(rows);
  const drops = new DropList();
  const utterances: Utterance[] = [];
  const missing: string[] = [];
  const paths = wavs.map((wav) => path.resolve(root, wav));
  const present = await Promise.all(paths.map(isFile));
  for (const [index, row] of rows.entries()) {
    const wav = paths[index]!;
    if (present[index]) {
      const place = folds.places.get(row.fields.key!);
      utterances.push(utteranceOf(ids[index]!, row, wav, voices[index]!, files.labelMap, place));
    } else {
      drops.add('listed, but the audio file is missing', wav);
      missing.push(ids[index]!);
    }
  }
  const difference =
    missing.length === 0
      ? undefined
      : `EmoBox lists ${rows.length} utterances in ${location}, ${utterances.length} of their audio files were found ` +
        `below ${root}; missing: ${listSome(missing)}.`;
  const settled = settlePartial(options, difference, { missing });
  if (utterances.length === 0) throw noAudio(files.folder, wavs[0]!, [root]);
  utterances.sort((a, b) => byCodeUnit(a.id, b.id));
  const classes = classOrder(utterances.map(({ emotion }) => emotion));
  if (classes.length < 2) {
    throw new DataError(`Every utterance of ${location} is labelled ${classes[0]}.`, {
      code: 'E_ONE_CLASS',
      cure: 'A classifier needs two emotions or more.',
    });
  }
  return {
    name: 'emobox',
    root: location,
    synthetic: false,
    classes,
    utterances,
    dropped: drops.list(),
    ...settled,
    warnings: [...settled.warnings, ...folds.warnings],
    choices: { dataset: datasetOf(rows) },
  };
}

export const emobox: CorpusReader = {
  name: 'emobox',
  summary: "EmoBox' metadata of any corpus: its folder (data/savee, with fold_N), or a .jsonl list",
  defaultProtocol: 'emobox-folds',
  read,
};
