/** What a report says of its folds: a plan was verified before training, and this is what was looked at. */

import type { SampleStore } from '../audio/types.js';
import type { Corpus } from '../corpus/types.js';
import type { FoldPlan } from '../folds/types.js';
import type { RunReport } from '../report/types.js';
import { auditPlan } from './audit-plan.js';

/** The plan's audit without its fingerprints, which take too long to be made in passing: `ser-native audit` makes them. */
export function auditSummary(
  plan: FoldPlan,
  corpus: Corpus,
  store: SampleStore,
): NonNullable<RunReport['audit']> {
  const samplesSha256 = new Map([...store.entries].map(([id, entry]) => [id, entry.samplesSha256]));
  const { leaks, warnings, checked } = auditPlan(plan, { corpus, samplesSha256 });
  const told = new Set(plan.warnings); // stand among the report's warnings already
  return { leaks: leaks.length, warnings: warnings.filter((sentence) => !told.has(sentence)), checked };
}
