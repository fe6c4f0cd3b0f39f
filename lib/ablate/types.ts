/** Files of an ablation's folder, and what `ablate` takes, tells and returns. */
import type { TrainConfigInput } from '../config/schema.js';
import type { EpochLine, Selection } from '../report/types.js';
import type { DecidingSettings } from '../train/run-folder.js';
import type { SelectedEpoch, TrainEvent } from '../train/types.js';
import type { AblationTable } from './table.js';

/** One training: a variant on a fold with a seed. */
export interface Cell {
  variant: string;
  fold: number;
  seed: number;
}

/** Names the cell's file and folder. */
export const cellName = ({ variant, fold, seed }: Cell) => `${variant}-f${fold}-s${seed}`;

/** `cells/<name>.json`: all that the table needs, so that a cell can be carried to another machine. */
export interface CellFile extends Cell {
  schema: 'ser-native/ablation-cell@1';
  /** Of `config`. */
  configHash: string;
  planHash: string;
  /** Of the decoded samples of the whole corpus. */
  storeHash: string;
  config: DecidingSettings;
  /** Versions of ser-native, Node and LibTorch, and the processor. */
  made: Record<string, string>;
  /** Training and judging all epochs; null where that was done in a sitting that ended before it could be noted. */
  seconds: number | null;
  epochs: { validation?: EpochScores; test?: EpochScores }[];
  selected: SelectedEpoch;
  bestOnTest: SelectedEpoch;
  classes: string[];
  /** The held-out utterances and, as indices into `classes`, what is true and what was predicted. */
  held: {
    ids: string[];
    speakers: string[];
    labels: number[];
    predicted: Record<Selection, number[]>;
  };
}

type EpochScores = Pick<NonNullable<EpochLine['test']>, 'wa' | 'ua' | 'loss'>;

/** `ablation.json`: what all cells of the folder have in common, and the grid that was asked for last. */
export interface AblationFile {
  schema: 'ser-native/ablation@1';
  version: string;
  created: string;
  preset: string;
  corpus: string;
  /** As in `RunReport`. */
  choices?: Record<string, string>;
  synthetic: boolean;
  protocol: string;
  /** Folds that the protocol has. */
  protocolFolds: number;
  validation: string;
  classes: string[];
  partial?: boolean;
  planHash: string;
  storeHash: string;
  /** The folds are of a file, kept as `folds.json`, and not of a protocol by name. */
  ownPlan?: true;
  /** The full method. */
  config: DecidingSettings;
  grid: { folds: number[]; seeds: number[] };
}

export interface AblateOptions {
  /** Preset of the full method, overridden by `config`. */
  preset?: string;
  /** The full method: any part of the configuration. `folds` and `seeds` are those of the grid. */
  config?: TrainConfigInput;
  /** Folder of the cells and the table; an existing one is gone on with, and its settings are taken over. */
  out: string;
  /** Variants (`mix-lam`) or cells (`mix-lam-f1-s2`) to train now; the table has the whole grid. Default: all. */
  cells?: readonly string[];
  /** Keep the model of each cell, as `models/<cell>.safetensors`. */
  keepModels?: boolean;
  /** Stops after the running step, keeps a checkpoint, and rejects with InterruptedError. */
  signal?: AbortSignal;
  onEvent?: (event: AblateEvent) => void;
  /** The command that the page shows for running it again. */
  command?: string;
}

export type AblateEvent =
  | TrainEvent
  /** `finished` of the grid's `cells` are there; `training` are left for this process and others. */
  | { type: 'grid'; out: string; resumed: boolean; cells: number; finished: number; training: number }
  | { type: 'cell-start'; cell: string; variant: string; fold: number; seed: number; left: number }
  | {
      type: 'cell-end';
      cell: string;
      selected: SelectedEpoch;
      bestOnTest: SelectedEpoch;
      seconds: number | null;
    }
  /** Another process works on these; this one has nothing else to do and waits. */
  | { type: 'cells-waiting'; cells: { cell: string; holder: string }[] }
  | { type: 'cell-failed'; cell: string; message: string }
  | { type: 'ablation-done'; out: string; table: AblationTable; failed: string[] };

export interface AblateResult {
  out: string;
  table: AblationTable;
  /** Cells whose training diverged; they are missing from the table. */
  failed: string[];
}

/** A cell of the grid, and how long it takes. */
export interface PlannedCell extends Cell {
  cell: string;
  state: 'finished' | 'running' | 'begun' | 'open';
  /** Whether this call would train it. */
  asked: boolean;
  /** Of a finished cell what it took, else an estimate; null where no cell has finished yet. */
  seconds: number | null;
}
