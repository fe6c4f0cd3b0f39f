/** What a run ends with: predictions.jsonl, report.json, report.html, report.md. */
import { join } from 'node:path';
import type { TrainConfig } from '../config/schema.js';
import type { NativeStore, SerEngine } from '../native/engine.js';
import { buildReport, renderReportMarkdown, writeReport } from '../report/index.js';
import type { PredictionLine, RunReport } from '../report/types.js';
import { packageVersion } from '../runtime/version.js';
import { writeTextAtomically } from './atomic-file.js';
import type { Prepared } from './prepare.js';
import type { RunFolder } from './run-folder.js';
import { spotlights } from './spotlights.js';
import type { FoldOutcome } from './types.js';

export interface RunEnd {
  run: RunFolder;
  /** Of all folds finished so far, in this sitting or before. */
  outcomes: readonly FoldOutcome[];
  prepared: Prepared;
  engine: SerEngine;
  native: NativeStore;
  config: TrainConfig;
}

export async function concludeRun(end: RunEnd): Promise<RunReport> {
  const { run, outcomes, prepared, engine, native, config } = end;
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
    synthetic: corpus.synthetic,
    protocol: plan.protocol,
    protocolFolds: plan.folds.length,
    validation: plan.validation,
    classes: corpus.classes,
    folds: outcomes,
    partial: corpus.partial,
    warnings: [
      ...corpus.warnings,
      ...(plan.warnings ?? []),
      ...store.bad.map((bad) => `left out ${bad.id}: ${bad.reason}`),
    ],
  });
  await writeTextAtomically(join(run.path, 'report.md'), renderReportMarkdown(report));
  const examples = await spotlights(run, outcomes, engine, native, store, rows);
  await writeReport(run.path, {
    report,
    epochs,
    predictions,
    spotlights: examples,
    config,
    command: run.file.command ?? `ser-native train --config ${run.name}/run.json`,
    environment: run.file.environment,
  });
  return report;
}
