/** Reads what the index says of one run folder. */
import { readdir, readFile, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { seedsOf } from '../config/seeds.js';
import { DataError } from '../errors.js';
import type { FoldPlan } from '../folds/types.js';
import { spreadOverSeeds } from '../metrics/index.js';
import type { RunReport } from '../report/types.js';
import { isAlive } from '../runtime/cache.js';
import { type RunFile, readRunFile } from '../train/run-folder.js';
import type { FoldOutcome } from '../train/types.js';
import type { RunFigures, RunSummary } from './types.js';

/** @throws DataError where the folder holds no run, or one that cannot be read */
export async function readRun(path: string): Promise<RunSummary> {
  const file = await readRunFile(path);
  const { config } = file;
  if (typeof config !== 'object' || config === null) {
    throw new DataError(`${path}/run.json has no configuration`, { code: 'E_NO_RUN' });
  }
  const results = await resultFiles(path);
  const report = await readReport(path);
  const seeds = seedsOf(config);
  // A run that goes on may have finished more folds than its last report tells of.
  const figures =
    report && report.folds.length >= results.length ? ofReport(report) : await ofResults(results);
  const plan = report ? null : await readPlanFacts(path);
  const protocolFolds = report?.protocolFolds ?? plan?.folds.length ?? null;
  return {
    name: basename(path),
    path,
    status: await statusOf(path, file, results.length),
    created: file.created,
    updated: file.updated,
    corpus: report?.corpus ?? config.corpus ?? 'demo',
    protocol: report?.protocol ?? plan?.protocol ?? config.protocol ?? 'default',
    preset: file.preset,
    encoder: config.encoder?.kind === 'pretrained' ? config.encoder.source : 'mel',
    mix: config.mix?.kind ?? 'eam',
    pooling: config.pooling ?? 'flam',
    losses: Object.entries(config.losses ?? {})
      .filter(([, weight]) => weight > 0)
      .map(([name]) => name),
    epochs: config.epochs,
    seeds,
    folds: { done: results.length, of: protocolFolds === null ? null : protocolFolds * seeds.length },
    ...figures,
    config,
  };
}

/** `result.json` of every finished fold, whichever way they lie. */
async function resultFiles(path: string): Promise<string[]> {
  const names = await readdir(path);
  const parents = [path, ...names.filter((name) => /^seed-\d+$/.test(name)).map((name) => join(path, name))];
  const found: string[] = [];
  for (const parent of parents) {
    const inside = parent === path ? names : await readdir(parent);
    for (const fold of inside.filter((name) => /^fold-\d+$/.test(name))) {
      const file = join(parent, fold, 'result.json');
      if (
        await stat(file).then(
          () => true,
          () => false,
        )
      )
        found.push(file);
    }
  }
  return found;
}

async function readReport(path: string): Promise<RunReport | null> {
  return readFile(join(path, 'report.json'), 'utf8')
    .then((text) => JSON.parse(text) as RunReport)
    .then((report) => (report.schema === 'ser-native/report@1' ? report : null))
    .catch(() => null); // none yet, or damaged: the folds' own results stand in
}

/** Of a run without a report; with one this file, the longest of a run, need not be read. */
async function readPlanFacts(path: string): Promise<FoldPlan | null> {
  return readFile(join(path, 'folds.json'), 'utf8')
    .then((text) => JSON.parse(text) as FoldPlan)
    .catch(() => null);
}

function ofReport({ mean, pooled }: RunReport): Pick<RunSummary, 'ua' | 'wa'> {
  const figure = (name: 'ua' | 'wa'): RunFigures => ({
    mean: mean.selected[name],
    pooled: pooled.selected[name],
  });
  return { ua: figure('ua'), wa: figure('wa') };
}

/** Of a run whose report has not been written yet, or is older than its folds. */
async function ofResults(files: readonly string[]): Promise<Pick<RunSummary, 'ua' | 'wa'>> {
  const outcomes: Pick<FoldOutcome, 'seed' | 'selected'>[] = [];
  for (const file of files) {
    const text = await readFile(file, 'utf8').catch(() => '');
    try {
      outcomes.push((JSON.parse(text) as { outcome: FoldOutcome }).outcome);
    } catch {
      // Being written, or damaged: training says which when the run goes on.
    }
  }
  if (outcomes.length === 0) return { ua: null, wa: null };
  const figure = (name: 'ua' | 'wa'): RunFigures => ({
    mean: spreadOverSeeds(outcomes.map(({ seed, selected }) => ({ seed, value: selected[name] }))),
    pooled: null,
  });
  return { ua: figure('ua'), wa: figure('wa') };
}

/** A killed run says for ever that it runs; its lock names a process that is gone. */
async function statusOf(
  path: string,
  { status, config }: RunFile,
  finished: number,
): Promise<RunSummary['status']> {
  if (status === 'interrupted' && Array.isArray(config.folds))
    return finished >= config.folds.length * seedsOf(config).length ? 'partial' : status;
  if (status !== 'running') return status;
  const owner = Number.parseInt(await readFile(join(path, 'run.lock'), 'utf8').catch(() => ''), 10);
  return Number.isInteger(owner) && owner > 0 && isAlive(owner) ? 'running' : 'stopped';
}
