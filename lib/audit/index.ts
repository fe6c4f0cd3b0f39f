/** The audit: leaks in plans and runs, found and told. */

export { type AuditOptions, type AuditProgress, audit } from './audit.js';
export { type AuditPlanOptions, auditPlan } from './audit-plan.js';
export type { AuditedPlan, AuditReport, NearDuplicate } from './types.js';
