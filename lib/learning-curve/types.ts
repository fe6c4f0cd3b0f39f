/** Learning curves: results by how much of the training part was used. Fractions, never percent. */
import type { TrainConfig } from '../config/schema.js';
import type { PooledScores, SelectionSummary } from '../report/types.js';
import type { TrainEvent, TrainOptions } from '../train/types.js';

export interface LearningCurveOptions extends Omit<TrainOptions, 'resume' | 'onEvent'> {
  /** Shares of the training part, each in (0, 1]. */
  fractions?: readonly number[];
  /** Go on with the curve in this folder, with its own settings and fractions. */
  resume?: string;
  onEvent?: (event: LearningCurveEvent) => void;
}

export type LearningCurveEvent =
  | TrainEvent
  | { type: 'fraction-start'; fraction: number; index: number; fractions: number; out: string }
  | { type: 'fraction-end'; fraction: number; reused: boolean; point: CurvePoint };

/** One share of the training part: a run of its own. */
export interface CurvePoint {
  fraction: number;
  /** Folder of the run, below the curve's. */
  run: string;
  /** Utterances trained on, mean over folds and seeds. */
  utterances: number;
  folds: number[];
  seeds: number[];
  /** Of the validation-selected epochs. */
  mean: SelectionSummary;
  pooled: PooledScores;
}

/** `learning-curve.json` */
export interface LearningCurve {
  schema: 'ser-native/learning-curve@1';
  /** Of the folder. */
  name: string;
  created: string;
  version: string;
  corpus: string;
  synthetic: boolean;
  protocol: string;
  classes: string[];
  preset: string;
  /** Of every run but for the fraction. */
  config: TrainConfig;
  /** Asked for; ascending. */
  fractions: number[];
  /** Finished so far; ascending. */
  points: CurvePoint[];
}
