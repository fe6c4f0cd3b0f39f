/** Fold plans: protocols, the planner with its refusals, and stored plans. */

export { type CheckOptions, checkFolds } from './check.js';
export { type GroupPlan, stateByGroups } from './group-plan.js';
export { planHash } from './hash.js';
export { loadPlan, readPlan, readPlanFile, verifyPlan, writePlan } from './plan-file.js';
export { type PlanOptions, planFolds } from './planner.js';
export { defaultProtocol, protocolSummaries, protocolsFor } from './protocols.js';
export type { Fold, FoldPlan, Validation } from './types.js';
