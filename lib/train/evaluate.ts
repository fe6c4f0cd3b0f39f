/** Runs a model over a part of a fold and judges it. */
import type { Utterance } from '../corpus/types.js';
import { argmax, crossEntropy, scores, softmax } from '../metrics/index.js';
import { NativeFeatures, type NativeModel, type RowSource } from '../native/engine.js';
import type { PredictionLine, Scores, Selection } from '../report/types.js';
import { evaluationBatches } from './batches.js';
import type { SettledConfig } from './precision.js';
import { type LabelledRow, storeRows } from './step-request.js';

/** Who speaks an utterance, as far as the corpus says. */
export type Voice = Pick<Utterance, 'speaker' | 'session' | 'gender'>;

export interface Evaluation {
  rows: LabelledRow[];
  /** Rows x C, as the engine gave them. */
  logits: Float32Array;
  /** Class probabilities, rows x C. */
  probabilities: Float64Array;
  predictions: Int32Array;
  scores: Scores;
  /** Mean KL divergence from the labels, which for one-hot labels is the cross-entropy, in nats. */
  loss: number;
}

export async function evaluate(
  model: NativeModel,
  store: RowSource,
  rows: readonly LabelledRow[],
  classes: number,
  config: SettledConfig,
): Promise<Evaluation> {
  const byId = new Map(rows.map((row) => [row.id, row]));
  const batches = evaluationBatches(
    rows.map((row) => ({ id: row.id, length: row.entry.length })),
    config.batch,
  );
  const ordered = batches.flatMap((batch) => batch.map((id) => byId.get(id)!));
  const logits = new Float32Array(ordered.length * classes);
  let filled = 0;
  const unit = store instanceof NativeFeatures ? 'frames' : 'samples';
  for (const batch of batches) {
    const members = batch.map((id) => byId.get(id)!);
    const result = await model.forwardRows(store, storeRows(members, unit), { precision: config.precision });
    logits.set(result.logits, filled);
    filled += result.logits.length;
  }
  const labels = ordered.map((row) => row.label);
  const predictions = argmax(logits, classes);
  return {
    rows: ordered,
    logits,
    probabilities: softmax(logits, classes),
    predictions,
    scores: scores(labels, predictions, classes),
    loss: crossEntropy(logits, labels, classes),
  };
}

/** The part of an evaluation that a line of metrics.jsonl keeps. */
export function epochScores(evaluation: Evaluation): Omit<Scores, 'confusion'> & { loss: number } {
  const { confusion: _, ...rest } = evaluation.scores;
  return { ...rest, loss: evaluation.loss };
}

/** Lines of predictions.jsonl, sorted by id; their probabilities are the uncalibrated ones. */
export function predictionLines(
  evaluation: Evaluation,
  facts: {
    fold: number;
    seed: number;
    selection: Selection;
    classes: readonly string[];
    voices: ReadonlyMap<string, Voice>;
  },
): PredictionLine[] {
  const { classes } = facts;
  return evaluation.rows
    .map((row, index) => {
      const { speaker, session, gender } = facts.voices.get(row.id)!;
      return {
        fold: facts.fold,
        seed: facts.seed,
        selection: facts.selection,
        id: row.id,
        speaker,
        ...(session === undefined ? {} : { session }),
        ...(gender === undefined ? {} : { gender }),
        label: classes[row.label]!,
        predicted: classes[evaluation.predictions[index]!]!,
        probabilities: Object.fromEntries(
          classes.map((name, c) => [name, evaluation.probabilities[index * classes.length + c]!]),
        ),
      };
    })
    .sort((a, b) => (a.id < b.id ? -1 : 1));
}
