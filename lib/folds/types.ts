/** Fold plans: which utterances train, validate and test, as serialisable data. */

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
  /** `next-fold` (default) or `none`. */
  validation: 'next-fold' | 'none';
  /** sha256 (hex) over the canonical JSON of corpus, protocol, validation and folds. */
  hash: string;
  folds: Fold[];
  /** Sentences a user should read (a class that a test part lacks); not part of the hash. */
  warnings?: string[];
}
