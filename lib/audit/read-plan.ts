/**
 * Plans as they come: ours (of either kind, changed or not), lists of ids in JSON as other tools write them, a folder of
 * EmoBox' fold files, a manifest with a split column.
 */

import { readFile } from 'node:fs/promises';
import { basename, extname } from 'node:path';

import { AUDIO_EXTENSIONS } from '../corpus/audio-files.js';
import { findEmoBoxFiles } from '../corpus/emobox/files.js';
import { readCorpus } from '../corpus/index.js';
import { jsonRows, readListText } from '../corpus/list-file.js';
import { SPLITS } from '../corpus/manifest.js';
import type { Corpus } from '../corpus/types.js';
import { DataError, hasCode } from '../errors.js';
import { GROUP_PLAN_SCHEMA, type GroupPlan, groupPlanSchema } from '../folds/group-plan.js';
import { planHash } from '../folds/hash.js';
import type { Fold, FoldPlan, Part } from '../folds/types.js';
import type { AuditedPlan } from './types.js';

export interface ReadPlan {
  /** In words. */
  subject: string;
  plan: AuditedPlan;
  /** Of the content, as we hash it; undefined for plans of other tools. */
  hash?: string;
  /** What is wrong with the file itself. */
  faults: string[];
  /** Stated by speakers or sessions: without a corpus there are no utterances to look at. */
  stated?: GroupPlan;
  /** The corpus that came with the plan. */
  corpus?: Corpus;
}

/** Names that other tools give to the parts. */
const PART_NAMES: Readonly<Record<string, Part>> = {
  ...SPLITS,
  development: 'validation',
  testing: 'test',
  eval: 'test',
};

/**
 * @param corpusName the corpus that the plan will be held against, where one was named
 * @throws DataError where the path holds nothing that can be read as a plan
 */
export async function readAnyPlan(path: string, corpusName?: string): Promise<ReadPlan> {
  const extension = extname(path).toLowerCase();
  if (extension === '.csv' || extension === '.tsv' || extension === '.jsonl') return readSplit(path);
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    if (hasCode(error, 'EISDIR')) return readEmoBox(path, corpusName);
    throw noPlan(path, hasCode(error, 'ENOENT') ? 'it does not exist' : (error as Error).message, error);
  }
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw noPlan(path, 'it is not JSON: truncated?', error);
  }
  return fromJson(path, value);
}

function noPlan(path: string, reason: string, cause?: unknown): DataError {
  return new DataError(`${path} cannot be audited: ${reason}.`, {
    code: 'E_PLAN_READ',
    cure: 'Name a run folder, a fold plan (JSON), a folder of EmoBox fold files, or a manifest with a split column.',
    cause,
  });
}

type Plain = Record<string, unknown>;
const isPlain = (value: unknown): value is Plain =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
const textOf = (value: unknown, otherwise: string): string => (typeof value === 'string' ? value : otherwise);

function fromJson(path: string, value: unknown): ReadPlan {
  const name = basename(path);
  if (isPlain(value) && value.schema === GROUP_PLAN_SCHEMA) {
    const parsed = groupPlanSchema.safeParse(value);
    if (!parsed.success) {
      const issue = parsed.error.issues[0]!;
      throw noPlan(path, `${issue.path.join('.')}: ${issue.message}`);
    }
    const { corpus, protocol } = parsed.data;
    const subject = `fold plan ${name}, stated by ${parsed.data.by}s`;
    return { subject, plan: { corpus, protocol, folds: [] }, faults: [], stated: parsed.data };
  }
  const rows = Array.isArray(value) ? value : isPlain(value) ? (value.folds ?? [value]) : undefined;
  if (!Array.isArray(rows) || rows.length === 0) throw noPlan(path, 'it lists no fold');
  const folds = rows.map((row, index) => foldOf(row, index, path));
  const head = isPlain(value) ? value : {};
  const plan = { corpus: textOf(head.corpus, ''), protocol: textOf(head.protocol, ''), folds };
  if (head.schema !== 'ser-native/folds@1') return { subject: `fold lists ${name}`, plan, faults: [] };
  const hash = planHash({ ...plan, validation: head.validation as FoldPlan['validation'] });
  const changed = `The plan was changed after it was made: its hash is ${textOf(head.hash, '(none)').slice(0, 12)}, its content has ${hash.slice(0, 12)}.`;
  return { subject: `fold plan ${name}`, plan, hash, faults: head.hash === hash ? [] : [changed] };
}

