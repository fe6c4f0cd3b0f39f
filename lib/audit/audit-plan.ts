/** The audit of a fold plan: every leak, and what a reader of its figures must weigh. */

import { listSome } from '../corpus/audio-files.js';
import type { Corpus, Utterance } from '../corpus/types.js';
import { describeLacking, lackingClasses, placeUtterances } from '../folds/check.js';
import {
  type Leak,
  type Placed,
  sharedRecordings,
  sharedSpeakers,
  sharedUtterances,
} from '../folds/leaks.js';
import { type Fold, PARTS, type Part } from '../folds/types.js';
import { speakerOfId } from './speaker-of-id.js';
import type { AuditedPlan, AuditReport, NearDuplicate } from './types.js';

export interface AuditPlanOptions {
  /** The corpus that the plan is for; without it only ids can be compared. */
  corpus?: Corpus;
  /** Hash of each utterance's decoded samples, by id, as the sample store gives it. */
  samplesSha256?: ReadonlyMap<string, string>;
  /** Recordings that are alike without being equal, whichever parts they are in; see `findNearDuplicates`. */
  nearDuplicates?: readonly NearDuplicate[];
}

/**
 * Audits a plan; nothing is read or decoded, and nothing is thrown for what is found.
 *
 * `samplesSha256` of `SampleStore.entries` gives the check of identical recordings, `nearDuplicates` that of similar ones.
 */
export function auditPlan(plan: AuditedPlan, options: AuditPlanOptions = {}): AuditReport {
  const { corpus } = options;
  const byId = new Map((corpus?.utterances ?? []).map((utterance) => [utterance.id, utterance]));
  const leaks: Leak[] = [];
  const folds: AuditReport['folds'] = [];
  const warnings: string[] = [];
  const unknown = new Set<string>();
  const texts = new Tally();
  const sessions = new Tally();
  let told = 0;
  for (const fold of plan.folds) {
    const found = placeUtterances(fold, byId);
    for (const id of found.unknown) unknown.add(id);
    const own = leaksOf(fold, plan.corpus, byId, options);
    leaks.push(...own);
    const { train, validation, test } = fold;
    folds.push({
      fold: fold.fold,
      train: train.length,
      validation: validation.length,
      test: test.length,
      leaks: own.length,
    });
    told += idsOf(fold).filter((id) => speakerOf(plan.corpus, id, byId) !== undefined).length;
    if (train.length === 0 || test.length === 0)
      warnings.push(`Fold ${fold.fold}: the ${test.length === 0 ? 'test' : 'training'} part is empty.`);
    if (!corpus) continue;
    texts.add(fold, shared(found.placed, 'text'));
    sessions.add(fold, shared(found.placed, 'session'));
    for (const { part, lacking } of lackingClasses(found.placed, corpus.classes))
      warnings.push(describeLacking(fold.fold, part, lacking));
  }
  const placedIds = plan.folds.reduce((sum, fold) => sum + idsOf(fold).length, 0);
  warnings.unshift(
    ...texts.sentence(
      plan,
      'Texts',
      'a text that training heard too',
      'A model may know the words there; speech read from a script shares them by design.',
    ),
    ...sessions.sentence(
      plan,
      'Sessions',
      'a session that training heard too',
      'The other voice, the room and what was said before are known to the model there.',
    ),
  );
  warnings.push(...coverage(plan, corpus));
  if (corpus && unknown.size > 0)
    warnings.push(
      `${unknown.size} utterances of the plan are not in this copy of ${corpus.name}: ${listSome([...unknown])}.`,
    );
  return {
    subject: 'fold plan',
    corpus: plan.corpus,
    protocol: plan.protocol,
    folds,
    leaks,
    faults: [],
    warnings,
    ...scope(options, told, placedIds),
  };
}

const idsOf = (fold: Fold): string[] => PARTS.flatMap((part) => fold[part]);

/** From the corpus, else from the id where its name says it. */
function speakerOf(corpus: string, id: string, byId: ReadonlyMap<string, Utterance>): string | undefined {
  return byId.get(id)?.speaker ?? speakerOfId(corpus, id);
}

function leaksOf(
  fold: Fold,
  corpus: string,
  byId: ReadonlyMap<string, Utterance>,
  { samplesSha256, nearDuplicates }: AuditPlanOptions,
): Leak[] {
  const items = PARTS.flatMap((part) => fold[part].map((id) => ({ part, id })));
  const heard = items.map(({ part, id }) => ({ part, speaker: speakerOf(corpus, id, byId) }));
  const identical = samplesSha256 ? sharedRecordings(fold.fold, items, samplesSha256) : [];
  return [
    ...sharedSpeakers(fold.fold, heard),
    ...sharedUtterances(fold),
    ...identical,
    ...(nearDuplicates ? nearLeaks(fold.fold, items, nearDuplicates, samplesSha256) : []),
  ];
}

