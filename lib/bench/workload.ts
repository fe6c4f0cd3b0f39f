/** One thing to measure: a model that trains or predicts, step by step, through the calls that training itself makes. */
import type { EncoderConfig } from '../../bindings.js';
import { checkConfig, resolveConfig } from '../config/resolve.js';
import type { TrainConfig, TrainConfigInput } from '../config/schema.js';
import { planMix } from '../mix/plan.js';
import type { NativeModel, NativeStore, NativeTrainer, SerEngine } from '../native/engine.js';
import { modelConfig } from '../train/model-card.js';
import { mixesById, type StepContext, stepRequest, storeRows } from '../train/step-request.js';
import { spectrogramBands, trainEncoder } from '../train/train-encoder.js';
import { CLASSES, type Clip } from './clips.js';
import type { BenchEncoder } from './encoders.js';
import { taskFlops } from './flops.js';
import { sum } from './quartiles.js';
import type { BenchPrecision, BenchTask, Recipe } from './types.js';

export interface WorkloadOptions {
  encoder: BenchEncoder;
  task: BenchTask;
  precision: BenchPrecision;
  recipe: Recipe;
  /** All clips of all batches: whom a clip may be mixed with. */
  clips: readonly Clip[];
  seed: number;
  /** Whisper: 30 s for every clip, as transformers computes it. */
  window30?: boolean;
  offline?: boolean;
  signal?: AbortSignal;
}

/** What `plain` asks of head and optimiser, and the peer is given too. */
export const PLAIN = { embedding: 256, learningRate: 1e-5, weightDecay: 0.01, clip: 1 };

const plainConfig: TrainConfigInput = {
  mix: { kind: 'none' },
  augment: { timeMasks: 0, bandMasks: 0 },
  pooling: 'mean',
  embedding: PLAIN.embedding,
  headDropout: 0,
  losses: { kl: 1, focal: 0, center: 0, supcon: 0 },
  optimiser: {
    learningRate: PLAIN.learningRate,
    schedule: 'constant',
    weightDecay: PLAIN.weightDecay,
    beta2: 0.999,
    clip: PLAIN.clip,
    averageDecay: 0,
  },
};

function configOf({ encoder, task, recipe, window30 }: WorkloadOptions): TrainConfig {
  const frozen = task === 'inference' || task === 'train-frozen';
  const asked: NonNullable<TrainConfigInput['encoder']> = encoder.source
    ? {
        kind: 'pretrained',
        source: encoder.source,
        trainable: frozen ? 'none' : 'all',
        trainExtractor: task === 'train-all',
        // A dropped layer is work left out.
        layerDrop: 0,
        ...(window30 ? { window30 } : {}),
      }
    : { kind: 'mel' };
  if (recipe === 'plain') return checkConfig({ ...plainConfig, encoder: asked });
  return resolveConfig({ encoder: asked }, encoder.source ? 'paper' : 'mel').config;
}

export class Workload implements AsyncDisposable {
  readonly encoder: EncoderConfig;
  readonly parameters: number;
  readonly #options: WorkloadOptions;
  readonly #config: TrainConfig;
  readonly #store: NativeStore;
  readonly #model: NativeModel;
  readonly #trainer: NativeTrainer | undefined;
  readonly #context: Omit<StepContext, 'step'>;
  #steps = 0;

  private constructor(
    options: WorkloadOptions,
    config: TrainConfig,
    encoder: EncoderConfig,
    parts: { store: NativeStore; model: NativeModel; trainer: NativeTrainer | undefined; parameters: number },
  ) {
    this.#options = options;
    this.#config = config;
    this.encoder = encoder;
    this.parameters = parts.parameters;
    this.#store = parts.store;
    this.#model = parts.model;
    this.#trainer = parts.trainer;
    const plan = planMix({
      settings: config.mix,
      seed: options.seed,
      fold: 1,
      epoch: 1,
      epochs: 1,
      utterances: options.clips,
    });
    const byId = new Map(options.clips.map((clip) => [clip.id, { ...clip, entry: clip }]));
    this.#context = {
      config,
      unit: 'samples',
      bands: spectrogramBands(encoder),
      classes: CLASSES,
      fold: 1,
      epoch: 1,
      rates: { model: config.optimiser.learningRate, centers: config.optimiser.centerLearningRate },
      byId,
      mixes: mixesById(plan),
    };
  }

  static async open(engine: SerEngine, store: NativeStore, options: WorkloadOptions): Promise<Workload> {
    const { signal, precision, task, seed } = options;
    const config = configOf(options);
    const encoder = await trainEncoder(config.encoder, { signal, offline: options.offline });
    const model = await engine.createModel(modelConfig(config, encoder, CLASSES), seed, { signal });
    try {
      if (encoder.files.length > 0) await model.loadPretrained(encoder.files, { signal });
      const { parameters } = await model.info();
      const { optimiser } = config;
      const trainer =
        task === 'inference'
          ? undefined
          : await engine.createTrainer(model, {
              losses: config.losses,
              gamma: config.gamma,
              temperature: config.temperature,
              weightDecay: optimiser.weightDecay,
              beta1: optimiser.beta1,
              beta2: optimiser.beta2,
              epsilon: optimiser.epsilon,
              clip: optimiser.clip,
              averageDecay: optimiser.averageDecay,
              seed,
              precision,
            });
      return new Workload(options, config, encoder.config, { store, model, trainer, parameters });
    } catch (error) {
      await model.release();
      throw error;
    }
  }

  /** One training step, or one pass of inference. Steps may be asked for before the one before has ended. */
  async step(clips: readonly Clip[], signal?: AbortSignal): Promise<void> {
    const ids = clips.map(({ id }) => id);
    if (this.#trainer) {
      const request = stepRequest(ids, { ...this.#context, step: this.#steps++ });
      await this.#trainer.step(this.#store, request, { signal });
      return;
    }
    const rows = storeRows(ids.map((id) => this.#context.byId.get(id)!));
    await this.#model.forwardRows(this.#store, rows, { precision: this.#options.precision, signal });
  }

  /** Writes the encoder's frames of one clip as float32, as inference computes them; resolves to their number. */
  async writeFrames(clip: Clip, path: string, signal?: AbortSignal): Promise<number> {
    const rows = storeRows([this.#context.byId.get(clip.id)!]);
    const { precision } = this.#options;
    const [frames] = await this.#model.appendFeatures(this.#store, rows, path, { precision, signal });
    return frames!;
  }

  /** Operations of a step over these clips, by hand. */
  flops(clips: readonly Clip[]): number {
    const pooling = this.#config.pooling === 'flam' ? 'flam' : 'mean';
    return sum(clips.map(({ length }) => taskFlops(this.#options.task, this.encoder, length, pooling)));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#trainer?.release();
    await this.#model.release();
  }
}
