/** `train --train-fraction` with several shares: a run for each, then the curve. */
import { InvalidArgumentError } from 'commander';
import { UsageError } from '../errors.js';
import {
  type CurveIn,
  curveDifferences,
  type LearningCurveOptions,
  readLearningCurve,
  renderLearningCurvePage,
  renderLearningCurveText,
  share,
  trainLearningCurve,
} from '../learning-curve/index.js';
import type { TrainEvent } from '../train/types.js';
import type { Terminal } from './terminal.js';

/** `0.1,0.25,0.5,1` */
export function fractionList(text: string): number[] {
  return text.split(',').map((part) => {
    const value = Number(part);
    if (part.trim() === '' || !(value > 0 && value <= 1))
      throw new InvalidArgumentError('expected shares above 0 and up to 1, such as 0.1,0.25,0.5,1.');
    return value;
  });
}

/** Trains the curve and prints it; `show` hears what the runs tell. */
export async function runLearningCurve(
  options: Omit<LearningCurveOptions, 'onEvent'>,
  output: { json: boolean; terminal: Terminal; show?: (event: TrainEvent) => void },
): Promise<void> {
  const { json, terminal, show } = output;
  const { out, curve } = await trainLearningCurve({
    ...options,
    onEvent: (event) => {
      if (json) process.stdout.write(`${JSON.stringify(event)}\n`);
      else if (event.type === 'fraction-start') {
        terminal.line('');
        terminal.line(
          terminal.bold(`${share(event.fraction)} of the training part`) +
            `  run ${event.index + 1} of ${event.fractions}`,
        );
      } else if (event.type === 'fraction-end') {
        if (event.reused) terminal.line('finished before');
      } else show?.(event);
    },
  });
  terminal.end();
  if (json) process.stdout.write(`${JSON.stringify({ type: 'learning-curve', out, curve })}\n`);
  else {
    process.stdout.write(`\n${renderLearningCurveText([{ folder: out, curve }])}\n`);
    process.stdout.write(`\nReport: ${terminal.path(out)}/learning-curve.html\n`);
  }
}

/** The learning curves of folders; null where none of them holds one. */
export async function learningCurvesOf(folders: readonly string[]): Promise<CurveIn[] | null> {
  const found = await Promise.all(
    folders.map(async (folder) => ({ folder, curve: await readLearningCurve(folder) })),
  );
  const curves = found.flatMap(({ folder, curve }) => (curve ? [{ folder, curve }] : []));
  return curves.length === folders.length && curves.length > 0 ? curves : null;
}

/**
 * Learning curves under one another, as the formats of `report`.
 *
 * @throws UsageError for a format that they do not come in
 */
export async function learningCurveReport(curves: readonly CurveIn[], format: string): Promise<string> {
  const differences = curves.length > 1 ? await curveDifferences(curves) : [];
  switch (format) {
    case 'text':
      return `${renderLearningCurveText(curves, differences)}\n`;
    case 'html':
      return renderLearningCurvePage(curves, differences);
    case 'json': {
      const all = curves.map(({ curve }) => curve);
      return `${JSON.stringify(all.length === 1 ? all[0] : { curves: all, differences }, null, 2)}\n`;
    }
    default:
      throw new UsageError(`learning curves do not come as ${format}`, {
        code: 'E_USAGE',
        cure: 'Use --format text, html or json; the runs of a curve, fraction-..., come in every format.',
      });
  }
}
