/** Calibration of a run's held-out probabilities, as they are and after each fold's temperature. */
import { calibration, temper } from '../metrics/index.js';
import type { Calibration, PredictionLine, RunReport, Selection } from './types.js';

interface CalibratedFold {
  temperature?: number | null;
  predictions: Record<Selection, PredictionLine[]>;
}

/**
 * Of the validation-selected epoch. `scaled` is given where every fold has a temperature: one that was fitted on the validation
 * part, so that the held-out utterances judge it as they judge the weights.
 */
export function runCalibration(
  folds: readonly CalibratedFold[],
  classes: readonly string[],
): NonNullable<RunReport['calibration']> {
  const temperatures = folds.flatMap(({ temperature }) => temperature ?? []);
  const plain = calibrationOf(folds, classes, () => 1);
  if (temperatures.length < folds.length) return { plain };
  return { plain, scaled: calibrationOf(folds, classes, (fold) => temperatures[fold]!), temperatures };
}

function calibrationOf(
  folds: readonly CalibratedFold[],
  classes: readonly string[],
  temperatureOf: (fold: number) => number,
): Calibration {
  const count = classes.length;
  const parts = folds.map(({ predictions }, fold) => {
    const rows = predictions.selected.flatMap((line) => classes.map((name) => line.probabilities[name] ?? 0));
    const temperature = temperatureOf(fold);
    return temperature === 1 ? rows : [...temper(rows, count, temperature)];
  });
  const labels = folds.flatMap(({ predictions }) =>
    predictions.selected.map((line) => classes.indexOf(line.label)),
  );
  return calibration(parts.flat(), labels, count);
}
