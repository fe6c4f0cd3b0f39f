/** Shapes of the files of a run folder that other programs rely on. Fractions, never percent; folds count from 1. */
import type { Validation } from '../folds/types.js';

export type Selection = 'selected' | 'bestOnTest';

/** Metrics of one set of predictions. */
export interface Scores {
  /** Utterances. */
  n: number;
  /** Weighted accuracy: accuracy over all utterances. */
  wa: number;
  /** Unweighted accuracy: mean of the per-class recalls; null where a class has no utterance. */
  ua: number | null;
  /** Weighted F1. */
  wf1: number;
  /** Macro F1. */
  mf1: number;
  /** confusion[true][predicted], in the order of `classes`. */
  confusion: number[][];
}

/** Low and high end of a 95 % interval, clustered by speaker. */
export type Interval = [low: number, high: number];

/** Scores over all held-out utterances together. */
export interface PooledScores extends Scores {
  /** Clustered by speaker; null where the figure is, or with a single speaker. */
  ci95?: Record<'wa' | 'ua' | 'wf1' | 'mf1', Interval | null>;
}

/** Scores of the utterances of one speaker, session or gender, over all folds. */
export interface GroupScores {
  name: string;
  n: number;
  wa: number;
  /** Over the classes that the group has; `classes` says how many. */
  ua: number;
  classes: number;
}

/** Recall and precision of one class over all held-out utterances. */
export interface ClassScores {
  name: string;
  support: number;
  recall: number | null;
  precision: number | null;
  f1: number;
}

/** How far the probability of the top label can be taken at its word. */
export interface Calibration {
  /** Expected calibration error over 15 equal-width bins of the top label's probability. */
  ece: number;
  /** Mean over utterances of the squared distance between probabilities and the one-hot label, summed over classes. */
  brier: number;
  /** Bins of the reliability diagram; those without an utterance are left out. */
  bins: { low: number; high: number; n: number; confidence: number; accuracy: number }[];
}

export interface FoldSelection extends Omit<Scores, 'n'> {
  /** Counts from 1. */
  epoch: number;
}

export interface FoldReport {
  fold: number;
  seed: number;
  /** Utterances held out. */
  n: number;
  /** Chosen on validation (highest UA, then lower loss, then the earlier epoch): the honest selection. */
  selected: FoldSelection;
  /** Chosen by UA on the test fold: how much of the literature selects, an optimistic bound. */
  bestOnTest: FoldSelection;
}

export interface Spread {
  mean: number | null;
  /** Standard deviation with n - 1; null with a single fold. */
  std: number | null;
}

export interface SelectionSummary {
  wa: Spread;
  ua: Spread;
  wf1: Spread;
  mf1: Spread;
}

export interface RunReport {
  schema: 'ser-native/report@1';
  /** Folder-safe name of the run. */
  run: string;
  created: string;
  version: string;
  corpus: string;
  /** True where the speech is computed, not recorded. */
  synthetic: boolean;
  protocol: string;
  /** Folds that the protocol has; fewer may have been run. */
  protocolFolds: number;
  validation: Validation;
  classes: string[];
  seeds: number[];
  folds: FoldReport[];
  mean: Record<Selection, SelectionSummary>;
  pooled: Record<Selection, PooledScores>;
  /** Speakers held out: the clusters of the intervals. */
  speakers?: number;
  /** Of the validation-selected epoch's predictions. */
  perClass?: ClassScores[];
  /** Of the validation-selected epoch's predictions; sessions and genders only where the corpus names them. */
  groups?: { speaker: GroupScores[]; session?: GroupScores[]; gender?: GroupScores[] };
  /** Validation-selected; `scaled` after each fold's temperature, which was fitted on its validation part. */
  calibration?: { plain: Calibration; scaled?: Calibration; temperatures?: number[] };
  /** The corpus was not complete: no figure here compares with a published one. */
  partial?: boolean;
  /** What was looked for in the folds and in what was predicted, and what was found. Leaks are refused before training. */
  audit?: { leaks: number; warnings: string[]; checked: string[] };
  warnings: string[];
}

/** A line of `predictions.jsonl`: one per held-out utterance and selection. */
export interface PredictionLine {
  fold: number;
  seed: number;
  selection: Selection;
  id: string;
  speaker: string;
  session?: string;
  gender?: 'male' | 'female';
  /** The true class. */
  label: string;
  predicted: string;
  probabilities: Record<string, number>;
}

/** A line of `metrics.jsonl`. Holds no wall-clock time, so that a resumed run repeats it byte for byte. */
export interface EpochLine {
  type: 'epoch';
  seed: number;
  fold: number;
  /** Counts from 1. */
  epoch: number;
  steps: number;
  learningRate: number;
  /** Mean over the epoch's steps. */
  train: {
    total: number;
    raw: Record<LossName, number>;
    scaled: Record<LossName, number>;
    gradNorm: number;
    /** Accuracy of the argmax against the label's argmax, on mixed and augmented audio. */
    wa: number;
    mixed: number;
    mixSkipped: number;
    nonFinite: number;
  };
  /** Absent with `--validation none`. */
  validation?: Omit<Scores, 'confusion'> & { loss: number };
  /** Absent where nothing is held out: the model fitted on all the data. */
  test?: Omit<Scores, 'confusion'> & { loss: number };
}

export type LossName = 'kl' | 'focal' | 'center' | 'supcon';

/** An utterance drawn in the report with its pooling weights. */
export interface SpotlightExample {
  id: string;
  fold: number;
  label: string;
  predicted: string;
  confidence: number;
  /** Seconds. */
  duration: number;
  /** Envelope of the waveform: (min, max) pairs of equal spans, in [-1, 1]. */
  envelope: [number, number][];
  /** Pooling weight of each frame, sums to 1. */
  weights: number[];
}

/** Everything that the HTML page shows beyond `report.json`. */
export interface ReportPageInput {
  report: RunReport;
  epochs: EpochLine[];
  /** Both selections' lines of `predictions.jsonl`; without them the page has no section on speakers. */
  predictions?: PredictionLine[];
  spotlights: SpotlightExample[];
  /** The full configuration, as resolved. */
  config: unknown;
  /** How to run it again. */
  command: string;
  /** Versions, machine, seconds. */
  environment: Record<string, string>;
}