function nearLeaks(
  fold: number,
  items: readonly { part: Part; id: string }[],
  pairs: readonly NearDuplicate[],
  samplesSha256: ReadonlyMap<string, string> | undefined,
): Leak[] {
  const partOf = new Map(items.map(({ id, part }) => [id, part]));
  const order = (id: string) => PARTS.indexOf(partOf.get(id)!);
  return pairs.flatMap(({ ids, distance }): Leak[] => {
    const [a, b] = ids;
    const parts = [partOf.get(a), partOf.get(b)];
    if (parts[0] === undefined || parts[1] === undefined || parts[0] === parts[1]) return [];
    const hash = samplesSha256?.get(a);
    if (hash !== undefined && hash === samplesSha256?.get(b)) return []; // told as identical already
    const [first, second] = order(a) <= order(b) ? [a, b] : [b, a];
    return [
      {
        kind: 'recording',
        fold,
        ids: [first, second],
        parts: [partOf.get(first)!, partOf.get(second)!],
        match: 'near',
        distance,
      },
    ];
  });
}

/** Test utterances whose text, or session, a training utterance has too. */
function shared(placed: readonly Placed[], of: 'text' | 'session'): { count: number; names: Set<string> } {
  const trained = new Set<string>();
  for (const { part, utterance } of placed)
    if (part === 'train' && utterance[of] !== undefined) trained.add(utterance[of]);
  const names = new Set<string>();
  let count = 0;
  for (const { part, utterance } of placed) {
    const name = utterance[of];
    if (part !== 'test' || name === undefined || !trained.has(name)) continue;
    names.add(name);
    count++;
  }
  return { count, names };
}

/** One sentence for all folds: a corpus of two sentences would otherwise fill a page. */
class Tally {
  readonly #folds: number[] = [];
  readonly #names = new Set<string>();
  #count = 0;
  #tested = 0;

  add({ fold, test }: Fold, { count, names }: { count: number; names: Set<string> }): void {
    this.#tested += test.length;
    if (count === 0) return;
    this.#folds.push(fold);
    this.#count += count;
    for (const name of names) this.#names.add(name);
  }

  sentence({ folds }: AuditedPlan, title: string, what: string, meaning: string): string[] {
    if (this.#count === 0) return [];
    const where =
      this.#folds.length === folds.length
        ? folds.length === 1
          ? 'in the fold'
          : `in all ${folds.length} folds`
        : `in fold ${listSome(this.#folds.map(String), 8)}`;
    return [
      `${title}: ${this.#count} of ${this.#tested} test utterances are of ${what} (${this.#names.size} in all, ${where}). ${meaning}`,
    ];
  }
}

/** Utterances that are tested twice, or never; or that the plan leaves out. */
function coverage(plan: AuditedPlan, corpus: Corpus | undefined): string[] {
  const tested = new Set<string>();
  const twice = new Set<string>();
  for (const { test } of plan.folds) {
    for (const id of test) {
      if (tested.has(id)) twice.add(id);
      tested.add(id);
    }
  }
  const found: string[] = [];
  if (twice.size > 0)
    found.push(
      `${twice.size} utterances are tested in more than one fold (${listSome([...twice])}): pooled figures count them more than once.`,
    );
  if (corpus && plan.folds.length > 1) {
    const never = corpus.utterances.filter(({ id }) => !tested.has(id));
    if (never.length > 0)
      found.push(
        `${never.length} utterances of the corpus are tested in no fold (${listSome(never.map(({ id }) => id))}).`,
      );
  }
  return found;
}

function scope(
  { corpus, samplesSha256, nearDuplicates }: AuditPlanOptions,
  told: number,
  all: number,
): Pick<AuditReport, 'checked' | 'notChecked'> {
  const checked = ['utterances: each in one part of a fold'];
  const notChecked: string[] = [];
  const by = corpus ? '' : ', told from the ids';
  if (told > 0) checked.push(`speakers: each in one part of a fold${by}`);
  if (told < all)
    notChecked.push(
      told === 0
        ? 'speakers: the ids do not tell them, and no corpus was given'
        : `speakers of ${all - told} of ${all} entries, which neither corpus nor id tells`,
    );
  if (samplesSha256) checked.push('recordings: none twice, by the hash of the decoded samples');
  if (nearDuplicates)
    checked.push('recordings: none twice at another level, in another format or cut, by fingerprint');
  else if (samplesSha256) notChecked.push('recordings that are alike without being equal: no fingerprints');
  else notChecked.push(`recordings: ${corpus ? 'the audio was not read' : 'no corpus was given'}`);
  if (corpus) checked.push('texts, sessions and classes of the parts');
  else notChecked.push('texts, sessions and classes: no corpus was given');
  return { checked, notChecked };
}
