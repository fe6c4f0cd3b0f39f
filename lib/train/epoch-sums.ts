/** Sums over the steps of an epoch, and the means that a line of metrics.jsonl holds. */
import type { StepResult } from '../../bindings.js';
import type { EpochLine, LossName } from '../report/types.js';
import type { EpochSums } from './checkpoint.js';

export const LOSS_NAMES: readonly LossName[] = ['kl', 'focal', 'center', 'supcon'];

const zeros = (): Record<LossName, number> => ({ kl: 0, focal: 0, center: 0, supcon: 0 });

export function emptySums(): EpochSums {
  return {
    steps: 0,
    total: 0,
    raw: zeros(),
    scaled: zeros(),
    gradNorm: 0,
    correct: 0,
    utterances: 0,
    mixed: 0,
    mixSkipped: 0,
    nonFinite: 0,
  };
}

/** Adds a step. A non-finite step is counted, but its losses stay out of the means, which they would spoil. */
export function addStep(sums: EpochSums, result: StepResult, labels: readonly number[], mixed: number): void {
  sums.utterances += labels.length;
  sums.mixed += mixed;
  sums.mixSkipped += result.mixSkipped.reduce((count, flag) => count + flag, 0);
  labels.forEach((label, row) => {
    if (result.predictions[row] === label) sums.correct++;
  });
  if (result.nonFinite) {
    sums.nonFinite++;
    return;
  }
  sums.steps++;
  sums.total += result.total;
  sums.gradNorm += result.gradNorm;
  for (const name of LOSS_NAMES) {
    sums.raw[name] += result.raw[name];
    sums.scaled[name] += result.scaled[name];
  }
}

export function trainMeans(sums: EpochSums): EpochLine['train'] {
  const steps = Math.max(1, sums.steps);
  const mean = (values: Record<LossName, number>) =>
    Object.fromEntries(LOSS_NAMES.map((name) => [name, values[name] / steps])) as Record<LossName, number>;
  return {
    total: sums.total / steps,
    raw: mean(sums.raw),
    scaled: mean(sums.scaled),
    gradNorm: sums.gradNorm / steps,
    wa: sums.correct / Math.max(1, sums.utterances),
    mixed: sums.mixed,
    mixSkipped: sums.mixSkipped,
    nonFinite: sums.nonFinite,
  };
}
