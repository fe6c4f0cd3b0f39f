/** `audit`: a fold plan, a run, or the folds of another tool, held against its corpus and audio where they are there. */

import { stat } from 'node:fs/promises';
import { join } from 'node:path';

import { readInt16Samples } from '../audio/read-samples.js';
import type { DecodeProgress } from '../audio/store.js';
import type { SampleStore } from '../audio/types.js';
import { openCorpusStore } from '../corpus/decoded-corpus.js';
import { readCorpus } from '../corpus/index.js';
import type { Corpus, CorpusOptions } from '../corpus/types.js';
import { DataError, hasCode, InterruptedError, SerError } from '../errors.js';
import { foldsOfGroupPlan, type GroupPlan } from '../folds/group-plan.js';
import { planHash } from '../folds/hash.js';
import { sharedSpeakers } from '../folds/leaks.js';
import { auditPlan } from './audit-plan.js';
import { auditRecord } from './audit-record.js';
import { findNearDuplicates } from './near-duplicates.js';
import { type ReadPlan, readAnyPlan } from './read-plan.js';
import { type RunRecord, readRunRecord } from './run-record.js';
import type { AuditReport, NearDuplicate } from './types.js';

export interface AuditOptions {
  /** A run folder, a fold plan, a folder of EmoBox fold files, or a manifest with a split. */
  target: string;
  /** Corpus by name; a run names its own. */
  corpus?: string;
  /** As `readCorpus` takes them; a run names its own. */
  corpusOptions?: CorpusOptions;
  /** Decode and compare recordings. Default true where there is a corpus. */
  audio?: boolean;
  signal?: AbortSignal;
  onProgress?: (event: AuditProgress) => void;
}

export type AuditProgress =
  | { type: 'decode'; done: number; total: number; etaSeconds: number }
  | { type: 'fingerprint'; done: number; total: number };

/**
 * Audits what a path holds.
 *
 * @returns the findings: leaks and faults are returned, not thrown
 * @throws UsageError for an unknown corpus; DataError where the path or the corpus cannot be read; InterruptedError
 */
export async function audit(options: AuditOptions): Promise<AuditReport> {
  const { target } = options;
  const record = (await isFile(join(target, 'run.json'))) ? await readRunRecord(target) : undefined;
  const source = await readAnyPlan(record ? join(target, 'folds.json') : target, options.corpus);
  const { corpus, missing } = await corpusOf(options, source, record);
  const { plan, unplanned } = settle(source, corpus);
  if (corpus && plan.corpus === '') plan.corpus = corpus.name;
  if (corpus && plan.corpus !== corpus.name) {
    throw new DataError(`The plan is for corpus ${plan.corpus}, not ${corpus.name}.`, {
      code: 'E_PLAN_CORPUS',
      cure: `Use --corpus ${plan.corpus}.`,
    });
  }
  const audio = corpus && options.audio !== false ? await recordings(options, corpus) : undefined;
  const report = auditPlan(plan, { corpus, ...audio?.compared });
  report.subject = record ? `run ${record.path}` : source.subject;
  report.hash = source.hash ?? (corpus && source.stated ? statedHash(source.stated, plan) : undefined);
  report.faults.push(...source.faults);
  if (corpus && source.stated?.hash !== undefined && source.stated.hash !== report.hash)
    report.faults.push(
      `This copy of ${corpus.name} does not give the utterances that the plan's hash stands for.`,
    );
  report.leaks.push(...unplanned);
  report.notChecked.push(...missing, ...(audio?.missing ?? []));
  if (source.stated && !corpus)
    report.notChecked.push(`what the ${source.stated.by}s listed hold: no corpus was given`);
  if (record) {
    if (record.run.planHash !== null && source.hash !== record.run.planHash)
      report.faults.push(
        'folds.json is not the plan that the run was begun with (its hash differs from run.json).',
      );
    const { faults, checked, notChecked } = auditRecord(record, plan, corpus);
    report.faults.push(...faults);
    report.checked.push(...checked);
    report.notChecked.push(...notChecked);
  }
  return report;
}

