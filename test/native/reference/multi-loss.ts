/** The four losses as docs/method.md states them, in plain loops over doubles; values only. */
import type { LossValues, LossWeights } from '../../../bindings.js';

export interface MultiLossInput {
  batch: number;
  classes: number;
  width: number;
  logits: Float64Array;
  embedding: Float64Array;
  contrast: Float64Array;
  labels: Float64Array;
  baseClasses: Int32Array;
  centers: Float64Array;
  classWeights?: Float64Array;
  weights: LossWeights;
  gamma: number;
  temperature: number;
}

export interface MultiLossValues {
  total: number;
  raw: LossValues;
  scaled: LossValues;
}

export function multiLossReference(input: MultiLossInput): MultiLossValues {
  const { batch, classes, weights } = input;
  const raw = { kl: 0, focal: 0, center: 0, supcon: 0 };
  const dominant: number[] = [];
  for (let row = 0; row < batch; row++) {
    const y = input.labels.subarray(row * classes, (row + 1) * classes);
    const logP = logSoftmax(input.logits.subarray(row * classes, (row + 1) * classes));
    const weight = y.reduce((sum, share, c) => sum + share * (input.classWeights?.[c] ?? 1), 0);
    for (let c = 0; c < classes; c++) {
      if (y[c]! > 0) raw.kl += (weight * y[c]! * (Math.log(y[c]!) - logP[c]!)) / batch;
      raw.focal -= (weight * y[c]! * (1 - Math.exp(logP[c]!)) ** input.gamma * logP[c]!) / batch;
    }
    const base = input.baseClasses[row]!;
    const largest = Math.max(...y);
    dominant.push(y[base] === largest ? base : y.indexOf(largest));
  }
  raw.center = centerLoss(input, dominant);
  raw.supcon = supCon(input, dominant);
  const scaled = {
    kl: raw.kl / Math.log(classes),
    focal: raw.focal / Math.log(classes),
    center: raw.center / (1 + raw.center),
    supcon: batch > 2 ? raw.supcon / Math.log(batch - 1) : 0,
  };
  const total =
    weights.kl * scaled.kl +
    weights.focal * scaled.focal +
    weights.center * scaled.center +
    weights.supcon * scaled.supcon;
  return { total, raw, scaled };
}

function logSoftmax(logits: Float64Array): Float64Array {
  const largest = Math.max(...logits);
  const sum = logits.reduce((total, value) => total + Math.exp(value - largest), 0);
  return logits.map((value) => value - largest - Math.log(sum));
}

function centerLoss({ batch, width, embedding, centers }: MultiLossInput, dominant: number[]): number {
  let sum = 0;
  for (let row = 0; row < batch; row++) {
    for (let e = 0; e < width; e++) {
      sum += (embedding[row * width + e]! - centers[dominant[row]! * width + e]!) ** 2;
    }
  }
  return sum / batch;
}

/** Supervised contrastive loss, the "out" form (Khosla et al. 2020, equation 2), over anchors that have a positive. */
function supCon({ batch, width, contrast, temperature }: MultiLossInput, dominant: number[]): number {
  const unit = Array.from({ length: batch }, (_, row) => {
    const z = contrast.subarray(row * width, (row + 1) * width);
    const norm = Math.hypot(...z);
    return z.map((value) => value / norm);
  });
  const similarity = (i: number, j: number) =>
    unit[i]!.reduce((sum, value, e) => sum + value * unit[j]![e]!, 0) / temperature;
  const others = (i: number) => unit.map((_, j) => j).filter((j) => j !== i);
  let sum = 0;
  let anchors = 0;
  for (let i = 0; i < batch; i++) {
    const positives = others(i).filter((j) => dominant[j] === dominant[i]);
    if (positives.length === 0) continue;
    const denominator = Math.log(others(i).reduce((total, j) => total + Math.exp(similarity(i, j)), 0));
    for (const j of positives) sum -= (similarity(i, j) - denominator) / positives.length;
    anchors++;
  }
  return anchors === 0 ? 0 : sum / anchors;
}
