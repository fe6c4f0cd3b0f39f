/** What only a run's models can tell of it: `page.json`. */
import { readSamples } from '../audio/read-samples.js';
import { SAMPLE_RATE, type SampleStore } from '../audio/types.js';
import { SerError } from '../errors.js';
import {
  NativeFeatures,
  type NativeModel,
  type NativeStore,
  type RowSource,
  type SerEngine,
} from '../native/engine.js';
import { Random } from '../random/philox.js';
import type { EmbeddingMap, PageFile, PredictionLine, SpotlightExample } from '../report/types.js';
import { evaluationBatches } from '../train/batches.js';
import { readModelCard } from '../train/model-card.js';
import { openModel } from '../train/open-model.js';
import type { SettledConfig } from '../train/precision.js';
import { type LabelledRow, storeRows } from '../train/step-request.js';
import type { FoldOutcome } from '../train/types.js';
import { type DeletionCurve, deletionCurve, PASSES, summariseDeletion } from './deletion-test.js';
import { FEWEST_POINTS, neighbourAgreement, placeInPlane } from './embedding-map.js';
import { pickSpotlights, spotlight } from './spotlights.js';

/** Folds that are looked into: each costs a model's loading, and a page can show no more. */
const FOLDS = 8;
/** Points over all maps. */
const POINTS = 1500;
/** Utterances of the deletion test: at most, and at least however large the model is. */
const DELETED = 80;
const FEWEST_DELETED = 12;
/**
 * Parameters times seconds of audio that may be spent on maps, and again on the deletion test: on two cores about half a
 * minute for a pretrained encoder, seconds for the mel encoder. A bound in time would make pages differ between machines.
 */
const BUDGET = 5e10;

export interface ExplainInput {
  outcomes: readonly FoldOutcome[];
  /** Checkpoint of a fold's selected model. */
  checkpoint: (outcome: FoldOutcome) => string;
  engine: SerEngine;
  native: NativeStore;
  /** What training read: features of a frozen encoder where they are kept. */
  source: RowSource;
  store: SampleStore;
  rows: ReadonlyMap<string, LabelledRow>;
  classes: readonly string[];
  config: SettledConfig;
  /** Ends early with what there is. */
  signal?: AbortSignal;
  onWarning: (message: string) => void;
  onProgress?: (done: number, total: number) => void;
}

/**
 * Opens the models of up to eight folds, one after another, and computes maps of their embeddings, the deletion test, and
 * what is drawn of the most and least certain utterances. A fold whose checkpoint is gone is left out with a warning: what is drawn
 * must not cost a run its results.
 */
export async function explainRun(input: ExplainInput): Promise<PageFile> {
  const { outcomes, checkpoint, engine, onWarning, signal } = input;
  // One seed: the folds of another are the same utterances again.
  const shown = outcomes.filter(({ seed }) => seed === outcomes[0]?.seed);
  const picked = pickSpotlights(shown.flatMap((outcome) => outcome.predictions.selected));
  const looked = spreadOver(shown, FOLDS);
  const spots: SpotlightExample[] = [];
  const maps: EmbeddingMap[] = [];
  const curves: DeletionCurve[] = [];
  const visited = shown.filter(
    (outcome) => looked.includes(outcome) || picked.some(({ line }) => isOf(outcome, line)),
  );
  for (const [index, outcome] of visited.entries()) {
    if (signal?.aborted) break;
    input.onProgress?.(index, visited.length);
    const path = checkpoint(outcome);
    try {
      await using model = await openModel(engine, path, await readModelCard(path));
      for (const pick of picked.filter(({ line }) => isOf(outcome, line))) {
        const row = input.rows.get(pick.line.id)!;
        spots.push(await spotlight(pick, model, input.native, input.store, row));
      }
      if (!looked.includes(outcome)) continue;
      const { parameters } = await model.info();
      const affordable = BUDGET / parameters / looked.length;
      const map = await mapOf(input, outcome, model, Math.floor(POINTS / looked.length), affordable);
      if (map) maps.push(map);
      curves.push(...(await curvesOf(input, outcome, model, looked.length, affordable)));
    } catch (error) {
      if (!(error instanceof SerError)) throw error;
      onWarning(`the report draws nothing of fold ${outcome.fold}: ${error.message}`);
    }
  }
  input.onProgress?.(visited.length, visited.length);
  const place = (spot: SpotlightExample) => picked.findIndex(({ line }) => line.id === spot.id);
  return {
    schema: 'ser-native/page@1',
    spotlights: spots.sort((a, b) => place(a) - place(b)),
    maps,
    deletion: summariseDeletion(curves),
  };
}

