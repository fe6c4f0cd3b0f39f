/** Fold plans: protocols, the planner with its refusals, and stored plans. */

export { type CheckOptions, checkFolds } from './check.js';
export { planHash } from './hash.js';
export { readPlan, verifyPlan, writePlan } from './plan-file.js';
export { type PlanOptions, planFolds } from './planner.js';
export { defaultProtocol, protocolSummaries, protocolsFor } from './protocols.js';
export type { Fold, FoldPlan } from './types.js';
