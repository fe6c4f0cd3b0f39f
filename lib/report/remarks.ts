/** What makes a run's figures something else than they seem. */
import type { RunReport } from './types.js';

/** `2 of 6 folds`, for each seed that has not finished all; empty for a whole protocol. */
export function unfinishedFolds({ seeds, folds, protocolFolds }: RunReport): string[] {
  return seeds.flatMap((seed) => {
    const done = folds.filter((fold) => fold.seed === seed).length;
    if (done >= protocolFolds) return [];
    return [`${done} of ${protocolFolds} folds${seeds.length > 1 ? ` for seed ${seed}` : ''}`];
  });
}

/** What stands beside a run's name wherever its figures do. */
export function remarks(report: RunReport): string[] {
  return [
    ...(report.synthetic ? ['synthetic speech'] : []),
    ...(report.partial ? ['partial corpus'] : []),
    ...unfinishedFolds(report),
  ];
}
