/** The corpora that the tool reads, by name. */

import { z } from 'zod';

import { UsageError } from '../errors.js';
import { cremad } from './cremad/index.js';
import { demo } from './demo/index.js';
import { emobox } from './emobox/index.js';
import { emodb } from './emodb.js';
import { folder } from './folder.js';
import { iemocap } from './iemocap/index.js';
import { manifest } from './manifest.js';
import { mspImprov } from './msp-improv/index.js';
import { nearestName } from './nearest-name.js';
import { ravdess } from './ravdess.js';
import { savee } from './savee.js';
import type { Corpus, CorpusOptions, CorpusReader } from './types.js';

/** All readers, in the order of `--help`. */
export const corpusReaders: readonly CorpusReader[] = [
  demo,
  ravdess,
  iemocap,
  mspImprov,
  savee,
  emodb,
  cremad,
  emobox,
  manifest,
  folder,
];

/** @throws UsageError where no corpus has this name; it lists those there are, the likely one first. */
export function corpusReader(name: string): CorpusReader {
  const reader = corpusReaders.find((candidate) => candidate.name === name);
  if (reader !== undefined) return reader;
  const names = corpusReaders.map((candidate) => candidate.name);
  const near = nearestName(String(name), names);
  throw new UsageError(`There is no corpus "${name}"; known are ${names.join(', ')}.`, {
    code: 'E_UNKNOWN_CORPUS',
    cure: near === undefined ? 'Your own files are read with manifest or folder.' : `Did you mean ${near}?`,
  });
}

const optionsSchema = z.object({
  data: z.string().optional(),
  seed: z.number().optional(),
  allowPartial: z.boolean().optional(),
  speakerPattern: z.string().optional(),
  speakers: z.literal('per-file').optional(),
  choices: z.record(z.string(), z.string()).optional(),
});

/**
 * Reads a corpus: finds its files, parses labels and speakers, and checks the counts it is known to have. Decodes nothing.
 *
 * @throws UsageError for an unknown name, a missing option or one of a wrong type; DataError for data that cannot be used.
 */
export async function readCorpus(name: string, options: CorpusOptions = {}): Promise<Corpus> {
  const reader = corpusReader(name);
  const parsed = optionsSchema.safeParse(options);
  if (!parsed.success) {
    const issue = parsed.error.issues[0]!;
    const option = issue.path.join('.') || 'options';
    throw new UsageError(`Corpus option ${option}: ${issue.message}.`, {
      code: 'E_CORPUS_OPTIONS',
      cure: 'See CorpusOptions for what each takes.',
    });
  }
  return reader.read({ ...parsed.data, choices: settleChoices(reader, parsed.data.choices ?? {}) });
}

/** Every choice of a reader with its value; refuses names and values that the reader does not have. */
function settleChoices(reader: CorpusReader, asked: Record<string, string>): Record<string, string> {
  const known = reader.choices ?? [];
  for (const [name, value] of Object.entries(asked)) {
    const choice = known.find((candidate) => candidate.name === name);
    if (choice?.values.includes(value)) continue;
    const all = known.map(({ name, values }) => `${name}=${values.join('|')}`).join(', ');
    throw new UsageError(
      choice
        ? `Choice ${name} of corpus ${reader.name} is ${choice.values.join(', ')}; found "${value}".`
        : `Corpus ${reader.name} has no choice "${name}".`,
      { code: 'E_CORPUS_CHOICE', cure: all ? `It has: ${all}.` : 'It leaves no choice.' },
    );
  }
  return Object.fromEntries(known.map(({ name, values }) => [name, asked[name] ?? values[0]!]));
}

/** The choices of a corpus that are not the reader's defaults; undefined where all are. */
export function madeChoices({ name, choices = {} }: Corpus): Record<string, string> | undefined {
  const known = corpusReaders.find((reader) => reader.name === name)?.choices ?? [];
  const made = Object.entries(choices).filter(
    ([choice, value]) => known.find((one) => one.name === choice)?.values[0] !== value,
  );
  return made.length > 0 ? Object.fromEntries(made) : undefined;
}
