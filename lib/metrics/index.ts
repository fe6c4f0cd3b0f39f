/** Metrics of predictions, and which epoch they are taken from. */
export { argmax, crossEntropy, softmax } from './probabilities.js';
export { classScores, poolScores, scores, scoresOfConfusion } from './scores.js';
export type { EpochScores, SelectionBasis } from './selection.js';
export { bestOnTest, selectEpoch, selectionBasis } from './selection.js';
export { spread } from './spread.js';
