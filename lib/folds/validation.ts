/**
 * Nested selection: the speakers, or the session, of a fold's training part that choose its epoch. Whole speakers only, so
 * that the epoch is chosen on voices that were not trained on, and never one that is tested.
 */

import type { Corpus, Utterance } from '../corpus/types.js';
import { DataError, UsageError } from '../errors.js';
import { groupSpeakers } from './group-speakers.js';
import { sessionsOf, speakersOf } from './partition.js';

/** One validation speaker for so many training speakers, where the user names no number. */
const SPEAKERS_PER_VALIDATION_SPEAKER = 10;

export interface NestedOptions {
  corpus: Corpus;
  /** Counts from 1; successive folds take successive candidates, so that no speaker chooses the epoch of every fold. */
  fold: number;
  /** All but the test part. */
  training: readonly Utterance[];
  test: readonly Utterance[];
  /** `speaker`: about how many. */
  speakers?: number;
}

/**
 * Some whole training speakers. They are cut into groups of about the wanted size, alike in utterances, classes and gender as
 * `group-K` makes them; fold n takes the n-th group, cyclically, or the next one after which training still has every class.
 *
 * @throws UsageError for a number that is no use; DataError where too few speakers are left to train on
 */
export function validationSpeakers(options: NestedOptions): Utterance[] {
  const { corpus, training, fold } = options;
  const names = speakersOf({ ...corpus, utterances: [...training] });
  const wanted = options.speakers ?? Math.max(1, Math.round(names.length / SPEAKERS_PER_VALIDATION_SPEAKER));
  if (!Number.isInteger(wanted) || wanted < 1) {
    throw new UsageError(`The number of validation speakers is a whole number from 1, found ${wanted}.`, {
      code: 'E_VALIDATION',
    });
  }
  const k = Math.ceil(names.length / wanted);
  if (k < 2) {
    throw new DataError(
      `Fold ${fold} has ${names.length} training speakers; with ${wanted} of them validating, none is left to train on.`,
      { code: 'E_NO_VALIDATION', cure: 'Ask for fewer, or train for a fixed schedule: --validation none.' },
    );
  }
  const groups = groupSpeakers({ ...corpus, utterances: [...training] }, k);
  return pick(
    groups.map((group) => training.filter(({ speaker }) => group.includes(speaker))),
    (fold - 1) % k,
    training,
  )!;
}

/**
 * One whole training session, of which nothing is tested and whose speakers occur in no other: the next after the tested one
 * in natural order, cyclically, or the first after it that leaves training every class.
 *
 * @throws DataError where utterances name no session, or none can be held out
 */
export function validationSession(options: NestedOptions): Utterance[] {
  const { corpus, training, test, fold } = options;
  const without = training.filter(({ session }) => session === undefined).length;
  if (without > 0) {
    throw new DataError(
      `A session cannot validate: ${without} of the ${training.length} training utterances of fold ${fold} name none.`,
      { code: 'E_NO_VALIDATION', cure: 'Hold speakers out instead: --validation speaker.' },
    );
  }
  const sessions = sessionsOf(corpus);
  const tested = new Set(test.map(({ session }) => session));
  const after = sessions.findLastIndex((session) => tested.has(session)) + 1;
  const inOrder = [...sessions.slice(after), ...sessions.slice(0, after)];
  const sessionsOfSpeaker = new Map<string, Set<string>>();
  for (const { speaker, session } of training) {
    const own = sessionsOfSpeaker.get(speaker);
    if (own) own.add(session!);
    else sessionsOfSpeaker.set(speaker, new Set([session!]));
  }
  const candidates = inOrder
    .filter((session) => !tested.has(session))
    .map((session) => training.filter((utterance) => utterance.session === session))
    .filter((own) => own.length > 0 && own.length < training.length)
    .filter((own) => own.every(({ speaker }) => sessionsOfSpeaker.get(speaker)!.size === 1));
  const picked = pick(candidates, 0, training);
  if (picked === undefined) {
    throw new DataError(
      `No training session of fold ${fold} can validate: each shares a speaker with another or a session with the test part, ` +
        'or is all there is to train on.',
      { code: 'E_NO_VALIDATION', cure: 'Hold speakers out instead: --validation speaker.' },
    );
  }
  return picked;
}

/** From `start` on, cyclically: the first that has every class and leaves every class; else the first that leaves every one. */
function pick(
  candidates: readonly Utterance[][],
  start: number,
  training: readonly Utterance[],
): Utterance[] | undefined {
  const classesOf = (utterances: readonly Utterance[]) =>
    new Set(utterances.map(({ emotion }) => emotion)).size;
  const all = classesOf(training);
  const leavesAll = (held: readonly Utterance[]): boolean => {
    const gone = new Set(held);
    return classesOf(training.filter((utterance) => !gone.has(utterance))) === all;
  };
  const ordered = [...candidates.slice(start), ...candidates.slice(0, start)];
  return (
    ordered.find((held) => classesOf(held) === all && leavesAll(held)) ??
    ordered.find(leavesAll) ??
    ordered[0]
  );
}
