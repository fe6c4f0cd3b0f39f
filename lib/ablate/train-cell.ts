/** Trains one cell and makes its file. */
import type { NativeStore, RowSource, SerEngine } from '../native/engine.js';
import type { EpochLine, PredictionLine } from '../report/types.js';
import { runEnvironment } from '../train/environment.js';
import { cachedFeatures } from '../train/feature-cache.js';
import { trainFold } from '../train/fold.js';
import { foldJob } from '../train/fold-job.js';
import type { SettledConfig } from '../train/precision.js';
import { decidingSettings, runHash } from '../train/run-folder.js';
import type { FoldOutcome, TrainEvent } from '../train/types.js';
import type { Material } from '../train/workshop.js';
import type { CellFolder } from './cell-folder.js';
import type { Agreement } from './settings.js';
import type { Cell, CellFile } from './types.js';
import { variantConfig, variantNamed } from './variants.js';

/** Trains cells of one ablation, one after another, in one engine. */
export class CellTrainer {
  readonly #material: Material;
  readonly #engine: SerEngine;
  readonly #native: NativeStore;
  readonly #folder: CellFolder;
  readonly #agreement: Agreement;
  readonly #emit: (event: TrainEvent) => void;
  readonly #signal: AbortSignal | undefined;
  /** What each variant reads: samples, or the frames of a frozen encoder where nothing changes what it hears. */
  readonly #sources = new Map<string, RowSource>();

  constructor(options: {
    material: Material;
    engine: SerEngine;
    native: NativeStore;
    folder: CellFolder;
    agreement: Agreement;
    emit: (event: TrainEvent) => void;
    signal: AbortSignal | undefined;
  }) {
    this.#material = options.material;
    this.#engine = options.engine;
    this.#native = options.native;
    this.#folder = options.folder;
    this.#agreement = options.agreement;
    this.#emit = options.emit;
    this.#signal = options.signal;
  }

  /**
   * Trains a cell from its newest checkpoint, or from the start.
   *
   * @param left cells that follow it, for the estimate of the remaining time
   */
  async train(cell: Cell, left: number): Promise<CellFile> {
    const config = variantConfig(this.#agreement.base, variantNamed(cell.variant)!, cell.seed);
    const source = await this.#source(cell.variant, config);
    const { plan, corpus } = this.#material.prepared;
    const times: number[] = [];
    const outcome = await trainFold(
      foldJob(
        {
          ...this.#material,
          config,
          engine: this.#engine,
          source,
          emit: this.#emit,
          signal: this.#signal,
        },
        {
          seed: cell.seed,
          fold: plan.folds.find(({ fold }) => fold === cell.fold)!,
          foldsAfter: left,
          configHash: runHash(config),
          directory: this.#folder.workDirectory(cell),
          onEpoch: async (_line, seconds) => {
            if (seconds !== null) times.push(seconds);
          },
        },
      ),
    );
    const { planHash, storeHash } = this.#agreement;
    return {
      schema: 'ser-native/ablation-cell@1',
      ...cell,
      configHash: runHash(config),
      planHash,
      storeHash,
      config: decidingSettings(config),
      made: this.#made(),
      seconds: secondsOf(times, outcome.epochs.length),
      epochs: outcome.epochs.map(epochScores),
      selected: outcome.selected,
      bestOnTest: outcome.bestOnTest,
      classes: [...corpus.classes],
      held: compact(outcome, corpus.classes),
    };
  }

  async #source(variant: string, config: SettledConfig): Promise<RowSource> {
    const known = this.#sources.get(variant);
    if (known) return known;
    const source = await cachedFeatures({
      ...this.#material,
      config,
      engine: this.#engine,
      native: this.#native,
      emit: this.#emit,
      signal: this.#signal,
    });
    this.#sources.set(variant, source);
    return source;
  }

  #made(): CellFile['made'] {
    const { compiler: _compiler, system: _system, ...made } = runEnvironment(this.#engine);
    return made;
  }
}

/** Of all epochs, those of earlier sittings taken to be as long as the ones that were timed. */
function secondsOf(times: readonly number[], epochs: number): number | null {
  if (times.length === 0) return null;
  const sum = times.reduce((total, value) => total + value, 0);
  return Math.round((10 * sum * epochs) / times.length) / 10;
}

function epochScores({ validation, test }: EpochLine): CellFile['epochs'][number] {
  const part = (scores: EpochLine['test']) => scores && { wa: scores.wa, ua: scores.ua, loss: scores.loss };
  return { ...(validation ? { validation: part(validation) } : {}), ...(test ? { test: part(test) } : {}) };
}

/** Both selections predict the same utterances, in the order of their ids. */
function compact({ predictions }: FoldOutcome, classes: readonly string[]): CellFile['held'] {
  const { selected, bestOnTest } = predictions;
  const index = (name: string) => classes.indexOf(name);
  const predicted = (lines: readonly PredictionLine[]) => lines.map((line) => index(line.predicted));
  return {
    ids: selected.map(({ id }) => id),
    speakers: selected.map(({ speaker }) => speaker),
    labels: selected.map(({ label }) => index(label)),
    predicted: { selected: predicted(selected), bestOnTest: predicted(bestOnTest) },
  };
}
