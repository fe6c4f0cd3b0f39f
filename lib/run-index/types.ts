/** What the index of runs knows of a run, and how it is asked. */
import type { TrainConfig } from '../config/schema.js';
import type { Spread } from '../report/types.js';
import type { RunFile } from '../train/run-folder.js';

export interface RunFigures {
  /** Over folds; with several seeds over the seeds' means. */
  mean: Spread;
  /** Over all held-out predictions together; null where no report has been written yet. */
  pooled: number | null;
}

export interface RunSummary {
  /** Name of the folder. */
  name: string;
  path: string;
  /**
   * `stopped`: it says that it runs, and no process does it any more. `partial`: all folds that were asked for are finished, and
   * the protocol has more.
   */
  status: RunFile['status'] | 'stopped' | 'partial';
  created: string;
  updated: string;
  corpus: string;
  protocol: string;
  preset: string;
  /** `mel`, or where the pretrained one comes from. */
  encoder: string;
  mix: string;
  pooling: string;
  /** Those that are on. */
  losses: string[];
  epochs: number;
  seeds: number[];
  /** Folds that are finished, over all seeds, of as many as the protocol has for them; null where that is not known yet. */
  folds: { done: number; of: number | null };
  /** Of the validation-selected epochs of the finished folds; null without one. */
  ua: RunFigures | null;
  wa: RunFigures | null;
  /** The configuration in full; of an older version it may lack fields. */
  config: TrainConfig;
}

/** A folder that was passed over, and why. */
export interface SkippedFolder {
  name: string;
  reason: string;
}

export type RunOrder = 'date' | 'ua' | 'wa' | 'name' | 'status';

export interface ListRunsOptions {
  /** Default `date`: the newest first. Figures sort from the highest down; runs without one come last. */
  sort?: RunOrder;
  /** `key=value`, all of which must hold: a field of the index (`corpus`, `mix`, ..) or of the configuration (`optimiser.learningRate`). */
  filter?: readonly string[];
}

export interface RunIndex {
  runs: RunSummary[];
  skipped: SkippedFolder[];
}
