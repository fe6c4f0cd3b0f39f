/** Emotion of audio files from a trained run or checkpoint. */
import { activePart } from '../audio/active-part.js';
import { decodeFile } from '../audio/decode.js';
import { MIN_SAMPLES, SAMPLE_RATE } from '../audio/types.js';
import { DataError, InterruptedError, UsageError } from '../errors.js';
import { softmax } from '../metrics/index.js';
import { type NativeModel, openEngine, type SerEngine } from '../native/engine.js';
import type { DeviceChoice } from '../runtime/choose-variant.js';
import { readModelCard } from '../train/model-card.js';
import { openModel } from '../train/open-model.js';
import { modelsOf } from '../train/run-models.js';
import type { ModelCard } from '../train/types.js';
import { wholeWeights } from './whole-weights.js';

export interface PredictorOptions {
  /** A run folder, a fold's folder, or a `.safetensors` checkpoint that `train` wrote. */
  model: string;
  /** Of a run of several seeds, only the models of this one. */
  seed?: number;
  threads?: number;
  /** Where to compute; default `auto`, as `train` has it. */
  device?: DeviceChoice;
}

export interface Prediction {
  /** The likeliest class. */
  emotion: string;
  /** Probability of every class, sums to 1; at the temperature that the checkpoint keeps, which makes it as sure as it is right. */
  probabilities: Record<string, number>;
  /** Where the pooling weight is highest, seconds from the start. */
  peakTime: number;
  /** Pooling weight of each frame, sums to 1; a frame spans `duration / weights.length` seconds. */
  weights: number[];
  /** Seconds. */
  duration: number;
}

export interface FilePrediction extends Prediction {
  file: string;
  warnings: string[];
}

/** Trained models, loaded and ready. Free them with `close()` or `await using`. */
export class Predictor implements AsyncDisposable {
  /** What the models say of themselves; they agree in corpus and classes. */
  readonly cards: readonly ModelCard[];
  readonly #engine: SerEngine;
  readonly #models: readonly NativeModel[];

  private constructor(engine: SerEngine, models: NativeModel[], cards: ModelCard[]) {
    this.#engine = engine;
    this.#models = models;
    this.cards = cards;
  }

  /**
   * Loads a checkpoint, or the models of a run: the one fitted on all the data (`train --final`) where there is one, else
   * the validation-selected models of all folds. Probabilities of several models (folds, seeds) are averaged. Each model's
   * logits are divided by the temperature in its checkpoint, where there is one; no model's likeliest class changes by that.
   *
   * @throws DataError where there is no usable checkpoint; RuntimeError where LibTorch cannot be used
   */
  static async open(options: PredictorOptions): Promise<Predictor> {
    const paths = (await modelsOf(options.model, { seed: options.seed })).map(({ path }) => path);
    const cards = await Promise.all(paths.map((path) => readModelCard(path)));
    const odd = cards.find((card) => card.classes.join() !== cards[0]!.classes.join());
    if (odd) {
      throw new DataError(`the folds of ${options.model} have different classes`, {
        code: 'E_CHECKPOINT_CLASSES',
        cure: 'Name one checkpoint, e.g. fold-1/best.safetensors.',
      });
    }
    const engine = await openEngine({ threads: options.threads, device: options.device });
    try {
      const models: NativeModel[] = [];
      for (const [index, path] of paths.entries()) {
        models.push(await openModel(engine, path, cards[index]!));
      }
      return new Predictor(engine, models, cards);
    } catch (error) {
      await engine.dispose();
      throw error;
    }
  }

  get classes(): readonly string[] {
    return this.cards[0]!.classes;
  }

  /**
   * The emotion of an audio file in any format that the tool decodes.
   *
   * @throws DataError where the file is missing, damaged, silent or shorter than 25 ms
   */
  async predictFile(file: string, options: { signal?: AbortSignal } = {}): Promise<FilePrediction> {
    if (typeof file !== 'string') {
      throw new UsageError(`predictFile takes a path as text, got ${typeof file}`, { code: 'E_ARGUMENT' });
    }
    const decoded = await decodeFile(file, { signal: options.signal });
    const samples = Float32Array.from(decoded.samples, (value) => value / 32_768);
    return { file, ...(await this.predict(samples, options)), warnings: decoded.warnings };
  }

  /** The emotion of samples in [-1, 1), mono at 16 kHz, at least 400 of them. */
  async predict(samples: Float32Array, options: { signal?: AbortSignal } = {}): Promise<Prediction> {
    if (
      !ArrayBuffer.isView(samples) ||
      !('BYTES_PER_ELEMENT' in samples) ||
      Object.prototype.toString.call(samples) !== '[object Float32Array]'
    ) {
      throw new UsageError('predict takes a Float32Array of samples in [-1, 1), mono at 16 kHz', {
        code: 'E_ARGUMENT',
      });
    }
    if (samples.length < MIN_SAMPLES) {
      throw new DataError(
        `${samples.length} samples are too few: an utterance has at least ${MIN_SAMPLES} (25 ms)`,
        {
          code: 'E_TOO_SHORT',
        },
      );
    }
    if (options.signal?.aborted)
      throw new InterruptedError('prediction was stopped', { code: 'E_INTERRUPTED' });
    const { trim } = this.cards[0]!;
    const [start, end] = trim > 0 ? activePart(samples, trim) : [0, samples.length];
    const heard = samples.subarray(start, end);
    const count = this.classes.length;
    const mean = new Float64Array(count);
    let weights: Float64Array | null = null;
    for (const [index, model] of this.#models.entries()) {
      const result = await model.forwardSamples([heard], { weights: true });
      const { temperature = 1 } = this.cards[index]!;
      const scaled = Float64Array.from(result.logits, (logit) => logit / temperature);
      const probabilities = softmax(scaled, count);
      for (let c = 0; c < count; c++) mean[c] = mean[c]! + probabilities[c]! / this.#models.length;
      weights = addWeights(weights, result.weights!, this.#models.length);
    }
    const list = wholeWeights(weights ?? [], start, heard.length, samples.length);
    const peak = list.indexOf(Math.max(...list));
    const duration = samples.length / SAMPLE_RATE;
    return {
      emotion: this.classes[mean.indexOf(Math.max(...mean))]!,
      probabilities: Object.fromEntries(this.classes.map((name, c) => [name, mean[c]!])),
      peakTime: ((peak + 0.5) / list.length) * duration,
      weights: list,
      duration,
    };
  }

  async close(): Promise<void> {
    await this.#engine.dispose();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}

function addWeights(sum: Float64Array | null, weights: Float32Array, models: number): Float64Array {
  const result = sum ?? new Float64Array(weights.length);
  for (let frame = 0; frame < weights.length; frame++)
    result[frame] = result[frame]! + weights[frame]! / models;
  return result;
}
