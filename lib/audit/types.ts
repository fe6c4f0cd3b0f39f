/** What an audit tells. */

import type { Leak } from '../folds/leaks.js';
import type { Fold } from '../folds/types.js';

export interface AuditReport {
  /** What was audited, in words: `fold plan folds.json`. */
  subject: string;
  corpus: string;
  protocol: string;
  /** Of the plan's content; undefined where the file has none of ours. */
  hash?: string;
  folds: { fold: number; train: number; validation: number; test: number; leaks: number }[];
  /** Speakers, utterances and recordings in two parts of a fold: any one makes the figures worthless. */
  leaks: Leak[];
  /** What else makes them so: a changed plan, predictions of what is not tested, an epoch that the metrics do not choose. */
  faults: string[];
  /** What a reader must weigh, and no fault: texts or sessions that training and test share, a class that a part lacks. */
  warnings: string[];
  /** What was looked at. */
  checked: string[];
  /** What could not be, and why. */
  notChecked: string[];
}

/** Of a fold plan what an audit looks at; plans of other tools have no more. */
export interface AuditedPlan {
  corpus: string;
  protocol: string;
  folds: Fold[];
}

/** Two utterances that hold one recording, as their fingerprints tell. */
export interface NearDuplicate {
  ids: [string, string];
  /** Share of bits that differ where the two overlap, 0 to 1. */
  distance: number;
  /** By how many seconds the sound comes later in the second. */
  offset: number;
  /** Seconds of sound in common. */
  overlap: number;
}