const isOf = ({ fold, seed }: FoldOutcome, line: PredictionLine) => line.fold === fold && line.seed === seed;

/** `count` of the items at even distances, or all. */
function spreadOver<T>(items: readonly T[], count: number): T[] {
  if (items.length <= count) return [...items];
  return Array.from({ length: count }, (_, i) => items[Math.floor((i * items.length) / count)]!);
}

/** A random part of a fold's held-out lines: at most `most`, and no more seconds of audio than can be afforded. */
function sample(
  input: ExplainInput,
  { seed, fold, predictions }: FoldOutcome,
  bounds: { stream: string; least: number; most: number; seconds: number },
): PredictionLine[] {
  const shuffled = new Random({ seed, fold, stream: bounds.stream }).shuffled(predictions.selected);
  const taken: PredictionLine[] = [];
  let seconds = 0;
  for (const line of shuffled.slice(0, bounds.most)) {
    seconds += input.rows.get(line.id)!.entry.length / SAMPLE_RATE;
    if (taken.length >= bounds.least && seconds > bounds.seconds) break;
    taken.push(line);
  }
  return taken;
}

async function mapOf(
  input: ExplainInput,
  outcome: FoldOutcome,
  model: NativeModel,
  most: number,
  seconds: number,
): Promise<EmbeddingMap | null> {
  const { source, classes, config } = input;
  const { seed, fold, selected } = outcome;
  const stored = source instanceof NativeFeatures;
  // Stored frames cost next to nothing.
  const bounds = {
    stream: 'map-sample',
    least: 40,
    most,
    seconds: stored ? Number.POSITIVE_INFINITY : seconds,
  };
  const lines = sample(input, outcome, bounds);
  if (lines.length < FEWEST_POINTS) return null;
  const byId = new Map(lines.map((line) => [line.id, line]));
  const sized = lines.map(({ id }) => ({ id, length: input.rows.get(id)!.entry.length }));
  const ordered: PredictionLine[] = [];
  const parts: Float32Array[] = [];
  for (const batch of evaluationBatches(sized, config.batch)) {
    const rows = storeRows(
      batch.map((id) => input.rows.get(id)!),
      stored ? 'frames' : 'samples',
    );
    const result = await model.forwardRows(source, rows, { embedding: true, precision: config.precision });
    parts.push(result.embedding!);
    ordered.push(...batch.map((id) => byId.get(id)!));
  }
  const width = config.embedding;
  const embeddings = new Float32Array(ordered.length * width);
  let filled = 0;
  for (const part of parts) {
    embeddings.set(part, filled);
    filled += part.length;
  }
  const places = placeInPlane(embeddings, width, { seed, fold });
  const labels = ordered.map(({ label }) => classes.indexOf(label));
  return {
    seed,
    fold,
    epoch: selected.epoch,
    n: outcome.predictions.selected.length,
    ...neighbourAgreement(embeddings, width, labels),
    points: ordered.map(({ id, label, predicted }, i) => ({
      id,
      label,
      predicted,
      x: places[i]![0],
      y: places[i]![1],
    })),
  };
}

async function curvesOf(
  input: ExplainInput,
  outcome: FoldOutcome,
  model: NativeModel,
  folds: number,
  seconds: number,
): Promise<DeletionCurve[]> {
  const { config, classes, store, rows, signal } = input;
  // Only FLAM weighs frames, and Whisper's full window has frames of silence that was never in the recording.
  const padded = config.encoder.kind === 'pretrained' && config.encoder.window30;
  if (config.pooling !== 'flam' || padded) return [];
  const curves: DeletionCurve[] = [];
  const lines = sample(input, outcome, {
    stream: 'deletion-sample',
    least: Math.ceil(FEWEST_DELETED / folds),
    most: Math.ceil(DELETED / folds),
    seconds: seconds / PASSES,
  });
  for (const { id, speaker } of lines) {
    if (signal?.aborted) break;
    const { entry } = rows.get(id)!;
    const start = entry.offset - store.entries.get(id)!.offset;
    const heard = readSamples(store, id).subarray(start, start + entry.length);
    const curve = await deletionCurve(model, heard, {
      id,
      speaker,
      seed: outcome.seed,
      classes: classes.length,
      precision: config.precision,
      maxSeconds: config.batch.maxSeconds,
    });
    if (curve) curves.push(curve);
  }
  return curves;
}
