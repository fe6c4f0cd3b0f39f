/** The hash of a fold plan: the same plan has the same hash, however its file is laid out. */

import { createHash } from 'node:crypto';

import type { FoldPlan } from './types.js';

/** JSON with sorted keys and no spaces, so that equal values are equal texts. */
export function canonicalJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(',')}]`;
  if (typeof value === 'object' && value !== null) {
    const entries = Object.entries(value).filter(([, field]) => field !== undefined);
    entries.sort(([a], [b]) => (a < b ? -1 : 1));
    return `{${entries.map(([key, field]) => `${JSON.stringify(key)}:${canonicalJson(field)}`).join(',')}}`;
  }
  return JSON.stringify(value);
}

/** sha256 (hex) over the canonical JSON of corpus, protocol, validation and folds. */
export function planHash(plan: Pick<FoldPlan, 'corpus' | 'protocol' | 'validation' | 'folds'>): string {
  const { corpus, protocol, validation } = plan;
  const folds = plan.folds.map(({ fold, train, validation, test }) => ({ fold, train, validation, test }));
  return createHash('sha256').update(canonicalJson({ corpus, protocol, validation, folds })).digest('hex');
}
