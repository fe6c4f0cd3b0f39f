/** Learning curves: results by how much of the training part was used. */
export { readLearningCurve } from './curve-file.js';
export { renderLearningCurvePage } from './page.js';
export { type CurveDifference, type CurveIn, curveDifferences, describeCurve } from './side-by-side.js';
export { renderLearningCurveText, share } from './text.js';
export { type LearningCurveResult, trainLearningCurve } from './train-curve.js';
export type { CurvePoint, LearningCurve, LearningCurveEvent, LearningCurveOptions } from './types.js';