function foldOf(row: unknown, index: number, path: string): Fold {
  if (!isPlain(row)) throw noPlan(path, `fold ${index + 1} is no object of lists`);
  const fold: Fold = {
    fold: typeof row.fold === 'number' ? row.fold : index + 1,
    train: [],
    validation: [],
    test: [],
  };
  let found = false;
  for (const [key, list] of Object.entries(row)) {
    const part = PART_NAMES[key.toLowerCase()];
    if (part === undefined || !Array.isArray(list)) continue;
    if (list.some((id) => typeof id !== 'string'))
      throw noPlan(path, `${key} of fold ${index + 1} lists something that is no utterance id`);
    fold[part].push(...(list as string[]).map(stemOf));
    found = true;
  }
  if (!found) throw noPlan(path, `fold ${index + 1} has no list named train, validation or test`);
  return fold;
}

/** `a/b/03-01.wav` → `03-01`; ids are left as they are. */
function stemOf(id: string): string {
  const extension = extname(id).toLowerCase();
  const audio = (AUDIO_EXTENSIONS as readonly string[]).includes(extension);
  return audio ? basename(id, extname(id)) : id;
}

/** EmoBox' lists of a corpus' folds. Ids are the stems of the audio files, or what the reader of EmoBox makes of the keys. */
async function readEmoBox(path: string, corpusName: string | undefined): Promise<ReadPlan> {
  const { lists } = await findEmoBoxFiles(path).catch((error: unknown) => {
    if (error instanceof DataError)
      throw noPlan(path, 'the folder holds no run (run.json) and no EmoBox list');
    throw error;
  });
  if (lists.length === 0)
    throw noPlan(path, 'the folder holds no EmoBox fold (fold_1/.._train_fold_1.jsonl)');
  const folds = new Map<number, Fold>();
  let dataset = '';
  for (const { fold: number, part, file } of lists) {
    const fold = folds.get(number) ?? { fold: number, train: [], validation: [], test: [] };
    folds.set(number, fold);
    for (const { fields, line } of jsonRows(file, await readListText(file, 'E_EMOBOX'), 'E_EMOBOX')) {
      const { key, wav, dataset: own = '' } = fields;
      if (key === undefined) throw noPlan(file, `line ${line} has no key`);
      const short = own !== '' && key.startsWith(`${own}-`) ? key.slice(own.length + 1) : key;
      fold[part].push(corpusName === 'emobox' || wav === undefined ? short : stemOf(basename(wav)));
      dataset ||= own;
    }
  }
  const corpus = corpusName === 'emobox' ? corpusName : dataset;
  const plan = { corpus, protocol: 'EmoBox', folds: [...folds.values()] };
  return { subject: `EmoBox folds ${basename(path)}`, plan, faults: [] };
}

/** A manifest's split, as it stands. */
async function readSplit(path: string): Promise<ReadPlan> {
  const corpus = await readCorpus('manifest', { data: path });
  const without = corpus.utterances.filter(({ split }) => split === undefined).length;
  if (without > 0) throw noPlan(path, `${without} of its ${corpus.utterances.length} rows have no split`);
  const part = (split: Part) => corpus.utterances.filter((row) => row.split === split).map(({ id }) => id);
  const fold = { fold: 1, train: part('train'), validation: part('validation'), test: part('test') };
  const plan = { corpus: corpus.name, protocol: 'manifest-split', folds: [fold] };
  return { subject: `split of ${basename(path)}`, plan, faults: [], corpus };
}
