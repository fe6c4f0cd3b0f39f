/** What a learning curve keeps of a run. */
import { readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import type { TrainConfig } from '../config/schema.js';
import { seedsOf } from '../config/seeds.js';
import { readCorpus } from '../corpus/index.js';
import { readPlan } from '../folds/index.js';
import type { RunReport } from '../report/types.js';
import { readRunFile } from '../train/run-folder.js';
import { trainPart } from '../train/train-fraction.js';
import type { CurvePoint } from './types.js';

/** The report of a run that has every fold and seed that is asked for; null where it has to go on. */
export async function finishedReport(
  folder: string,
  config: Pick<TrainConfig, 'folds' | 'seed' | 'seeds'>,
): Promise<RunReport | null> {
  const text = await readFile(join(folder, 'report.json'), 'utf8').catch(() => null); // no fold has finished yet
  if (text === null) return null;
  const report = JSON.parse(text) as RunReport;
  const there = new Set(report.folds.map(({ seed, fold }) => `${seed}/${fold}`));
  const folds =
    config.folds === 'all'
      ? Array.from({ length: report.protocolFolds }, (_, index) => index + 1)
      : config.folds;
  return seedsOf(config).every((seed) => folds.every((fold) => there.has(`${seed}/${fold}`))) ? report : null;
}

/** Reads the run's corpus and plan again to tell how many utterances it was trained on. */
export async function curvePoint(folder: string, fraction: number, report: RunReport): Promise<CurvePoint> {
  const { config } = await readRunFile(folder);
  const plan = await readPlan(join(folder, 'folds.json'));
  const { data, allowPartial, speakerPattern, speakers, choices } = config;
  const corpus = await readCorpus(config.corpus, { data, allowPartial, speakerPattern, speakers, choices });
  const counts = report.folds.map(({ fold, seed }) => {
    const planned = plan.folds.find((candidate) => candidate.fold === fold)!;
    return trainPart(planned, { trainFraction: fraction, seed }, corpus.utterances).length;
  });
  return {
    fraction,
    run: basename(folder),
    utterances: counts.reduce((sum, count) => sum + count, 0) / counts.length,
    folds: [...new Set(report.folds.map(({ fold }) => fold))].sort((a, b) => a - b),
    seeds: report.seeds,
    mean: report.mean.selected,
    pooled: report.pooled.selected,
  };
}
