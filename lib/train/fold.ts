/** Trains one fold: epochs of steps, an evaluation after each, the two selections, checkpoints. */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { StepResult } from '../../bindings.js';
import { SAMPLE_RATE } from '../audio/types.js';
import { DivergedError, InterruptedError } from '../errors.js';
import type { Fold } from '../folds/types.js';
import { bestOnTest, fitTemperature, selectEpoch } from '../metrics/index.js';
import { planMix } from '../mix/plan.js';
import type { MixCandidate } from '../mix/types.js';
import {
  NativeFeatures,
  type NativeModel,
  type NativeTrainer,
  type RowSource,
  type SerEngine,
} from '../native/engine.js';
import { Random } from '../random/philox.js';
import type { EpochLine, Selection } from '../report/types.js';
import { writeAtomically } from './atomic-file.js';
import { planBatches } from './batches.js';
import { type FoundCheckpoint, findCheckpoint, type LoopState, writeCheckpoint } from './checkpoint.js';
import { balancedWeights } from './class-weights.js';
import { addStep, emptySums, trainMeans } from './epoch-sums.js';
import { type Evaluation, epochScores, evaluate, predictionLines, type Voice } from './evaluate.js';
import { learningRates } from './learning-rate.js';
import { cardMetadata, modelConfig } from './model-card.js';
import { type BatchSize, explainOutOfMemory } from './out-of-memory.js';
import { Pace } from './pace.js';
import type { SettledConfig } from './precision.js';
import type { ProfiledPlace, RunProfiler } from './profile.js';
import { type LabelledRow, mixesById, stepRequest } from './step-request.js';
import { spectrogramBands, type TrainEncoder } from './train-encoder.js';
import type { FoldOutcome, ModelCard, SelectedEpoch, TrainEvent } from './types.js';

/** This many non-finite steps in a row end a fold: one may be bad luck, ten are a broken set-up. */
const MAX_BAD_STEPS = 10;
/** Steps enqueued ahead of the one whose result is awaited, so that the engine never waits for JavaScript. */
const IN_FLIGHT = 2;

export interface FoldJob {
  engine: SerEngine;
  store: RowSource;
  config: SettledConfig;
  encoder: TrainEncoder;
  configHash: string;
  planHash: string;
  /** `fold: 0` with empty validation and test parts fits a model on all the data. */
  fold: Fold;
  classes: readonly string[];
  rows: ReadonlyMap<string, LabelledRow>;
  voices: ReadonlyMap<string, Voice>;
  /** Active parts of the utterances, for `mix.segment: voiced`. */
  active?: ReadonlyMap<string, [number, number]>;
  card: Omit<ModelCard, 'fold' | 'epoch'>;
  directory: string;
  signal?: AbortSignal;
  emit: (event: TrainEvent) => void;
  /** Called with each finished epoch's line, in order; on resume first with all earlier ones. */
  onEpoch: (line: EpochLine, seconds: number | null) => Promise<void>;
  /** Looks at the first steps of the run, where that was asked for. */
  profiler?: RunProfiler;
  /** Folds that follow this one, of all seeds, for the estimate of the remaining time. */
  foldsAfter: number;
}

/** Trains a fold from its newest sound checkpoint, or from the start. */
export async function trainFold(job: FoldJob): Promise<FoldOutcome> {
  await mkdir(job.directory, { recursive: true });
  const { engine, config } = job;
  const shape = modelConfig(config, job.encoder, job.classes.length);
  const seed = new Random({ seed: config.seed, stream: 'weights', fold: job.fold.fold }).uint32();
  const model = await engine.createModel(shape, seed);
  if (job.encoder.files.length > 0) await model.loadPretrained(job.encoder.files);
  const judged = await engine.createModel(shape, seed, { base: model });
  const trainer = await engine.createTrainer(model, {
    losses: config.losses,
    gamma: config.gamma,
    temperature: config.temperature,
    weightDecay: config.optimiser.weightDecay,
    beta1: config.optimiser.beta1,
    beta2: config.optimiser.beta2,
    epsilon: config.optimiser.epsilon,
    clip: config.optimiser.clip,
    averageDecay: config.optimiser.averageDecay,
    seed,
    precision: config.precision,
    accumulate: config.batch.accumulate,
    classWeights: classWeights(job),
  });
  try {
    return await new FoldLoop(job, trainer, judged).run();
  } finally {
    await trainer.release();
    await judged.release();
    await model.release();
  }
}

