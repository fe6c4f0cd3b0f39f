/** What a training run takes, tells while it runs, and returns. */
import type { ModelConfig } from '../../bindings.js';
import type { BadAudio } from '../audio/types.js';
import type { TrainConfig, TrainConfigInput } from '../config/schema.js';
import type { PullEvent } from '../encoder/types.js';
import type { EpochLine, LossName, PredictionLine, RunReport, Selection } from '../report/types.js';
import type { RunProfile } from './profile.js';
import type { EncoderOrigin } from './train-encoder.js';

export interface TrainOptions {
  /** Preset, overridden by `config`. */
  preset?: string;
  /** Any part of the configuration; see docs/configuration.md. */
  config?: TrainConfigInput;
  /** Run folder; default `runs/<corpus>-<protocol>-<time>`. */
  out?: string;
  /** Continue a run: its folder, or true for the newest unfinished run of the same configuration in `runs`. */
  resume?: string | boolean;
  /** Stops after the running step, keeps a checkpoint, and rejects with InterruptedError. */
  signal?: AbortSignal;
  onEvent?: (event: TrainEvent) => void;
  /**
   * Profiles so many steps, after a few that warm up: `profile.json` and a trace for Chrome's viewer in the run folder.
   */
  profile?: number;
  /** Puts the audio of the drawn utterances into report.html; most corpora forbid passing audio on. */
  embedAudio?: boolean;
  /** The command that the report shows for running it again. */
  command?: string;
}

/** Progress, as a union told apart by `type`. */
export type TrainEvent =
  | { type: 'start'; out: string; resumed: boolean; config: TrainConfig; preset: string }
  | {
      type: 'corpus';
      name: string;
      synthetic: boolean;
      utterances: number;
      speakers: number;
      classes: string[];
      /** Files of the corpus' folder that are not part of it, and why. */
      dropped: { reason: string; files: number }[];
    }
  | {
      type: 'encoder';
      source: string;
      kind: string;
      layers: number;
      width: number;
      /** In words: what of it is trained. */
      trained: string;
    }
  /** Frames of a frozen encoder are computed once and kept; `total` utterances, or why that cannot be. */
  | { type: 'features'; done: number; total: number; path: string; etaSeconds: number | null }
  | { type: 'features-refused'; reason: string }
  | { type: 'pull'; progress: PullEvent }
  | { type: 'decode'; done: number; total: number; etaSeconds: number | null }
  | { type: 'store'; utterances: number; seconds: number; bad: BadAudio[] }
  | { type: 'plan'; protocol: string; hash: string; folds: number; running: number[] }
  | {
      type: 'fold-start';
      seed: number;
      fold: number;
      /** Left to train in this sitting, this one among them, over all seeds. */
      folds: number;
      train: number;
      validation: number;
      test: number;
      resumedEpoch: number;
    }
  | {
      type: 'step';
      seed: number;
      fold: number;
      epoch: number;
      epochs: number;
      /** Counts from 1 within the epoch. */
      step: number;
      steps: number;
      /** Seconds of audio per second, over the last steps. */
      audioPerSecond: number;
      total: number;
      scaled: Record<LossName, number>;
      learningRate: number;
      /** Best validation (or test, with no validation) UA so far. */
      bestUa: number | null;
      /** Seconds until all folds of all seeds are done, estimated. */
      etaSeconds: number;
    }
  | {
      type: 'epoch';
      line: EpochLine;
      seconds: number;
      audioPerSecond: number;
      best: boolean;
      etaSeconds: number;
    }
  | { type: 'checkpoint'; seed: number; fold: number; epoch: number; path: string }
  | {
      type: 'fold-end';
      seed: number;
      fold: number;
      selected: FoldOutcome['selected'];
      bestOnTest: FoldOutcome['bestOnTest'];
      reused: boolean;
    }
  /** Models are looked into for the report's page; `done` of `total` folds. */
  | { type: 'explain'; done: number; total: number }
  /** Where the time of the profiled steps went; written to `path`. */
  | { type: 'profile'; profile: RunProfile; path: string }
  | { type: 'warning'; message: string }
  | { type: 'done'; out: string; report: RunReport };

export interface SelectedEpoch {
  /** Counts from 1. */
  epoch: number;
  wa: number;
  ua: number | null;
}

/** What a finished fold leaves: `fold-N/result.json`. */
export interface FoldOutcome {
  schema: 'ser-native/fold@1';
  fold: number;
  seed: number;
  epochs: EpochLine[];
  /**
   * Temperature fitted on the validation part at the selected epoch; null without one, absent in results of older versions. The
   * predictions here are the uncalibrated ones.
   */
  temperature?: number | null;
  selected: SelectedEpoch;
  bestOnTest: SelectedEpoch;
  predictions: Record<Selection, PredictionLine[]>;
}

export interface TrainResult {
  /** The run folder. */
  out: string;
  report: RunReport;
  config: TrainConfig;
}

/** What a model checkpoint says of itself, as the metadata of its safetensors file. */
export interface ModelCard {
  format: 'ser-native/model@1';
  version: string;
  model: ModelConfig;
  /** Where the pretrained encoder came from; a model whose encoder stayed frozen needs it again. */
  origin?: EncoderOrigin;
  classes: string[];
  /** Leading and trailing sound this many dB below the loudest frame is left out; 0 = nothing is. */
  trim: number;
  corpus: string;
  synthetic: boolean;
  protocol: string;
  /** Of the fold plan, which tells the utterances that it was trained on; absent in checkpoints of older versions. */
  planHash?: string;
  /** 0 for a model fitted on all the data. */
  fold: number;
  seed: number;
  epoch: number;
  /** Probabilities are the softmax of the logits divided by this; absent where no validation part was there to fit it on. */
  temperature?: number;
}
