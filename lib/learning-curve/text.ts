/** Learning curves as a few lines for a terminal. */
import { points, pValue } from '../evaluate/figures.js';
import { brackets, percent, percentSpread } from '../report/format.js';
import { fittedTable, printable, wrap } from '../text-layout.js';
import { type CurveDifference, type CurveIn, curveNames, describeCurve } from './side-by-side.js';

const WIDTH = 100;

/** A table of each curve, then of the differences from the first. No trailing line break. */
export function renderLearningCurveText(
  curves: readonly CurveIn[],
  differences: readonly CurveDifference[] = [],
): string {
  const names = curveNames(curves);
  const blocks = curves.map(({ curve }, index) => {
    const rows = curve.points.map(({ fraction, utterances, mean, pooled }) => [
      share(fraction),
      utterances.toFixed(0),
      percentSpread(mean.ua),
      percent(pooled.ua),
      brackets(pooled.ci95?.ua),
      percentSpread(mean.wa),
      percent(pooled.wa),
    ]);
    const right = (title: string) => ({ title, align: 'right' as const });
    return [
      printable(names[index]!),
      ...wrap(printable(describeCurve(curve)), WIDTH),
      ...(curve.synthetic ? ['Synthetic speech: the figures say nothing about real speech.'] : []),
      '',
      ...fittedTable(
        [
          right('training'),
          right('utterances'),
          right('UA, %'),
          right('pooled UA'),
          right('95 % interval'),
          right('WA, %'),
          right('pooled WA'),
        ],
        rows,
        WIDTH,
      ),
    ].join('\n');
  });
  if (differences.length > 0) blocks.push(differenceTable(differences));
  return blocks.join('\n\n');
}

function differenceTable(differences: readonly CurveDifference[]): string {
  const right = (title: string) => ({ title, align: 'right' as const });
  return [
    `Pooled UA against ${printable(differences[0]!.against)}, paired by speaker; p: permutation test over speakers`,
    ...fittedTable(
      [{ title: 'curve' }, right('training'), right('difference'), right('95 % interval'), right('p')],
      differences.map(({ curve, fraction, ua }) => [
        printable(curve),
        share(fraction),
        points(ua),
        brackets(ua.ci95),
        pValue(ua.p),
      ]),
      WIDTH,
    ),
  ].join('\n');
}

/** `10 %`, `2.5 %`. */
export function share(fraction: number): string {
  return `${Number((100 * fraction).toPrecision(6))} %`;
}
