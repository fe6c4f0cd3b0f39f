/**
 * Any corpus that a table describes: CSV (or TSV, or `;`-separated) with a header, or JSON Lines.
 *
 * Columns `path`, `emotion`, `speaker` are required; `id`, `session`, `gender`, `text`, `split` optional; others are kept as
 * source labels. Relative paths start at the manifest's own folder. Every problem is reported with its line, all at once.
 */

import { stat } from 'node:fs/promises';
import path from 'node:path';

import { parse } from 'csv-parse/sync';

import { DataError } from '../errors.js';
import { byCodeUnit, fileIds, resolveData } from './audio-files.js';
import { classOrder, emotionOf } from './emotion-labels.js';
import { invalidList, isFile, jsonRows, type Row, readListText } from './list-file.js';
import type { Corpus, CorpusReader, Utterance } from './types.js';

const REQUIRED = ['path', 'emotion', 'speaker'] as const;
const OPTIONAL = ['id', 'session', 'gender', 'text', 'split'] as const;

/** Names of the parts, as tables and other tools spell them. */
export const SPLITS: Readonly<Record<string, NonNullable<Utterance['split']>>> = {
  train: 'train',
  training: 'train',
  validation: 'validation',
  valid: 'validation',
  val: 'validation',
  dev: 'validation',
  test: 'test',
};
export const GENDERS: Readonly<Record<string, Utterance['gender']>> = {
  m: 'male',
  male: 'male',
  f: 'female',
  female: 'female',
};

/** All problems of a manifest in one error. */
function invalid(
  manifest: string,
  problems: readonly string[],
  cure: string,
  code = 'E_MANIFEST',
): DataError {
  return invalidList(manifest, problems, { code, cure });
}

/** The separator that the header uses most; a comma where it has none. */
function separatorOf(header: string): string {
  const count = (separator: string): number => header.split(separator).length - 1;
  return [',', ';', '\t'].reduce((best, separator) => (count(separator) > count(best) ? separator : best));
}

function checkColumns(manifest: string, columns: readonly string[], line: number): void {
  const missing = REQUIRED.filter((column) => !columns.includes(column));
  if (missing.length > 0) {
    const noun = missing.length === 1 ? 'column' : 'columns';
    throw invalid(
      manifest,
      [`line ${line}: ${noun} ${missing.join(', ')} missing; found ${columns.join(', ') || 'none'}`],
      `The first line names the columns: ${REQUIRED.join(', ')} (required), ${OPTIONAL.join(', ')} (optional).`,
    );
  }
  const twice = columns.find((column, index) => columns.indexOf(column) !== index);
  if (twice !== undefined) {
    throw invalid(
      manifest,
      [`line ${line}: column ${twice} occurs twice`],
      'Rename or remove one of the two.',
    );
  }
}

function csvRows(manifest: string, content: string): Row[] {
  let records: { record: string[]; info: { lines: number } }[];
  try {
    records = parse(content, {
      delimiter: separatorOf(content.split(/\r?\n/, 1)[0] ?? ''),
      info: true,
      relax_column_count: true, // counted below, where the message can name the columns
      skip_empty_lines: true,
      trim: true,
    }) as unknown as typeof records;
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw invalid(
      manifest,
      [reason],
      'Check the quotes: a field that holds a quote or separator is quoted whole.',
    );
  }
  const header = records[0];
  if (header === undefined) return [];
  const columns = header.record.map((column) => column.toLowerCase());
  checkColumns(manifest, columns, header.info.lines);
  const rows: Row[] = [];
  const problems: string[] = [];
  for (const { record, info } of records.slice(1)) {
    if (record.length !== columns.length) {
      problems.push(`line ${info.lines}: ${record.length} fields, the header names ${columns.length}`);
    }
    rows.push({
      line: info.lines,
      fields: Object.fromEntries(columns.map((column, index) => [column, record[index] ?? ''])),
    });
  }
  if (problems.length > 0) throw invalid(manifest, problems, 'Quote fields that hold the separator.');
  return rows;
}

