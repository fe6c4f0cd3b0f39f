/** Metrics of predictions, and which epoch they are taken from. */
export { argmax, crossEntropy, softmax } from './probabilities.js';
export { classScores, poolScores, scores, scoresOfConfusion } from './scores.js';
export type { EpochChoice, EpochScores } from './select-epoch.js';
export { bestOnTest, selectEpoch } from './select-epoch.js';
export { spread } from './spread.js';
