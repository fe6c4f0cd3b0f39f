/** `train`: from a configuration to a run folder with models, predictions and a report. */
import { join, resolve } from 'node:path';
import { withAbsolutePaths } from '../config/absolute-paths.js';
import { checkConfig, resolveConfig } from '../config/resolve.js';
import type { TrainConfigInput } from '../config/schema.js';
import { joinSeeds, seedsOf, withFirstSeed } from '../config/seeds.js';
import { InterruptedError, UsageError } from '../errors.js';
import { writePlan } from '../folds/index.js';
import type { Fold } from '../folds/types.js';
import { openEngine, type SerEngine } from '../native/engine.js';
import { packageVersion } from '../runtime/version.js';
import { concludeRun } from './conclude.js';
import { runEnvironment } from './environment.js';
import { EpochLog } from './epoch-log.js';
import { cachedFeatures } from './feature-cache.js';
import { type FoldJob, trainFold } from './fold.js';
import { foldJob } from './fold-job.js';
import { type SettledConfig, settlePrecision } from './precision.js';
import type { Prepared } from './prepare.js';
import { RunProfiler } from './profile.js';
import {
  continuedConfig,
  defaultOut,
  findUnfinished,
  RunFolder,
  readRunFile,
  runHash,
  siblings,
} from './run-folder.js';
import type { FoldOutcome, TrainEvent, TrainOptions, TrainResult } from './types.js';
import { readMaterial, type Workshop } from './workshop.js';

/**
 * Trains and judges models over the folds of a protocol, for each seed, and writes a run folder.
 *
 * Folds that a resumed run has finished are not trained again. On `options.signal` the running step ends, a checkpoint
 * is kept and the promise rejects with InterruptedError.
 *
 * @throws UsageError, DataError, RuntimeError, DivergedError, InterruptedError
 */
export async function train(options: TrainOptions = {}): Promise<TrainResult> {
  const emit = (event: TrainEvent) => options.onEvent?.(event);
  const { config, preset, resumeFrom } = await settle(options);
  stopIfAborted(options.signal);
  const { prepared, encoder } = await readMaterial(config, emit, options.signal);
  await using engine = await openEngine({ device: config.device });
  const run = await openRun(options, { config, preset, resumeFrom, engine, prepared });
  try {
    await run.update({ status: 'running', config });
    await run.makeRoomForSeeds();
    emit({ type: 'start', out: run.path, resumed: resumeFrom !== null, config, preset });
    await writePlan(join(run.path, 'folds.json'), prepared.plan);
    const log = await EpochLog.open(run.path, seedsOf(config).length > 1);
    const native = await engine.openStore(prepared.store.path, prepared.store.samples);
    const source = await cachedFeatures({
      config,
      encoder,
      prepared,
      engine,
      native,
      emit,
      signal: options.signal,
    });
    const profiler = profilerOf(options, run, emit);
    const outcomes = await trainFolds({
      run,
      log,
      config,
      encoder,
      prepared,
      engine,
      source,
      emit,
      signal: options.signal,
      profiler,
    });
    profiler?.end();
    const report = await concludeRun({
      run,
      outcomes,
      prepared,
      engine,
      native,
      source,
      config,
      embedAudio: options.embedAudio,
      signal: options.signal,
      emit,
    });
    const whole = prepared.plan.folds.length * seedsOf(config).length;
    await run.update({ status: outcomes.length === whole ? 'finished' : 'interrupted' });
    emit({ type: 'done', out: run.path, report });
    return { out: run.path, report, config };
  } catch (error) {
    await run
      .update({ status: error instanceof InterruptedError ? 'interrupted' : 'failed' })
      .catch(() => {});
    throw error;
  } finally {
    await run.unlock();
  }
}

interface Sitting extends Workshop {
  run: RunFolder;
  log: EpochLog;
  profiler?: RunProfiler;
}

/**
 * Trains the folds of this sitting, seed after seed; returns these and all that were finished before, by seed and then in the
 * plan's order.
 */
async function trainFolds(sitting: Sitting): Promise<FoldOutcome[]> {
  const { run, log, prepared, emit, signal } = sitting;
  const { hash } = prepared.plan;
  const parts = await partsOf(sitting);
  let foldsLeft = parts.filter(({ finished }) => !finished).length;
  const outcomes: FoldOutcome[] = [];
  for (const { seed, fold, finished } of parts) {
    if (finished) {
      for (const line of finished.epochs) await log.append(line, null);
    } else foldsLeft--;
    const outcome = finished ?? (await trainFold(jobOf(sitting, seed, fold, foldsLeft)));
    if (!finished) await run.writeOutcome(outcome, hash);
    if (fold.fold === 0) continue; // fitted on all the data: nothing is held out to judge it by
    outcomes.push(outcome);
    const { selected, bestOnTest } = outcome;
    emit({ type: 'fold-end', seed, fold: fold.fold, selected, bestOnTest, reused: finished !== null });
    stopIfAborted(signal);
  }
  return outcomes;
}

