/** Writes a corpus as the CSV that `manifest` reads: a list that can be looked at, edited and trained on. */
import path from 'node:path';
import { UsageError } from '../errors.js';
import { writeTextAtomically } from '../train/atomic-file.js';
import type { Corpus, Utterance } from './types.js';

const COLUMNS = ['path', 'emotion', 'speaker', 'id', 'session', 'gender', 'text', 'split'] as const;

/**
 * Writes one row an utterance. Ids are kept, so that a fold plan of the corpus fits the manifest; the source's own labels
 * follow in columns of their own. Audio below the manifest's folder is named relative to it.
 *
 * @throws UsageError for the demo corpus, whose utterances are no files
 */
export async function writeManifest(corpus: Corpus, file: string): Promise<void> {
  if (corpus.synthetic) {
    throw new UsageError(`Corpus ${corpus.name} is synthesised: it has no files for a manifest to list.`, {
      code: 'E_NO_FILES',
      cure: 'Name a recorded corpus.',
    });
  }
  const folder = path.dirname(path.resolve(file));
  const columns = COLUMNS.filter((column) => corpus.utterances.some((one) => cellOf(one, column, folder)));
  const labels = sourceColumns(corpus.utterances);
  const rows = corpus.utterances.map((utterance) => [
    ...columns.map((column) => cellOf(utterance, column, folder)),
    ...labels.map(([, key]) => utterance.source?.[key] ?? ''),
  ]);
  const lines = [[...columns, ...labels.map(([column]) => column)], ...rows].map((row) =>
    row.map(quote).join(','),
  );
  await writeTextAtomically(file, `${lines.join('\n')}\n`);
}

function cellOf(utterance: Utterance, column: (typeof COLUMNS)[number], folder: string): string {
  if (column !== 'path') return utterance[column] ?? '';
  const relative = path.relative(folder, utterance.path);
  const below = relative !== '' && !relative.startsWith('..') && !path.isAbsolute(relative);
  return below ? relative.split(path.sep).join('/') : utterance.path;
}

/** Column and key of each source label; one whose name is taken is told apart by `source_`. */
function sourceColumns(utterances: readonly Utterance[]): [column: string, key: string][] {
  const keys = new Set(utterances.flatMap(({ source }) => Object.keys(source ?? {})));
  return [...keys].map((key) => [(COLUMNS as readonly string[]).includes(key) ? `source_${key}` : key, key]);
}

/** As RFC 4180 has it. */
function quote(text: string): string {
  return /[",;\t\r\n]|^\s|\s$/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
