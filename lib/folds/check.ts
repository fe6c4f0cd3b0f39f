/**
 * What makes a fold plan dishonest or untrainable, found before any training: a speaker, an utterance or a recording in two
 * parts of a fold, or a class that a training part lacks.
 */

import { listSome } from '../corpus/audio-files.js';
import type { Corpus } from '../corpus/types.js';
import { DataError } from '../errors.js';
import { type Leak, type Placed, sharedRecordings, sharedSpeakers, sharedUtterances } from './leaks.js';
import { type Fold, PARTS, type Part } from './types.js';

export interface CheckOptions {
  /** Hash of each utterance's decoded samples, by id, as the sample store gives it; ids may be missing. */
  samplesSha256?: ReadonlyMap<string, string>;
}

const KINDS: Record<Leak['kind'], { what: string; cure: string }> = {
  utterance: { what: 'utterances are listed twice', cure: 'List each utterance once.' },
  speaker: {
    what: 'speakers are in two parts, so the model would be judged on voices it has heard',
    cure: 'Keep each speaker in one part: correct the split or session column, or use loso or group-K.',
  },
  recording: {
    what: 'the same recording, sample for sample, is in two parts under different speakers',
    cure: 'Remove the copy from the corpus, or correct its speaker.',
  },
};

/** A leak in a few words: `Actor_01 in train and test`. */
export function describeLeak(leak: Leak): string {
  if (leak.kind === 'speaker') return `${leak.speaker} in ${Object.keys(leak.parts).join(' and ')}`;
  const [a, b] = leak.parts;
  if (leak.kind === 'utterance') return `${leak.id} in ${a}${a === b ? ' twice' : ` and ${b}`}`;
  return `${a} ${leak.ids[0]} ${leak.match === 'near' ? '~' : '='} ${b} ${leak.ids[1]}`;
}

function refuse(fold: Fold, leaks: readonly Leak[]): void {
  if (leaks.length === 0) return;
  const { what, cure } = KINDS[leaks[0]!.kind];
  const items = leaks.map(describeLeak);
  throw new DataError(`Fold ${fold.fold} leaks: ${what} (${listSome(items, 8)}).`, {
    code: 'E_LEAK',
    cure,
    details: { fold: fold.fold, items, leaks },
  });
}

/** The classes that a part lacks, for each part that has an utterance. */
export function lackingClasses(
  placed: readonly Placed[],
  classes: readonly string[],
): { part: Part; lacking: string[] }[] {
  return PARTS.flatMap((part) => {
    const present = new Set(
      placed.filter((item) => item.part === part).map(({ utterance }) => utterance.emotion),
    );
    const lacking = classes.filter((emotion) => !present.has(emotion));
    // An empty validation part is a choice; empty others are refused before.
    return present.size === 0 || lacking.length === 0 ? [] : [{ part, lacking }];
  });
}

/** A sentence on classes that a part lacks. */
export function describeLacking(fold: number, part: Part, lacking: readonly string[]): string {
  const missing = `Fold ${fold}: the ${part === 'train' ? 'training' : part} part has no ${lacking.join(', ')}`;
  if (part === 'train') return `${missing}, so the model cannot learn it.`;
  return part === 'test'
    ? `${missing}, so its UA is undefined; the pooled UA counts.`
    : `${missing}; epochs are selected by WA instead of UA.`;
}

/** Sentences on classes that a part lacks: an error for training, a warning elsewhere. */
function checkClasses(fold: Fold, placed: readonly Placed[], corpus: Corpus): string[] {
  return lackingClasses(placed, corpus.classes).map(({ part, lacking }) => {
    if (part === 'train') {
      throw new DataError(`Fold ${fold.fold}: the training part has no utterance of ${lacking.join(', ')}.`, {
        code: 'E_CLASS_MISSING',
        cure: 'Leave these classes out of the corpus, or use a protocol whose held-out parts are smaller (--validation none holds out less).',
        details: { fold: fold.fold, classes: lacking },
      });
    }
    return describeLacking(fold.fold, part, lacking);
  });
}

/** The utterances of a fold's parts, and the ids that the corpus does not have. */
export function placeUtterances(
  fold: Fold,
  byId: ReadonlyMap<string, Placed['utterance']>,
): { placed: Placed[]; unknown: string[] } {
  const placed: Placed[] = [];
  const unknown: string[] = [];
  for (const part of PARTS) {
    for (const id of fold[part]) {
      const utterance = byId.get(id);
      if (utterance === undefined) unknown.push(id);
      else placed.push({ part, utterance });
    }
  }
  return { placed, unknown };
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
    const { placed, unknown } = placeUtterances(fold, byId);
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
    refuse(fold, sharedUtterances(fold));
    for (const part of ['train', 'test'] as const) {
      if (fold[part].length > 0) continue;
      throw new DataError(`Fold ${fold.fold}: the ${part} part is empty.`, {
        code: 'E_EMPTY_PART',
        cure: 'Use a protocol that suits the speakers there are, such as loso or group-K.',
      });
    }
    refuse(
      fold,
      sharedSpeakers(
        fold.fold,
        placed.map(({ part, utterance }) => ({ part, speaker: utterance.speaker })),
      ),
    );
    if (options.samplesSha256) {
      const heard = placed.map(({ part, utterance }) => ({ part, id: utterance.id }));
      refuse(fold, sharedRecordings(fold.fold, heard, options.samplesSha256));
    }
    const left = corpus.utterances.length - placed.length;
    if (left > 0)
      warnings.push(`Fold ${fold.fold}: ${left} utterances of the corpus are in none of its parts.`);
    warnings.push(...checkClasses(fold, placed, corpus));
  }
  return warnings;
}
