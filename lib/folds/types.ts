/** Fold plans: which utterances train, validate and test, as serialisable data. */

/**
 * Who chooses the epoch. `next-fold` (default): the next fold's test part. `none`: nobody, all else trains. `speaker` and
 * `session`: some whole speakers, or one whole session, of the training part (nested selection).
 */
export const VALIDATIONS = ['next-fold', 'none', 'speaker', 'session'] as const;
export type Validation = (typeof VALIDATIONS)[number];

/** The parts of a fold, in the order in which they are shown. */
export const PARTS = ['train', 'validation', 'test'] as const;
export type Part = (typeof PARTS)[number];

export interface Fold {
  /** Counts from 1. */
  fold: number;
  /** Utterance ids, sorted. */
  train: string[];
  validation: string[];
  test: string[];
}

export interface FoldPlan {
  schema: 'ser-native/folds@1';
  corpus: string;
  protocol: string;
  validation: Validation;
  /** What was chosen of the corpus, where it leaves a choice; not part of the hash, which the ids already decide. */
  choices?: Record<string, string>;
  /** sha256 (hex) over the canonical JSON of corpus, protocol, validation and folds. */
  hash: string;
  folds: Fold[];
  /** Sentences a user should read (a class that a test part lacks); not part of the hash. */
  warnings?: string[];
}
