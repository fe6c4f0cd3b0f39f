/** What a run ends with: predictions.jsonl, page.json, report.json, report.html, report.md. */
import { join } from 'node:path';
import { readSamples } from '../audio/read-samples.js';
import { auditSummary } from '../audit/summary.js';
import { madeChoices } from '../corpus/index.js';
import { explainRun } from '../explain/explain-run.js';
import type { NativeStore, RowSource, SerEngine } from '../native/engine.js';
import { wavFiles } from '../report/embed-audio.js';
import { buildReport, renderReportMarkdown, writeReport } from '../report/index.js';
import type { PredictionLine, RunReport } from '../report/types.js';
import { packageVersion } from '../runtime/version.js';
import { writeTextAtomically } from './atomic-file.js';
import type { SettledConfig } from './precision.js';
import type { Prepared } from './prepare.js';
import { type RunFolder, rerunCommand } from './run-folder.js';
import type { FoldOutcome, TrainEvent } from './types.js';

export interface RunEnd {
  run: RunFolder;
  /** Of all folds finished so far, in this sitting or before. */
  outcomes: readonly FoldOutcome[];
  prepared: Prepared;
  engine: SerEngine;
  native: NativeStore;
  /** What training read: features of a frozen encoder where they are kept. */
  source: RowSource;
  config: SettledConfig;
  /** Put the spotlights' audio into the page. */
  embedAudio?: boolean;
  signal?: AbortSignal;
  emit: (event: TrainEvent) => void;
}

export async function concludeRun(end: RunEnd): Promise<RunReport> {
  const { run, outcomes, prepared, engine, native, source, config, signal, emit } = end;
  const { corpus, plan, store, rows } = prepared;
  const predictions: PredictionLine[] = outcomes.flatMap(({ predictions: { selected, bestOnTest } }) => [
    ...selected,
    ...bestOnTest,
  ]);
  const epochs = outcomes.flatMap((outcome) => outcome.epochs);
  await writeTextAtomically(
    join(run.path, 'predictions.jsonl'),
    predictions.map((line) => `${JSON.stringify(line)}\n`).join(''),
  );
  const report = buildReport({
    run: run.name,
    created: run.file.created,
    version: packageVersion(),
    corpus: corpus.name,
    choices: madeChoices(corpus),
    synthetic: corpus.synthetic,
    protocol: plan.protocol,
    protocolFolds: plan.folds.length,
    validation: plan.validation,
    classes: corpus.classes,
    folds: outcomes,
    partial: corpus.partial,
    audit: auditSummary(plan, corpus, store),
    warnings: [
      ...corpus.warnings,
      ...(plan.warnings ?? []),
      ...store.bad.map((bad) => `left out ${bad.id}: ${bad.reason}`),
    ],
  });
  await writeTextAtomically(join(run.path, 'report.md'), renderReportMarkdown(report));
  const page = await explainRun({
    outcomes,
    checkpoint: ({ fold, seed }) => join(run.foldDirectory(fold, seed), 'best.safetensors'),
    engine,
    native,
    source,
    store,
    rows,
    classes: corpus.classes,
    config,
    signal,
    onWarning: (message) => emit({ type: 'warning', message }),
    onProgress: (done, total) => emit({ type: 'explain', done, total }),
  });
  await writeTextAtomically(join(run.path, 'page.json'), `${JSON.stringify(page)}\n`);
  await writeReport(run.path, {
    report,
    epochs,
    predictions,
    ...page,
    ...(end.embedAudio ? { audio: wavFiles(page.spotlights, (id) => readSamples(store, id)) } : {}),
    config,
    command: rerunCommand(run.file, run.name),
    environment: run.file.environment,
  });
  return report;
}
