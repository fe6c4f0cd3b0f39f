/** What judging a trained model on a corpus takes and gives. Fractions, never percent. */
import type { Interval, PooledScores, PredictionLine, SelectionSummary } from '../report/types.js';
import type { DeviceChoice } from '../runtime/choose-variant.js';

/** What becomes of what a model says besides the classes that it shares with the corpus. */
export type OtherClasses = 'renormalise' | 'error';

export interface EvaluateOptions {
  /** A run folder, a fold's folder, or a `.safetensors` checkpoint that `train` wrote. */
  model: string;
  /** Default: the corpus that the run was trained on, with its data and choices. */
  corpus?: string;
  /** Folder or manifest of the corpus. */
  data?: string;
  choices?: Record<string, string>;
  allowPartial?: boolean;
  speakerPattern?: string;
  speakers?: 'per-file';
  onBadAudio?: 'fail' | 'skip';
  /** Only these folds' models; all finished ones where absent. */
  folds?: readonly number[];
  /** JSON, YAML or CSV: the corpus' labels to the model's classes, or to null to leave them out. */
  labelMap?: string;
  /** `renormalise` (default): probabilities over the classes both have. `error`: any other prediction is wrong. */
  otherClasses?: OtherClasses;
  /** You state that the model was trained on none of these speakers, where that cannot be found out. */
  unseen?: boolean;
  /** Signal-to-noise ratios, dB. */
  noise?: readonly number[];
  /** `white` (default), `pink`, `babble`, or a folder or file of recordings. */
  noiseKind?: string;
  /** Changes of level, dB. */
  gain?: readonly number[];
  /** Of the noise. */
  seed?: number;
  threads?: number;
  /** Where to compute; default `auto`, as `train` has it. */
  device?: DeviceChoice;
  signal?: AbortSignal;
  onEvent?: (event: EvaluateEvent) => void;
}

export type EvaluateEvent =
  | {
      type: 'corpus';
      name: string;
      synthetic: boolean;
      utterances: number;
      speakers: number;
      classes: string[];
    }
  | { type: 'decode'; done: number; total: number; etaSeconds: number | null }
  | { type: 'warning'; message: string }
  /** `done` of `total` utterances times conditions times models. */
  | { type: 'judged'; model: string; done: number; total: number; etaSeconds: number | null };

/** A figure under a condition minus the same clean, over the same utterances. */
export interface Change {
  difference: number;
  /** Paired by speaker; null with a single one. */
  ci95: Interval | null;
  /** Permutation test over speakers; null with a single one. */
  p: number | null;
}

export interface ModelScores extends PooledScores {
  /** `fold 1`, `fold 1 of seed 2`, `final`. */
  name: string;
  /** 0 for a model fitted on all the data. */
  fold: number;
  seed: number;
}

export interface ConditionReport {
  /** `clean`, `noise 10 dB`, `gain -20 dB`. */
  name: string;
  kind: 'clean' | 'noise' | 'gain';
  /** dB; null for clean. */
  level: number | null;
  /** Each model over the utterances that it judged. */
  models: ModelScores[];
  /** Over the folds' models. */
  mean: SelectionSummary;
  /** What `basis` says. */
  overall: PooledScores;
  /** Against clean; null for clean itself and where a figure is not defined. */
  change: { ua: Change | null; wa: Change | null } | null;
  /** Share of samples that full scale cut off. */
  clipped: number;
}

export interface Evaluation {
  schema: 'ser-native/evaluation@1';
  created: string;
  version: string;
  /** Name of the run folder or file, and its path. */
  model: string;
  path: string;
  trained: { corpus: string; protocol: string; synthetic: boolean; classes: string[] };
  corpus: {
    name: string;
    synthetic: boolean;
    partial: boolean;
    choices: Record<string, string>;
    /** Judged, and by how many speakers. */
    utterances: number;
    speakers: number;
  };
  /** `own`: each fold's model on its own test part alone. `other`: every model on all of the corpus. */
  kind: 'own' | 'other';
  /** What `overall` is: own test parts pooled, the average of the folds' probabilities, or the one model. */
  basis: 'pooled' | 'ensemble' | 'single';
  /** Classes judged, in the model's order. */
  classes: string[];
  otherClasses: OtherClasses;
  /** Classes of the model that the corpus lacks. */
  classesLeftOut: string[];
  /** Utterances left out, by label. */
  labelsLeftOut: Record<string, number>;
  /** Labels that were mapped to a class of another name. */
  labelsMapped: Record<string, string>;
  /** Utterances left out for another reason. */
  leftOut: Record<string, number>;
  /** UA and WA of guessing: one of the classes at random, and always the most frequent one. */
  chance: { ua: number; wa: number };
  precision: 'fp32' | 'bf16';
  noise?: { kind: string; description: string; seed: number };
  /** Clean first. */
  conditions: ConditionReport[];
  warnings: string[];
}

/** A line of the evaluation's `predictions.jsonl`. */
export interface EvaluationLine extends Omit<PredictionLine, 'selection'> {
  /** Name of the evaluated run or file. */
  run: string;
  /** `fold 1`, `fold 1 of seed 2`, `final`, or `ensemble`. */
  model: string;
  condition: string;
}

export interface EvaluationResult {
  evaluation: Evaluation;
  lines: EvaluationLine[];
}
