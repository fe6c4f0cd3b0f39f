/** Metrics of predictions, which epoch they are taken from, and how far they can be trusted. */
export { CALIBRATION_BINS, calibration } from './calibration.js';
export { clusteredIntervals } from './clustered-interval.js';
export { holm } from './holm.js';
export { type McNemar, mcnemar } from './mcnemar.js';
export { type PairedFigure, type PairedTest, pairedTest } from './paired-test.js';
export { argmax, crossEntropy, softmax } from './probabilities.js';
export { classScores, poolScores, scores, scoresOfConfusion } from './scores.js';
export type { EpochScores, SelectionBasis } from './selection.js';
export { bestOnTest, selectEpoch, selectionBasis } from './selection.js';
export { type JudgedLine, marginsBySpeaker } from './speaker-margins.js';
export { FIGURES, type Figure } from './speaker-statistic.js';
export { spread, spreadOverSeeds } from './spread.js';
export { fitTemperature, temper } from './temperature.js';
