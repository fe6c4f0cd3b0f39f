/** What every reader does about a copy that is not the published corpus: refuse it, or use it and say so. */

import { DataError } from '../errors.js';
import type { Corpus, CorpusOptions } from './types.js';

/**
 * The `partial` and `warnings` of a corpus.
 *
 * @param difference A sentence that says what the corpus has, what was found, and what is missing; undefined for a complete copy.
 * @param details Machine-readable facts about it, such as `{ missing: [...] }`.
 * @throws DataError `E_CORPUS_PARTIAL` for a copy that differs, unless `allowPartial`.
 */
export function settlePartial(
  options: Pick<CorpusOptions, 'allowPartial'>,
  difference: string | undefined,
  details?: unknown,
): Pick<Corpus, 'partial' | 'warnings'> {
  if (difference === undefined) return { warnings: [] };
  if (options.allowPartial !== true) {
    throw new DataError(difference, {
      code: 'E_CORPUS_PARTIAL',
      cure:
        'Complete the copy, or accept it as it is with --allow-partial (allowPartial in the API); its figures then compare ' +
        'with no published ones.',
      details,
    });
  }
  return {
    partial: true,
    warnings: [`Partial copy, not comparable with published figures. ${difference}`],
  };
}
