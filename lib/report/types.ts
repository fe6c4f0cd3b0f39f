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
  /** What was chosen where the corpus leaves a choice; absent where its defaults were. */
  choices?: Record<string, string>;
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

/** A greyscale picture, drawn into the page as it is. */
export interface Picture {
  /** Pixels. */
  width: number;
  height: number;
  /** A PNG file, base64. */
  png: string;
}

/** An utterance drawn in the report with its pooling weights. */
export interface SpotlightExample {
  id: string;
  fold: number;
  label: string;
  predicted: string;
  confidence: number;
  /** Why it was picked: among the most certain right or wrong ones, or among the least certain. */
  why?: 'right' | 'wrong' | 'unsure';
  /** Seconds. */
  duration: number;
  /** Envelope of the waveform: (min, max) pairs of equal spans, in [-1, 1]. */
  envelope: [number, number][];
  /** Pooling weight of each frame, sums to 1; empty where the pooling has none. */
  weights: number[];
  /** Log-mel spectrogram over the same seconds: loud is bright, low frequencies are at the bottom. */
  spectrogram?: Picture;
}

/** Held-out utterances of one fold in the plane, by their embeddings in that fold's model. */
export interface EmbeddingMap {
  seed: number;
  fold: number;
  /** Of the model, counts from 1. */
  epoch: number;
  /** Utterances that the fold holds out; `points` may be a sample of them. */
  n: number;
  /** In the embedding space itself: share of the nearest neighbours of an utterance that are of its class, on average. */
  agreement: number;
  /** How many neighbours that looks at. */
  neighbours: number;
  /** x and y in [0, 1]. */
  points: { id: string; label: string; predicted: string; x: number; y: number }[];
}

/** What a share of an utterance is taken away by. */
export type DeletionOrder = 'highest' | 'random' | 'loudest' | 'lowest';

/** What becomes of the predicted class's probability when parts of utterances are cut out. */
export interface DeletionTest {
  utterances: number;
  speakers: number;
  /** Random placements per utterance and share. */
  draws: number;
  /** Shares of the frames that are cut out, from 0. */
  shares: number[];
  /** Mean probability of the class that the whole utterance was taken for, at each share. */
  probability: Record<DeletionOrder, number[]>;
  /**
   * By how much more the probability falls without the frames of highest weight than without frames elsewhere: the mean
   * difference over the shares (area between the curves), with its 95 % interval over speakers.
   */
  gap: Record<'random' | 'loudest', { mean: number; ci95: Interval | null }>;
}

/** `page.json` of a run folder: what the page shows and only the models can tell. */
export interface PageFile {
  schema: 'ser-native/page@1';
  spotlights: SpotlightExample[];
  maps: EmbeddingMap[];
  /** Null where pooling has no weights, or nothing was long enough. */
  deletion: DeletionTest | null;
}

/** Everything that the HTML page shows beyond `report.json`. */
export interface ReportPageInput {
  report: RunReport;
  epochs: EpochLine[];
  /** Both selections' lines of `predictions.jsonl`; without them, and without `report.groups`, no section on speakers. */
  predictions?: PredictionLine[];
  spotlights: SpotlightExample[];
  maps?: EmbeddingMap[];
  deletion?: DeletionTest | null;
  /** WAV files of spotlights, base64, by utterance id: only where the user asked to embed audio. */
  audio?: Record<string, string>;
  /** The full configuration, as resolved. */
  config: unknown;
  /** How to run it again. */
  command: string;
  /** Versions, machine, seconds. */
  environment: Record<string, string>;
}