/** The manifest file itself; a folder is taken for the one that holds `manifest.csv` or `manifest.jsonl`. */
async function findManifest(data: string | undefined): Promise<string> {
  const location = await resolveData('manifest', data, 'any');
  if (!(await stat(location)).isDirectory()) return location;
  for (const name of ['manifest.csv', 'manifest.jsonl']) {
    const candidate = path.join(location, name);
    if (await isFile(candidate)) return candidate;
  }
  throw new DataError(`Folder ${location} holds neither manifest.csv nor manifest.jsonl.`, {
    code: 'E_DATA_PATH',
    cure: 'Give the manifest file itself; a folder per class is read with --corpus folder.',
  });
}

async function utterancesOf(manifest: string, rows: readonly Row[]): Promise<Utterance[]> {
  const problems: string[] = [];
  const folder = path.dirname(manifest);
  const paths = rows.map(({ fields }) => (fields.path ? path.resolve(folder, fields.path) : ''));
  const defaultIds = fileIds(rows.map(({ fields }) => fields.path ?? ''));
  const lineOfId = new Map<string, number>();
  const lineOfPath = new Map<string, number>();
  const utterances: Utterance[] = [];
  for (const [index, { line, fields }] of rows.entries()) {
    const empty = REQUIRED.filter((column) => !fields[column]);
    if (empty.length > 0) {
      problems.push(`line ${line}: no ${empty.join(', no ')}`);
      continue;
    }
    const id = fields.id || defaultIds[index]!;
    const file = paths[index]!;
    if (lineOfPath.has(file))
      problems.push(`line ${line}: the file of line ${lineOfPath.get(file)} again (${fields.path})`);
    else if (lineOfId.has(id))
      problems.push(`line ${line}: the id of line ${lineOfId.get(id)} again (${id})`);
    else if (!(await isFile(file))) problems.push(`line ${line}: no file at ${file}`);
    lineOfPath.set(file, line);
    lineOfId.set(id, line);
    const split = fields.split ? SPLITS[fields.split.toLowerCase()] : undefined;
    if (fields.split && split === undefined) {
      problems.push(`line ${line}: split is train, validation or test, found "${fields.split}"`);
    }
    const extras = Object.entries(fields).filter(
      ([column]) => !([...REQUIRED, ...OPTIONAL] as string[]).includes(column) && column !== '',
    );
    const gender = GENDERS[fields.gender?.toLowerCase() ?? ''];
    utterances.push({
      id,
      path: file,
      emotion: emotionOf(fields.emotion!),
      speaker: fields.speaker!,
      ...(fields.session ? { session: fields.session } : {}),
      ...(gender ? { gender } : {}),
      ...(fields.text ? { text: fields.text } : {}),
      ...(split ? { split } : {}),
      source: { emotion: fields.emotion!, ...Object.fromEntries(extras) },
    });
  }
  if (problems.length > 0) {
    throw invalid(manifest, problems, `Correct these lines; relative paths start at ${folder}.`);
  }
  return utterances;
}

async function read(options: Parameters<CorpusReader['read']>[0]): Promise<Corpus> {
  const manifest = await findManifest(options.data);
  const content = await readListText(manifest, 'E_MANIFEST');
  const isJson = /\.(jsonl|ndjson|json)$/i.test(manifest);
  const rows = isJson ? jsonRows(manifest, content, 'E_MANIFEST') : csvRows(manifest, content);
  if (rows.length === 0) {
    throw invalid(
      manifest,
      ['it lists no utterance'],
      `Give one row per audio file with ${REQUIRED.join(', ')}.`,
      'E_CORPUS_EMPTY',
    );
  }
  const utterances = await utterancesOf(manifest, rows);
  utterances.sort((a, b) => byCodeUnit(a.id, b.id));
  const classes = classOrder(utterances.map((utterance) => utterance.emotion));
  if (classes.length < 2) {
    throw invalid(
      manifest,
      [`every utterance is labelled ${classes[0]}`],
      'A classifier needs two emotions or more.',
    );
  }
  return {
    name: 'manifest',
    root: manifest,
    synthetic: false,
    classes,
    utterances,
    dropped: [],
    warnings: [],
  };
}

export const manifest: CorpusReader = {
  name: 'manifest',
  summary:
    'a CSV or JSONL list of files with columns path, emotion, speaker (and id, session, gender, text, split)',
  defaultProtocol: 'group-5',
  read,
};
