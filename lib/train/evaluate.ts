/** Runs a model over a part of a fold and judges it. */
import type { TrainConfig } from '../config/schema.js';
import { crossEntropy, softmax } from '../metrics/probabilities.js';
import { scores } from '../metrics/scores.js';
import type { NativeModel, NativeStore } from '../native/engine.js';
import type { PredictionLine, Scores, Selection } from '../report/types.js';
import { evaluationBatches } from './batches.js';
import { type LabelledRow, storeRows } from './step-request.js';

export interface Evaluation {
  rows: LabelledRow[];
  /** Class probabilities of each row. */
  probabilities: number[][];
  predictions: number[];
  scores: Scores;
  /** Mean KL divergence from the labels, which for one-hot labels is the cross-entropy, in nats. */
  loss: number;
}

export async function evaluate(
  model: NativeModel,
  store: NativeStore,
  rows: readonly LabelledRow[],
  classes: number,
  config: TrainConfig,
): Promise<Evaluation> {
  const byId = new Map(rows.map((row) => [row.id, row]));
  const batches = evaluationBatches(
    rows.map((row) => ({ id: row.id, length: row.entry.length })),
    config.batch,
  );
  const ordered: LabelledRow[] = [];
  const logits: number[][] = [];
  for (const batch of batches) {
    const members = batch.map((id) => byId.get(id)!);
    const result = await model.forwardRows(store, storeRows(members), { precision: config.precision });
    members.forEach((member, row) => {
      ordered.push(member);
      logits.push(Array.from(result.logits.subarray(row * classes, (row + 1) * classes)));
    });
  }
  const labels = ordered.map((row) => row.label);
  const probabilities = logits.map((row) => softmax(row));
  const predictions = probabilities.map((row) => row.indexOf(Math.max(...row)));
  return {
    rows: ordered,
    probabilities,
    predictions,
    scores: scores(labels, predictions, classes),
    loss: crossEntropy(logits, labels),
  };
}

/** The part of an evaluation that a line of metrics.jsonl keeps. */
export function epochScores(evaluation: Evaluation): Omit<Scores, 'confusion'> & { loss: number } {
  const { confusion: _, ...rest } = evaluation.scores;
  return { ...rest, loss: evaluation.loss };
}

/** Lines of predictions.jsonl, sorted by id. */
export function predictionLines(
  evaluation: Evaluation,
  facts: {
    fold: number;
    seed: number;
    selection: Selection;
    classes: readonly string[];
    speakers: ReadonlyMap<string, string>;
  },
): PredictionLine[] {
  const { classes } = facts;
  return evaluation.rows
    .map((row, index) => ({
      fold: facts.fold,
      seed: facts.seed,
      selection: facts.selection,
      id: row.id,
      speaker: facts.speakers.get(row.id)!,
      label: classes[row.label]!,
      predicted: classes[evaluation.predictions[index]!]!,
      probabilities: Object.fromEntries(
        classes.map((name, c) => [name, evaluation.probabilities[index]![c]!]),
      ),
    }))
    .sort((a, b) => (a.id < b.id ? -1 : 1));
}
