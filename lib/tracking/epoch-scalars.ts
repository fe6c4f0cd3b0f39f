/** What TensorBoard shows of an epoch. */
import type { EpochLine } from '../report/types.js';

/**
 * Tags and values of a line of `metrics.jsonl`. The part before the slash is the group that TensorBoard puts side by side; a
 * figure that is not defined (the UA of a part that lacks a class) is left out.
 */
export function epochScalars(line: EpochLine): [tag: string, value: number][] {
  const { train } = line;
  const scalars: [string, number | null][] = [
    ['train/loss', train.total],
    ['train/WA', train.wa],
    ['train/gradient_norm', train.gradNorm],
    ['train/learning_rate', line.learningRate],
  ];
  for (const [name, value] of Object.entries(train.raw)) scalars.push([`loss_raw/${name}`, value]);
  for (const [name, value] of Object.entries(train.scaled)) scalars.push([`loss_scaled/${name}`, value]);
  for (const part of ['validation', 'test'] as const) {
    const scores = line[part];
    if (!scores) continue;
    scalars.push([`${part}/UA`, scores.ua], [`${part}/WA`, scores.wa], [`${part}/loss`, scores.loss]);
  }
  return scalars.filter((scalar): scalar is [string, number] => scalar[1] !== null);
}
