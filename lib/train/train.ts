/** `train`: from a configuration to a run folder with models, predictions and a report. */
import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { checkConfig, resolveConfig } from '../config/resolve.js';
import type { TrainConfigInput } from '../config/schema.js';
import { InterruptedError, UsageError } from '../errors.js';
import { writePlan } from '../folds/index.js';
import type { Fold } from '../folds/types.js';
import { openEngine, type RowSource, type SerEngine } from '../native/engine.js';
import { packageVersion } from '../runtime/version.js';
import { concludeRun } from './conclude.js';
import { runEnvironment } from './environment.js';
import { cachedFeatures } from './feature-cache.js';
import { type FoldJob, trainFold } from './fold.js';
import { modelConfig } from './model-card.js';
import { type SettledConfig, settlePrecision } from './precision.js';
import { type Prepared, prepare } from './prepare.js';
import {
  continuedConfig,
  defaultOut,
  findUnfinished,
  RunFolder,
  readRunFile,
  runHash,
  siblings,
} from './run-folder.js';
import { describeTrained, type TrainEncoder, trainEncoder } from './train-encoder.js';
import { trainPart } from './train-fraction.js';
import type { FoldOutcome, TrainEvent, TrainOptions, TrainResult } from './types.js';

/**
 * Trains and judges models over the folds of a protocol, and writes a run folder.
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
  if (config.device === 'cuda') {
    throw new UsageError('device "cuda" was asked for, and this version computes on the CPU only', {
      code: 'E_DEVICE',
      cure: 'Use --device auto or --device cpu.',
    });
  }
  // Data first: a wrong path must not cost a set-up before it is told.
  const prepared = await prepare(config, emit, options.signal);
  const encoder = await trainEncoder(config.encoder, {
    signal: options.signal,
    onProgress: (progress) => emit({ type: 'pull', progress }),
  });
  if (encoder.origin) {
    const { kind, layers, width } = encoder.config;
    const { source } = encoder.origin;
    emit({ type: 'encoder', source, kind, layers, width, trained: describeTrained(config.encoder, kind) });
  }
  await using engine = await openEngine({ device: config.device });
  const run = await openRun(options, { config, preset, resumeFrom, engine, prepared });
  try {
    await run.update({ status: 'running', config });
    emit({ type: 'start', out: run.path, resumed: resumeFrom !== null, config, preset });
    await writePlan(join(run.path, 'folds.json'), prepared.plan);
    await run.resetMetrics();
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
    const outcomes = await trainFolds({
      run,
      config,
      encoder,
      prepared,
      engine,
      native: source,
      emit,
      signal: options.signal,
    });
    const report = await concludeRun({ run, outcomes, prepared, engine, native, config });
    await run.update({ status: outcomes.length === prepared.plan.folds.length ? 'finished' : 'interrupted' });
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

interface Sitting {
  run: RunFolder;
  config: SettledConfig;
  encoder: TrainEncoder;
  prepared: Prepared;
  engine: SerEngine;
  native: RowSource;
  emit: (event: TrainEvent) => void;
  signal?: AbortSignal;
}

/** Trains the folds of this sitting; returns these and all that were finished before, in the plan's order. */
async function trainFolds(sitting: Sitting): Promise<FoldOutcome[]> {
  const { run, config, prepared, emit, signal } = sitting;
  const { plan, running, corpus } = prepared;
  const outcomes: FoldOutcome[] = [];
  for (const fold of plan.folds) {
    const finished = await run.readOutcome(fold.fold, plan.hash);
    if (finished) {
      for (const line of finished.epochs) await run.appendMetrics(line);
    } else if (!running.includes(fold.fold)) {
      continue;
    }
    const foldsAfter = running.filter((other) => other > fold.fold).length + (config.final ? 1 : 0);
    const outcome = finished ?? (await trainFold(foldJob(sitting, fold, foldsAfter)));
    if (!finished) await run.writeOutcome(outcome, plan.hash);
    outcomes.push(outcome);
    const { selected, bestOnTest } = outcome;
    emit({ type: 'fold-end', fold: fold.fold, selected, bestOnTest, reused: finished !== null });
    stopIfAborted(signal);
  }
  if (config.final && !(await run.readOutcome(0, plan.hash))) {
    const everything = { fold: 0, train: corpus.utterances.map(({ id }) => id), validation: [], test: [] };
    await run.writeOutcome(await trainFold(foldJob(sitting, everything, 0)), plan.hash);
  }
  return outcomes;
}

function foldJob(sitting: Sitting, fold: Fold, foldsAfter: number): FoldJob {
  const { run, config, encoder, prepared, engine, native, emit, signal } = sitting;
  const { plan, corpus, rows, voices, active } = prepared;
  return {
    engine,
    store: native,
    config,
    encoder,
    configHash: run.file.configHash,
    planHash: plan.hash,
    fold: { ...fold, train: trainPart(fold, config, corpus.utterances) },
    foldsAfter,
    directory: run.foldDirectory(fold.fold),
    classes: corpus.classes,
    rows,
    voices,
    active,
    card: {
      format: 'ser-native/model@1',
      version: packageVersion(),
      model: modelConfig(config, encoder, corpus.classes.length),
      ...(encoder.origin ? { origin: encoder.origin } : {}),
      classes: corpus.classes,
      trim: config.trim,
      corpus: corpus.name,
      synthetic: corpus.synthetic,
      protocol: plan.protocol,
      planHash: plan.hash,
      seed: config.seed,
    },
    emit,
    signal,
    onEpoch: async (line, seconds) => {
      await run.appendMetrics(line);
      if (seconds !== null) await run.appendTiming({ fold: line.fold, epoch: line.epoch, seconds });
    },
  };
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
  const config = await settlePrecision(resolved.config);
  if (!options.resume) return { config, preset, resumeFrom: null };
  const parent = siblings(options.out);
  const resumeFrom = await findUnfinished(parent, config);
  if (!resumeFrom) {
    throw new UsageError(`--resume found no unfinished run of this configuration in ${parent}`, {
      code: 'E_NOTHING_TO_RESUME',
      cure: 'Name the folder (--resume DIR), or start a new run without --resume.',
    });
  }
  return { config, preset, resumeFrom };
}

/** A run may be resumed from another working directory: folders are kept as absolute paths. */
function withAbsolutePaths(config: Record<string, unknown>): Record<string, unknown> {
  const result = { ...config };
  if (typeof config.data === 'string') result.data = resolve(config.data);
  if (typeof config.plan === 'string') result.plan = resolve(config.plan);
  const encoder = config.encoder as { source?: unknown } | undefined;
  if (typeof encoder?.source === 'string' && existsSync(encoder.source))
    result.encoder = { ...encoder, source: resolve(encoder.source) };
  return result;
}

function stopIfAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted) {
    throw new InterruptedError('stopped before training went on', {
      code: 'E_INTERRUPTED',
      cure: 'Run again with --resume to go on.',
    });
  }
}
