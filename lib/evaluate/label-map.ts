/** From a corpus' labels to a model's classes: by name, or as a user's map says. */
import { readFile } from 'node:fs/promises';
import { extname } from 'node:path';
import { parse as parseCsv } from 'csv-parse/sync';
import { parse as parseYaml } from 'yaml';
import { z } from 'zod';
import { emotionOf } from '../corpus/emotion-labels.js';
import { nearestName } from '../corpus/nearest-name.js';
import type { Utterance } from '../corpus/types.js';
import { DataError, hasCode, UsageError } from '../errors.js';

/** Labels of the corpus (its own, or words of the vocabulary) to classes of the model; null leaves a label out. */
export type LabelMap = ReadonlyMap<string, string | null>;

const mapSchema = z.record(z.string(), z.string().nullable());

/**
 * Reads a map: JSON or YAML as an object of label to class or null, CSV as two columns with a header, `label,class`, where an
 * empty class leaves the label out.
 *
 * @throws DataError `E_LABEL_MAP`
 */
export async function readLabelMap(path: string): Promise<LabelMap> {
  const refuse = (problem: string, cause?: unknown) =>
    new DataError(`the label map ${path} ${problem}`, {
      code: 'E_LABEL_MAP',
      cure: 'Expected label: class, with null for labels to leave out; as CSV, columns label,class.',
      cause,
    });
  const text = await readFile(path, 'utf8').catch((error: unknown) => {
    throw refuse(hasCode(error, 'ENOENT') ? 'does not exist' : 'cannot be read', error);
  });
  const extension = extname(path).toLowerCase();
  try {
    if (extension === '.csv') return csvMap(text);
    const parsed = mapSchema.safeParse(extension === '.json' ? JSON.parse(text) : parseYaml(text));
    if (parsed.success) return new Map(Object.entries(parsed.data));
    const issue = parsed.error.issues[0]!;
    throw new Error(`${issue.path.join('.') || 'the file'}: ${issue.message}`);
  } catch (error) {
    throw refuse(`cannot be used: ${(error as Error).message}`, error);
  }
}

function csvMap(text: string): LabelMap {
  const rows = parseCsv(text, { trim: true, skip_empty_lines: true, bom: true }) as string[][];
  const [label, name] = (rows[0] ?? []).map((column) => column.toLowerCase());
  if (label !== 'label' || name !== 'class') throw new Error('its header is not label,class');
  return new Map(rows.slice(1).map(([from, to]) => [from!, to === '' ? null : to!]));
}

export interface MappedLabels {
  /** Class of each utterance that has one, by id. */
  classes: Map<string, string>;
  /** Utterances of labels that no class of the model stands for, by label. */
  leftOut: Record<string, number>;
  /** Labels that became a class of another name. */
  mapped: Record<string, string>;
  warnings: string[];
}

/**
 * The model's class of every utterance: what the map says of its source label, else of its emotion, else the class of the
 * same name. A label without any is left out and counted.
 *
 * @param known classes of the model
 * @throws UsageError `E_LABEL_MAP` for a class that the model does not have
 */
export function mapLabels(
  utterances: readonly Pick<Utterance, 'id' | 'emotion' | 'source'>[],
  known: readonly string[],
  map: LabelMap = new Map(),
): MappedLabels {
  const targets = new Map(
    [...map].map(([label, name]) => [label, name === null ? null : classOf(name, known)]),
  );
  const byEmotion = new Map([...targets].map(([label, name]) => [emotionOf(label), name]));
  const used = new Set<string>();
  const result: MappedLabels = { classes: new Map(), leftOut: {}, mapped: {}, warnings: [] };
  for (const { id, emotion, source } of utterances) {
    const own = source?.emotion;
    const label = own !== undefined && targets.has(own) ? own : emotion;
    used.add(label);
    const target = targets.has(label) ? targets.get(label) : byEmotion.get(label);
    const name = target === undefined ? (known.includes(emotion) ? emotion : null) : target;
    if (name === null) result.leftOut[label] = (result.leftOut[label] ?? 0) + 1;
    else {
      result.classes.set(id, name);
      if (name !== label) result.mapped[label] = name;
    }
  }
  const idle = [...map.keys()].filter((label) => !used.has(label) && !used.has(emotionOf(label)));
  if (idle.length > 0) {
    result.warnings.push(
      `The label map speaks of ${idle.join(', ')}, which no utterance is labelled; labels are ${[...used].sort().join(', ')}.`,
    );
  }
  return result;
}

function classOf(name: string, known: readonly string[]): string {
  if (known.includes(name)) return name;
  const word = emotionOf(name);
  if (known.includes(word)) return word;
  const near = nearestName(name, known);
  throw new UsageError(`the label map names the class "${name}"; the model has ${known.join(', ')}`, {
    code: 'E_LABEL_MAP',
    cure: near === undefined ? 'Map to one of these, or to null.' : `Did you mean ${near}?`,
  });
}
