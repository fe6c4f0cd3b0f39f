import type { TrainConfig } from '../config/schema.js';

export interface LearningRates {
  model: number;
  centers: number;
}

/**
 * Learning rates of a step.
 *
 * - `decay`: both rates are multiplied by `decay` after each epoch (the published set-up: 7/8).
 * - `one-cycle`: linear rise over the first `warmup` share of training, then a cosine to zero; centers follow the same
 *   shape. Trained from scratch this reaches a given accuracy in fewer epochs than `decay`.
 * - `constant`.
 *
 * @param progress share of the fold's training that is done after this step, in (0, 1]
 * @param epoch counts from 1
 */
export function learningRates(
  optimiser: TrainConfig['optimiser'],
  progress: number,
  epoch: number,
): LearningRates {
  const factor = scheduleFactor(optimiser, progress, epoch);
  return { model: optimiser.learningRate * factor, centers: optimiser.centerLearningRate * factor };
}

function scheduleFactor(optimiser: TrainConfig['optimiser'], progress: number, epoch: number): number {
  switch (optimiser.schedule) {
    case 'constant':
      return 1;
    case 'decay':
      return optimiser.decay ** (epoch - 1);
    case 'one-cycle': {
      if (progress < optimiser.warmup) return progress / optimiser.warmup;
      const fall = (progress - optimiser.warmup) / Math.max(1e-12, 1 - optimiser.warmup);
      return 0.5 * (1 + Math.cos(Math.PI * Math.min(1, fall)));
    }
  }
}
