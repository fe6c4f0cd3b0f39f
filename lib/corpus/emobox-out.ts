/** Writes a corpus as EmoBox' metadata, so that its recipes and other toolkits can use the same utterances and folds. */

import { mkdir } from 'node:fs/promises';
import path from 'node:path';

import { measureFile } from '../audio/decode.js';
import { throwIfAborted } from '../audio/store-options.js';
import { writeFiles, writeFolder } from '../encoder/export-files.js';
import { DataError, UsageError } from '../errors.js';
import type { FoldPlan } from '../folds/types.js';
import { listSome } from './audio-files.js';
import type { Corpus, Utterance } from './types.js';

/** Files measured at a time: enough to keep a disk busy. */
const CONCURRENCY = 8;
const PARTS = { train: 'train', valid: 'validation', test: 'test' } as const;

export interface WriteEmoBoxOptions {
  /** Told after each audio file that was measured; their lengths are part of the lists. */
  onProgress?: (event: { done: number; total: number }) => void;
  signal?: AbortSignal;
}

/**
 * Writes `<directory>/<corpus>/` as EmoBox lays out `data/<corpus>`: `<corpus>.jsonl`, `label_map.json` and, where a plan is
 * given, `fold_N/<corpus>_{train,valid,test}_fold_N.jsonl`. Beside EmoBox' own fields the lines have `speaker` and, where known,
 * `session`, `gender` and `text`. Audio is named by absolute path and stays where it is.
 *
 * @returns the folder that was written
 * @throws UsageError where the corpus is synthesised or the folder is not empty; DataError where an audio file cannot be read,
 *   or the plan names utterances that the corpus does not have
 */
export async function writeEmoBox(
  corpus: Corpus,
  directory: string,
  plan?: FoldPlan,
  options: WriteEmoBoxOptions = {},
): Promise<string> {
  if (corpus.synthetic) {
    throw new UsageError(`Corpus ${corpus.name} is synthesised: it has no files for a list to name.`, {
      code: 'E_NO_FILES',
      cure: 'Name a recorded corpus.',
    });
  }
  checkPlan(corpus, plan);
  const target = path.join(directory, corpus.name);
  await writeFolder(target, async (partial) => {
    const lines = await linesOf(corpus, options);
    const list = (ids: readonly string[]): string => ids.map((id) => `${lines.get(id)}\n`).join('');
    const files = new Map([
      [`${corpus.name}.jsonl`, list(corpus.utterances.map(({ id }) => id))],
      [
        'label_map.json',
        `${JSON.stringify(Object.fromEntries(corpus.classes.map((name) => [name, name])), null, 4)}\n`,
      ],
    ]);
    for (const fold of plan?.folds ?? []) {
      await mkdir(path.join(partial, `fold_${fold.fold}`));
      for (const [name, part] of Object.entries(PARTS)) {
        if (fold[part].length > 0)
          files.set(`fold_${fold.fold}/${corpus.name}_${name}_fold_${fold.fold}.jsonl`, list(fold[part]));
      }
    }
    await writeFiles(partial, files);
  });
  return target;
}

function checkPlan(corpus: Corpus, plan: FoldPlan | undefined): void {
  const known = new Set(corpus.utterances.map(({ id }) => id));
  const strangers = (plan?.folds ?? [])
    .flatMap((fold) => [...fold.train, ...fold.validation, ...fold.test])
    .filter((id) => !known.has(id));
  if (strangers.length === 0) return;
  throw new DataError(
    `The plan names utterances that corpus ${corpus.name} does not have (${listSome([...new Set(strangers)])}).`,
    { code: 'E_PLAN_IDS', cure: 'Plan the folds of this corpus.' },
  );
}

/** The line of each utterance, by id, in the order of the corpus. */
async function linesOf(corpus: Corpus, options: WriteEmoBoxOptions): Promise<Map<string, string>> {
  const lines = new Map<string, string>(corpus.utterances.map(({ id }) => [id, '']));
  const queue = corpus.utterances.values();
  let done = 0;
  async function work(): Promise<void> {
    for (const utterance of queue) {
      throwIfAborted(options.signal);
      lines.set(utterance.id, await lineOf(corpus.name, utterance));
      options.onProgress?.({ done: ++done, total: lines.size });
    }
  }
  await Promise.all(Array.from({ length: CONCURRENCY }, work)); // the iterator is shared
  return lines;
}

async function lineOf(dataset: string, utterance: Utterance): Promise<string> {
  const { sampleRate, frames } = await measureFile(utterance.path);
  const { id, emotion, speaker, session, gender, text } = utterance;
  return JSON.stringify({
    key: `${dataset}-${id}`,
    dataset,
    wav: utterance.path,
    type: 'raw',
    sample_rate: sampleRate,
    num_frame: frames,
    task: 'category',
    length: frames / sampleRate,
    emo: emotion,
    channel: 1,
    speaker,
    session,
    gender,
    text,
  });
}