/** The folds of a plan; of one stated by groups, what it gives on the corpus, else only whether its lists overlap. */
function settle(source: ReadPlan, corpus: Corpus | undefined) {
  const { plan, stated } = source;
  if (!stated) return { plan, unplanned: [] };
  if (corpus && corpus.name === stated.corpus)
    return { plan: { ...plan, folds: foldsOfGroupPlan(stated, corpus) }, unplanned: [] };
  const unplanned = stated.folds.flatMap((fold) =>
    sharedSpeakers(
      fold.fold,
      (['validation', 'test'] as const).flatMap((part) => fold[part].map((speaker) => ({ part, speaker }))),
    ),
  );
  return { plan, unplanned };
}

function statedHash({ validation }: GroupPlan, plan: ReadPlan['plan']): string {
  return planHash({ ...plan, validation });
}

const isFile = (path: string): Promise<boolean> =>
  stat(path).then(
    (stats) => stats.isFile(),
    () => false,
  );

/** The corpus that was named, else the one of the run or the manifest; where that is gone, the audit goes on without. */
async function corpusOf(
  options: AuditOptions,
  source: ReadPlan,
  record: RunRecord | undefined,
): Promise<{ corpus?: Corpus; missing: string[] }> {
  if (options.corpus !== undefined) {
    const asked = options.corpusOptions ?? {};
    const own = record?.run.config.corpus === options.corpus ? ownOptions(record) : {};
    const given = Object.entries(asked).filter(([, value]) => value !== undefined);
    return {
      corpus: await readCorpus(options.corpus, { ...own, ...Object.fromEntries(given) }),
      missing: [],
    };
  }
  if (source.corpus) return { corpus: source.corpus, missing: [] };
  if (!record) return { missing: [] };
  try {
    return { corpus: await readCorpus(record.run.config.corpus, ownOptions(record)), missing: [] };
  } catch (error) {
    if (!(error instanceof SerError)) throw error;
    return { missing: [`the run's corpus cannot be read: ${error.message}`] };
  }
}

function ownOptions({ run: { config } }: RunRecord): CorpusOptions {
  const { data, allowPartial, speakerPattern, speakers, choices } = config;
  return { data, allowPartial, speakerPattern, speakers, choices };
}

/** Hashes and fingerprints of all recordings; files that cannot be decoded are told and left out. */
async function recordings(
  { signal, onProgress }: AuditOptions,
  corpus: Corpus,
): Promise<{
  compared?: { samplesSha256: Map<string, string>; nearDuplicates: NearDuplicate[] };
  missing: string[];
}> {
  let store: SampleStore;
  try {
    store = await openCorpusStore(corpus, {
      onBadAudio: 'skip',
      signal,
      onProgress: ({ done, total, etaSeconds }: DecodeProgress) =>
        onProgress?.({ type: 'decode', done, total, etaSeconds }),
    });
  } catch (error) {
    // Not one file could be decoded, say: the labels can be audited all the same.
    if (!hasCode(error, 'E_BAD_AUDIO')) throw error;
    return { missing: [`recordings: ${(error as Error).message.split('\n')[0]}`] };
  }
  const ids = corpus.utterances.map(({ id }) => id).filter((id) => store.entries.has(id));
  const nearDuplicates = findNearDuplicates(sounds(store, ids, signal), (done) =>
    onProgress?.({ type: 'fingerprint', done, total: ids.length }),
  );
  const samplesSha256 = new Map([...store.entries].map(([id, entry]) => [id, entry.samplesSha256]));
  const missing = store.bad.map(({ id, reason }) => `recording ${id}: ${reason}`);
  return { compared: { samplesSha256, nearDuplicates }, missing };
}

function* sounds(store: SampleStore, ids: readonly string[], signal: AbortSignal | undefined) {
  for (const id of ids) {
    if (signal?.aborted) throw new InterruptedError('The audit was stopped', { code: 'E_INTERRUPTED' });
    yield { id, samples: readInt16Samples(store, id) };
  }
}