/** Weights of the classes in KL and focal; undefined where all count the same. */
function classWeights({ config, fold, rows, classes }: FoldJob): number[] | undefined {
  if (config.classWeights === 'none') return undefined;
  return balancedWeights(
    fold.train.map((id) => rows.get(id)!.label),
    classes.length,
  );
}

class FoldLoop {
  readonly #job: FoldJob;
  readonly #trainer: NativeTrainer;
  /** Holds the weights that are judged and kept: the moving average, where there is one. */
  readonly #judged: NativeModel;
  #state: LoopState;
  readonly #pace: Pace;
  /** The batch with most audio that has been computed. */
  #largest: BatchSize | null = null;

  constructor(job: FoldJob, trainer: NativeTrainer, judged: NativeModel) {
    this.#job = job;
    this.#trainer = trainer;
    this.#judged = judged;
    this.#pace = new Pace(job.config.epochs, job.foldsAfter);
    this.#state = {
      configHash: job.configHash,
      planHash: job.planHash,
      epochsDone: 0,
      cursor: 0,
      step: 0,
      sums: null,
      epochs: [],
      badSteps: 0,
      selected: [],
      bestOnTest: [],
      selectedEpoch: 0,
      bestOnTestEpoch: 0,
    };
  }

  async run(): Promise<FoldOutcome> {
    const { config, fold, emit } = this.#job;
    await this.#restore();
    emit({
      type: 'fold-start',
      seed: config.seed,
      fold: fold.fold,
      folds: this.#job.foldsAfter + 1,
      train: fold.train.length,
      validation: fold.validation.length,
      test: fold.test.length,
      resumedEpoch: this.#state.epochsDone,
    });
    while (this.#state.epochsDone < config.epochs && !this.#outOfPatience()) {
      const started = performance.now();
      await this.#trainEpoch(this.#state.epochsDone + 1);
      await this.#closeEpoch(this.#state.epochsDone + 1, started);
    }
    return this.#outcome();
  }

  async #restore(): Promise<void> {
    const { directory, emit, configHash, planHash } = this.#job;
    const found = await findCheckpoint(directory, (message) => emit({ type: 'warning', message }));
    if (!found || !matches(found, configHash, planHash)) return;
    await this.#trainer.load(found.path);
    this.#state = found.state;
    for (const line of this.#state.epochs) await this.#job.onEpoch(line, null);
  }

  async #trainEpoch(epoch: number): Promise<void> {
    const { config, fold, rows, classes, store, engine, profiler } = this.#job;
    const state = this.#state;
    const key = { seed: config.seed, fold: fold.fold, epoch };
    const candidates = fold.train.map(
      (id): MixCandidate => ({ id, length: rows.get(id)!.entry.length, active: this.#job.active?.get(id) }),
    );
    const plan = planMix({ settings: config.mix, ...key, epochs: config.epochs, utterances: candidates });
    const mixes = mixesById(plan);
    const { batches } = planBatches(candidates, config.batch, key);
    const place: ProfiledPlace = {
      engine,
      precision: config.precision,
      seed: config.seed,
      fold: fold.fold,
      epoch,
    };
    state.sums ??= emptySums();
    const { sums } = state;
    const inFlight: { ids: string[]; rate: number; result: Promise<StepResult> }[] = [];

    const settle = async () => {
      const { ids, rate, result } = inFlight.shift()!;
      const length = seconds(ids.map((id) => rows.get(id)!));
      const outcome = await result.catch((failure: unknown) => {
        throw this.#explain(failure, { utterances: ids.length, seconds: length });
      });
      if (length > (this.#largest?.seconds ?? 0)) this.#largest = { utterances: ids.length, seconds: length };
      // Stored features have no length in seconds of their own.
      const heard = outcome.audioSeconds || length;
      addStep(
        sums,
        outcome,
        ids.map((id) => rows.get(id)!.label),
        ids.filter((id) => mixes.has(id)).length,
      );
      state.cursor++;
      state.step++;
      this.#checkFinite(outcome, ids);
      this.#report(epoch, batches.length, { ...outcome, audioSeconds: heard }, rate);
    };

    for (let index = state.cursor; index < batches.length && !this.#job.signal?.aborted; index++) {
      const ids = batches[index]!;
      const rates = learningRates(
        config.optimiser,
        (epoch - 1 + (index + 1) / batches.length) / config.epochs,
        epoch,
      );
      const request = stepRequest(ids, {
        config,
        unit: store instanceof NativeFeatures ? 'frames' : 'samples',
        bands: store instanceof NativeFeatures ? 0 : spectrogramBands(this.#job.encoder.config),
        classes: classes.length,
        fold: fold.fold,
        epoch,
        step: state.step + inFlight.length,
        rates,
        byId: rows,
        mixes,
      });
      profiler?.beforeStep(place, batches.length - index);
      const result = this.#trainer.step(store, request);
      result.catch(() => {}); // handled by settle(); a second step in flight must not count as unhandled meanwhile
      inFlight.push({ ids, rate: rates.model, result });
      await profiler?.afterStep(place, false);
      if (inFlight.length === IN_FLIGHT) await settle();
    }
    while (inFlight.length > 0) await settle();
    await profiler?.afterStep(place, true);
    if (this.#job.signal?.aborted) await this.#interrupt();
  }

  /** Evaluates, keeps what is best, writes the checkpoint, and tells. */
  async #closeEpoch(epoch: number, started: number): Promise<void> {
    const { config, fold } = this.#job;
    const state = this.#state;
    await this.#trainer.copyAverage(this.#judged);
    const validation = await this.#evaluate(fold.validation);
    const test = await this.#evaluate(fold.test);
    const sums = state.sums ?? emptySums();
    const line: EpochLine = {
      type: 'epoch',
      seed: config.seed,
      fold: fold.fold,
      epoch,
      steps: sums.steps + sums.nonFinite,
      learningRate: learningRates(config.optimiser, epoch / config.epochs, epoch).model,
      train: trainMeans(sums),
      ...(validation ? { validation: epochScores(validation) } : {}),
      ...(test ? { test: epochScores(test) } : {}),
    };
    state.epochs.push(line);
    const best = selectEpoch(state.epochs).epoch === epoch;
    if (best) {
      state.selectedEpoch = epoch;
      if (test) state.selected = this.#lines(test, 'selected');
      state.temperature = validation ? this.#temperature(validation) : null;
      await this.#keepModel('best', epoch);
    }
    if (test && bestOnTest(state.epochs).epoch === epoch) {
      state.bestOnTestEpoch = epoch;
      state.bestOnTest = this.#lines(test, 'bestOnTest');
    }
    state.epochsDone = epoch;
    state.cursor = 0;
    state.sums = null;
    await this.#checkpoint();
    const seconds = (performance.now() - started) / 1000;
    this.#pace.epoch(epoch, seconds);
    await this.#job.onEpoch(line, seconds);
    this.#job.emit({
      type: 'epoch',
      line,
      seconds,
      audioPerSecond: this.#pace.audioPerSecond,
      best,
      etaSeconds: this.#pace.remaining(epoch),
    });
    if (this.#job.signal?.aborted && epoch < config.epochs) await this.#interrupt();
  }

  #evaluate(ids: readonly string[]): Promise<Evaluation> | null {
    if (ids.length === 0) return null;
    const { rows, store, classes, config } = this.#job;
    return evaluate(
      this.#judged,
      store,
      ids.map((id) => rows.get(id)!),
      classes.length,
      config,
    );
  }

  #lines(evaluation: Evaluation, selection: Selection) {
    const { fold, config, classes, voices } = this.#job;
    return predictionLines(evaluation, { fold: fold.fold, seed: config.seed, selection, classes, voices });
  }

  /** Fitted on validation speakers, never on test ones: the test fold then judges the calibration too. */
  #temperature({ logits, rows }: Evaluation): number | null {
    return fitTemperature(
      logits,
      rows.map((row) => row.label),
      this.#job.classes.length,
    );
  }

  #explain(failure: unknown, batch: BatchSize): unknown {
    const { config, engine } = this.#job;
    return explainOutOfMemory(failure, batch, {
      largest: this.#largest,
      parts: config.batch.accumulate,
      device: engine.options.device,
    });
  }

  #checkFinite(outcome: StepResult, ids: readonly string[]): void {
    const state = this.#state;
    state.badSteps = outcome.nonFinite ? state.badSteps + 1 : 0;
    if (!outcome.nonFinite) return;
    const { emit, fold } = this.#job;
    emit({
      type: 'warning',
      message: `fold ${fold.fold}, step ${state.step}: the loss or its gradient was not finite; the update was left out (${ids.join(', ')})`,
    });
    if (state.badSteps < MAX_BAD_STEPS) return;
    throw new DivergedError(
      `training diverged: ${MAX_BAD_STEPS} steps in a row were not finite, up to step ${state.step} of fold ${fold.fold}`,
      {
        code: 'E_DIVERGED',
        cure: 'Lower optimiser.learningRate, or look at the utterances named above; the last good checkpoint is kept.',
        details: { fold: fold.fold, step: state.step, utterances: ids },
      },
    );
  }

  #report(epoch: number, steps: number, outcome: StepResult, learningRate: number): void {
    const { emit, fold, config } = this.#job;
    this.#pace.step(outcome.audioSeconds);
    const uas = this.#state.epochs.map((line) => line.validation?.ua ?? null).filter((ua) => ua !== null);
    emit({
      type: 'step',
      seed: config.seed,
      fold: fold.fold,
      epoch,
      epochs: config.epochs,
      step: this.#state.cursor,
      steps,
      audioPerSecond: this.#pace.audioPerSecond,
      total: outcome.total,
      scaled: outcome.scaled,
      learningRate,
      bestUa: uas.length > 0 ? Math.max(...uas) : null,
      etaSeconds: this.#pace.remaining(epoch - 1 + this.#state.cursor / steps),
    });
  }

  async #checkpoint(): Promise<void> {
    const path = await writeCheckpoint(this.#job.directory, this.#state, (partial) =>
      this.#trainer.save(partial, { format: 'ser-native/trainer@1' }),
    );
    const { emit, config, fold } = this.#job;
    emit({ type: 'checkpoint', seed: config.seed, fold: fold.fold, epoch: this.#state.epochsDone, path });
  }

  async #keepModel(stem: string, epoch: number): Promise<void> {
    const { card, directory, fold } = this.#job;
    const { temperature } = this.#state;
    const metadata = cardMetadata({
      ...card,
      fold: fold.fold,
      epoch,
      ...(temperature ? { temperature } : {}),
    });
    await writeAtomically(join(directory, `${stem}.safetensors`), (partial) =>
      this.#judged.save(partial, metadata),
    );
  }

  async #interrupt(): Promise<never> {
    await this.#checkpoint();
    const { fold, config } = this.#job;
    throw new InterruptedError(
      `stopped at fold ${fold.fold} of seed ${config.seed}, epoch ${this.#state.epochsDone + 1}, step ${this.#state.cursor}; a checkpoint is kept`,
      { code: 'E_INTERRUPTED', cure: 'Run again with --resume to go on.' },
    );
  }

  #outOfPatience(): boolean {
    const { patience } = this.#job.config;
    const { epochsDone, selectedEpoch } = this.#state;
    return patience > 0 && this.#job.fold.validation.length > 0 && epochsDone - selectedEpoch >= patience;
  }

  #outcome(): FoldOutcome {
    const { fold, config } = this.#job;
    const state = this.#state;
    const at = (epoch: number): SelectedEpoch => {
      const test = state.epochs[epoch - 1]?.test;
      return { epoch, wa: test?.wa ?? 0, ua: test?.ua ?? null };
    };
    return {
      schema: 'ser-native/fold@1',
      fold: fold.fold,
      seed: config.seed,
      epochs: state.epochs,
      temperature: state.temperature ?? null,
      selected: at(state.selectedEpoch),
      bestOnTest: at(state.bestOnTestEpoch),
      predictions: { selected: state.selected, bestOnTest: state.bestOnTest },
    };
  }
}

const seconds = (rows: readonly LabelledRow[]) =>
  rows.reduce((sum, { entry }) => sum + entry.length, 0) / SAMPLE_RATE;

/** A checkpoint of other settings or other folds must not be continued. */
function matches(found: FoundCheckpoint, configHash: string, planHash: string): boolean {
  return found.state.configHash === configHash && found.state.planHash === planHash;
}
