/** Several learning curves over the same shares: what one method gains on another, and where. */
import { join } from 'node:path';
import { compareRuns, type RunAgainstFirst } from '../compare/index.js';
import { DataError } from '../errors.js';
import type { LearningCurve } from './types.js';

export interface CurveIn {
  folder: string;
  curve: LearningCurve;
}

/** A curve against the first at one share, over the utterances that both hold out. */
export interface CurveDifference {
  curve: string;
  against: string;
  fraction: number;
  ua: Pick<RunAgainstFirst['ua'], 'difference' | 'ci95' | 'p'>;
  wa: Pick<RunAgainstFirst['wa'], 'difference' | 'ci95' | 'p'>;
}

/** Names of the curves; their folders where two have the same. */
export function curveNames(curves: readonly CurveIn[]): string[] {
  const names = curves.map(({ curve }) => curve.name);
  return new Set(names).size === names.length ? names : curves.map(({ folder }) => folder);
}

/**
 * Compares every curve with the first at each share that both have, paired by speaker.
 *
 * @throws DataError `E_COMPARE_CORPUS` for curves of different corpora, and what `compareRuns` throws
 */
export async function curveDifferences(curves: readonly CurveIn[]): Promise<CurveDifference[]> {
  const [first, ...others] = curves as [CurveIn, ...CurveIn[]];
  const names = curveNames(curves);
  const found: CurveDifference[] = [];
  for (const [index, other] of others.entries()) {
    if (other.curve.corpus !== first.curve.corpus) {
      throw new DataError(
        `the curves are of different corpora: ${first.curve.corpus} in ${first.folder}, ${other.curve.corpus} in ${other.folder}`,
        { code: 'E_COMPARE_CORPUS', cure: 'Put curves of one corpus side by side.' },
      );
    }
    for (const point of first.curve.points) {
      const same = other.curve.points.find(({ fraction }) => fraction === point.fraction);
      if (!same) continue;
      const runs = [join(first.folder, point.run), join(other.folder, same.run)];
      const { ua, wa } = (await compareRuns(runs)).others[0]!;
      const part = ({ difference, ci95, p }: RunAgainstFirst['ua']) => ({ difference, ci95, p });
      found.push({
        curve: names[index + 1]!,
        against: names[0]!,
        fraction: point.fraction,
        ua: part(ua),
        wa: part(wa),
      });
    }
  }
  return found;
}

/** What tells curves apart, in words. */
export function describeCurve({ corpus, protocol, config, points }: LearningCurve): string {
  const { mix, pooling, losses, epochs } = config;
  const on = Object.entries(losses).flatMap(([name, weight]) => (weight > 0 ? [name] : []));
  const folds = points[0]?.folds ?? [];
  const seeds = points[0]?.seeds ?? [];
  return `${corpus}, ${protocol}: mix ${mix.kind}, pooling ${pooling}, losses ${on.join(' + ')}, ${epochs} epochs; ${named('fold', folds)}, ${named('seed', seeds)}`;
}

/** `fold 1`, `folds 1, 2`. */
function named(noun: string, numbers: readonly number[]): string {
  return `${noun}${numbers.length === 1 ? '' : 's'} ${numbers.join(', ')}`;
}