interface Part {
  seed: number;
  /** `fold: 0` is the model fitted on all the data. */
  fold: Fold;
  finished: FoldOutcome | null;
}

/** What the run has and what this sitting adds to it, in the order of training. */
async function partsOf({ run, config, prepared }: Sitting): Promise<Part[]> {
  const { plan, running, corpus } = prepared;
  const everything = { fold: 0, train: corpus.utterances.map(({ id }) => id), validation: [], test: [] };
  const asked = (fold: number) => (fold === 0 ? config.final : running.includes(fold));
  const parts: Part[] = [];
  for (const seed of seedsOf(config)) {
    for (const fold of [...plan.folds, everything]) {
      const finished = await run.readOutcome(fold.fold, seed, plan.hash);
      if (finished || asked(fold.fold)) parts.push({ seed, fold, finished });
    }
  }
  return parts;
}

function jobOf(sitting: Sitting, seed: number, fold: Fold, foldsAfter: number): FoldJob {
  const { run, log } = sitting;
  return foldJob(sitting, {
    seed,
    fold,
    foldsAfter,
    configHash: run.settingsHash(seed),
    directory: run.foldDirectory(fold.fold, seed),
    onEpoch: (line, seconds) => log.append(line, seconds),
    profiler: sitting.profiler,
  });
}

function profilerOf(
  { profile }: TrainOptions,
  run: RunFolder,
  emit: (event: TrainEvent) => void,
): RunProfiler | undefined {
  if (profile === undefined) return undefined;
  return new RunProfiler(
    profile,
    run.path,
    (found, path) => emit({ type: 'profile', profile: found, path }),
    (message) => emit({ type: 'warning', message }),
  );
}

async function openRun(
  options: TrainOptions,
  settled: {
    config: SettledConfig;
    preset: string;
    resumeFrom: string | null;
    engine: SerEngine;
    prepared: Prepared;
  },
): Promise<RunFolder> {
  const { config, preset, resumeFrom, engine, prepared } = settled;
  const { plan, corpus } = prepared;
  if (!resumeFrom) {
    return RunFolder.create(options.out ?? defaultOut(corpus.name, plan.protocol, new Date()), {
      schema: 'ser-native/run@1',
      version: packageVersion(),
      status: 'running',
      created: new Date().toISOString(),
      updated: '',
      preset,
      config,
      configHash: runHash(config),
      planHash: plan.hash,
      command: options.command ?? null,
      environment: runEnvironment(engine),
    });
  }
  const run = await RunFolder.open(resumeFrom);
  if (run.file.planHash !== plan.hash) {
    await run.unlock();
    throw new UsageError(`the folds have changed since the run ${run.name} was started`, {
      code: 'E_RESUME_FOLDS',
      cure: 'The corpus has gained, lost or changed files. Start a new run without --resume.',
    });
  }
  return run;
}

/** Which configuration, and which run to go on with, if any. */
async function settle(
  options: TrainOptions,
): Promise<{ config: SettledConfig; preset: string; resumeFrom: string | null }> {
  const asked = { ...options.config } as Record<string, unknown>;
  if (typeof options.resume === 'string') {
    const path = resolve(options.resume);
    const stored = await readRunFile(path);
    // A run keeps the plan that it was given, and goes on by it wherever the file may be by now.
    if (stored.config.plan !== undefined) asked.plan ??= join(path, 'folds.json');
    const config = await settlePrecision(
      checkConfig(continuedConfig(stored.config, withAbsolutePaths(asked))),
    );
    return { config, preset: stored.preset, resumeFrom: path };
  }
  const resolved = resolveConfig(withAbsolutePaths(asked) as TrainConfigInput, options.preset);
  const { preset } = resolved;
  const config = withFirstSeed(await settlePrecision(resolved.config));
  if (!options.resume) return { config, preset, resumeFrom: null };
  const parent = siblings(options.out);
  const resumeFrom = await findUnfinished(parent, config);
  if (!resumeFrom) {
    throw new UsageError(`--resume found no unfinished run of this configuration in ${parent}`, {
      code: 'E_NOTHING_TO_RESUME',
      cure: 'Name the folder (--resume DIR), or start a new run without --resume.',
    });
  }
  const { seeds } = config;
  const stored = await readRunFile(resumeFrom);
  return { config: { ...config, seeds: joinSeeds(stored.config, seeds) }, preset, resumeFrom };
}

function stopIfAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted) {
    throw new InterruptedError('stopped before training went on', {
      code: 'E_INTERRUPTED',
      cure: 'Run again with --resume to go on.',
    });
  }
}
