/** Puts a fold plan together and hashes it. */

import type { Corpus } from '../corpus/types.js';
import { planHash } from './hash.js';
import type { Fold, FoldPlan, Validation } from './types.js';

export function planOf(made: {
  corpus: Corpus;
  protocol: string;
  validation: Validation;
  folds: Fold[];
  warnings: readonly string[];
}): FoldPlan {
  const { corpus, protocol, validation, folds, warnings } = made;
  const plan = { corpus: corpus.name, protocol, validation, folds };
  const { choices } = corpus;
  return {
    schema: 'ser-native/folds@1',
    ...plan,
    ...(choices && Object.keys(choices).length > 0 ? { choices } : {}),
    hash: planHash(plan),
    ...(warnings.length > 0 ? { warnings: [...warnings] } : {}),
  };
}
