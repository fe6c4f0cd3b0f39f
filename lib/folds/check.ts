/**
 * What makes a fold plan dishonest or untrainable, found before any training: a speaker, an utterance or a recording in two
 * parts of a fold, or a class that a training part lacks.
 */

import { listSome } from '../corpus/audio-files.js';
import type { Corpus, Utterance } from '../corpus/types.js';
import { DataError } from '../errors.js';
import type { Fold } from './types.js';

export interface CheckOptions {
  /** Hash of each utterance's decoded samples, by id, as the sample store gives it; ids may be missing. */
  samplesSha256?: ReadonlyMap<string, string>;
}

const PARTS = ['train', 'validation', 'test'] as const;
type Part = (typeof PARTS)[number];

interface Placed {
  part: Part;
  utterance: Utterance;
}

function leak(fold: Fold, what: string, items: readonly string[], cure: string): DataError {
  return new DataError(`Fold ${fold.fold} leaks: ${what} (${listSome(items, 8)}).`, {
    code: 'E_LEAK',
    cure,
    details: { fold: fold.fold, items },
  });
}

/** Keys that occur in two parts, with an utterance of each: `key: train a, test b`. */
function acrossParts(
  placed: readonly Placed[],
  keyOf: (utterance: Utterance) => string | undefined,
): [string, Placed, Placed][] {
  const first = new Map<string, Placed>();
  const found = new Map<string, [string, Placed, Placed]>();
  for (const item of placed) {
    const key = keyOf(item.utterance);
    if (key === undefined) continue;
    const other = first.get(key);
    if (other === undefined) first.set(key, item);
    else if (other.part !== item.part && !found.has(key)) found.set(key, [key, other, item]);
  }
  return [...found.values()];
}

function checkLeaks(fold: Fold, placed: readonly Placed[], options: CheckOptions): void {
  const where = (item: Placed): string => `${item.part} ${item.utterance.id}`;
  const speakers = acrossParts(placed, (utterance) => utterance.speaker);
  if (speakers.length > 0) {
    const items = speakers.map(([speaker, a, b]) => `${speaker} in ${a.part} and ${b.part}`);
    throw leak(
      fold,
      'speakers are in two parts, so the model would be judged on voices it has heard',
      items,
      'Keep each speaker in one part: correct the split or session column, or use loso or group-K.',
    );
  }
  const { samplesSha256 } = options;
  if (samplesSha256 === undefined) return;
  const recordings = acrossParts(placed, (utterance) => samplesSha256.get(utterance.id));
  if (recordings.length > 0) {
    throw leak(
      fold,
      'the same recording, sample for sample, is in two parts under different speakers',
      recordings.map(([, a, b]) => `${where(a)} = ${where(b)}`),
      'Remove the copy from the corpus, or correct its speaker.',
    );
  }
}

/** Sentences on classes that a part lacks: an error for training, a warning elsewhere. */
function checkClasses(fold: Fold, placed: readonly Placed[], corpus: Corpus): string[] {
  const warnings: string[] = [];
  for (const part of PARTS) {
    const present = new Set(
      placed.filter((item) => item.part === part).map((item) => item.utterance.emotion),
    );
    if (present.size === 0) continue; // an empty validation part is a choice; empty others are refused before
    const lacking = corpus.classes.filter((emotion) => !present.has(emotion));
    if (lacking.length === 0) continue;
    if (part === 'train') {
      throw new DataError(`Fold ${fold.fold}: the training part has no utterance of ${lacking.join(', ')}.`, {
        code: 'E_CLASS_MISSING',
        cure: 'Leave these classes out of the corpus, or use a protocol whose held-out parts are smaller (--validation none holds out less).',
        details: { fold: fold.fold, classes: lacking },
      });
    }
    warnings.push(
      part === 'test'
        ? `Fold ${fold.fold}: the test part has no ${lacking.join(', ')}, so its UA is undefined; the pooled UA counts.`
        : `Fold ${fold.fold}: the validation part has no ${lacking.join(', ')}; epochs are selected by WA instead of UA.`,
    );
  }
  return warnings;
}

/**
 * Checks every fold.
 *
 * @returns warnings; a plan with none is fully sound.
 * @throws DataError for an unknown or repeated id, a leak, an empty part, or a class that training lacks.
 */
export function checkFolds(folds: readonly Fold[], corpus: Corpus, options: CheckOptions = {}): string[] {
  const byId = new Map(corpus.utterances.map((utterance) => [utterance.id, utterance]));
  const warnings: string[] = [];
  for (const fold of folds) {
    const placed: Placed[] = [];
    const partOf = new Map<string, Part>();
    const unknown: string[] = [];
    const repeated: string[] = [];
    for (const part of PARTS) {
      for (const id of fold[part]) {
        const utterance = byId.get(id);
        const earlier = partOf.get(id);
        if (earlier !== undefined)
          repeated.push(`${id} in ${earlier}${earlier === part ? ' twice' : ` and ${part}`}`);
        partOf.set(id, part);
        if (utterance === undefined) unknown.push(id);
        else placed.push({ part, utterance });
      }
    }
    if (unknown.length > 0) {
      throw new DataError(
        `Fold ${fold.fold} names ${unknown.length} utterances that corpus ${corpus.name} does not have (${listSome(unknown)}).`,
        {
          code: 'E_PLAN_IDS',
          cure: 'The plan was made for other files: restore them, or plan anew.',
          details: { fold: fold.fold, ids: unknown },
        },
      );
    }
    if (repeated.length > 0)
      throw leak(fold, 'utterances are listed twice', repeated, 'List each utterance once.');
    for (const part of ['train', 'test'] as const) {
      if (fold[part].length > 0) continue;
      throw new DataError(`Fold ${fold.fold}: the ${part} part is empty.`, {
        code: 'E_EMPTY_PART',
        cure: 'Use a protocol that suits the speakers there are, such as loso or group-K.',
      });
    }
    checkLeaks(fold, placed, options);
    warnings.push(...checkClasses(fold, placed, corpus));
  }
  return warnings;
}
