/** Judging trained models on any corpus, clean and under noise or changes of level. */

export { type ComparedEvaluations, compareEvaluations, type RunDifference } from './compare-evaluations.js';
export { evaluateModel } from './evaluate.js';
export { renderEvaluationPage } from './page.js';
export { renderEvaluationText } from './text.js';
export type {
  Change,
  ConditionReport,
  EvaluateEvent,
  EvaluateOptions,
  Evaluation,
  EvaluationLine,
  EvaluationResult,
  ModelScores,
  OtherClasses,
} from './types.js';
export { evaluationJson, writeEvaluation } from './write.js';
