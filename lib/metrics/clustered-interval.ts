/**
 * 95 % intervals clustered by speaker. Utterances of one voice are alike, so it is the number of speakers that says how far a figure
 * can be trusted, not the number of utterances.
 */
import type { Interval } from '../report/types.js';
import { type SpeakerMargins, sumMargins } from './speaker-margins.js';
import { drawResamples, type Resamples } from './speaker-resamples.js';
import { FIGURES, type Figure, figureStatistic, type SpeakerStatistic } from './speaker-statistic.js';
import { studentQuantile } from './student-distribution.js';

/** Below this many speakers a bootstrap has too few distinct resamples; Student's t takes over. */
export const BOOTSTRAP_FROM = 8;
/** From this many on the bootstrap's correction is below a tenth of a percent point, and its cost is not. */
const BOOTSTRAP_TO = 200;
/** Odd ends: with 4999 resamples the quantiles are the 125th value from either side. */
const RESAMPLES = 4999;
const TAIL = 0.025;

export interface IntervalOptions {
  /** Of the resamples; equal seeds give equal intervals. Default 0. */
  seed?: number;
  /** Default 4999. */
  resamples?: number;
}

/** How an interval is made: `logit` keeps it within (0, 1), `plain` is for differences. */
export type Scale = 'logit' | 'plain';

/**
 * Intervals of WA, UA, weighted and macro F1 of the speakers' predictions taken together.
 *
 * @param speakers what `marginsBySpeaker` counts
 * @returns null where the figure is not defined, and with fewer than two speakers
 */
export function clusteredIntervals(
  speakers: readonly SpeakerMargins[],
  options: IntervalOptions = {},
): Record<Figure, Interval | null> {
  const clusters = speakers.map(({ margins }) => margins);
  const classes = (clusters[0]?.length ?? 0) / 3;
  const resamples = resamplesFor(speakers.length, options);
  return Object.fromEntries(
    FIGURES.map((figure) => [
      figure,
      clusteredInterval(clusters, figureStatistic(figure, classes), 'logit', resamples),
    ]),
  ) as Record<Figure, Interval | null>;
}

/** Resamples for so many speakers; null where the interval does without them. */
export function resamplesFor(speakers: number, options: IntervalOptions = {}): Resamples | null {
  if (speakers < BOOTSTRAP_FROM || speakers > BOOTSTRAP_TO) return null;
  return drawResamples(speakers, options.resamples ?? RESAMPLES, options.seed ?? 0);
}

/**
 * The interval of a statistic of summed counts.
 *
 * From 8 speakers on it is the studentised bootstrap (bootstrap-t) over speakers with the linearised standard error; below, and where
 * resamples cannot tell, Student's t with G - 1 degrees of freedom. Both on the logit scale for a share. Where all speakers
 * scored alike there is no spread to learn from: Wilson's interval with each speaker as a single trial, which is wide.
 */
export function clusteredInterval(
  clusters: readonly Float64Array[],
  statistic: SpeakerStatistic,
  scale: Scale,
  resamples: Resamples | null,
): Interval | null {
  if (clusters.length < 2) return null;
  const estimate = estimateOf(clusters, statistic, scale);
  if (estimate === null) return null;
  if (!(estimate.error > 0)) return withoutSpread(estimate.value, clusters.length, scale);
  return (
    (resamples && studentisedInterval(clusters, statistic, scale, estimate, resamples)) ??
    studentInterval(estimate, clusters.length, scale)
  );
}

/** A figure and its standard error between speakers, on the interval's scale. */
export interface Estimate {
  /** The figure itself. */
  value: number;
  /** Of the transformed figure; 0 where there is no spread, or where a share is 0 or 1. */
  error: number;
}

/** @returns null where the figure is not defined */
export function estimateOf(
  clusters: readonly Float64Array[],
  statistic: SpeakerStatistic,
  scale: Scale,
): Estimate | null {
  const sums = sumMargins(clusters);
  const value = statistic.value(sums);
  if (value === null) return null;
  const gradient = new Float64Array(sums.length);
  statistic.gradient(sums, gradient);
  let squares = 0;
  for (const cluster of clusters) squares += dot(gradient, cluster) ** 2;
  return { value, error: standardError(value, squares, clusters.length, scale) };
}

/** Estimate plus and minus t with G - 1 degrees of freedom times the standard error. */
export function studentInterval(estimate: Estimate, speakers: number, scale: Scale): Interval {
  const reach = studentQuantile(1 - TAIL, speakers - 1) * estimate.error;
  const centre = forward(estimate.value, scale);
  return [back(centre - reach, scale), back(centre + reach, scale)];
}

/**
 * Bootstrap-t: the quantiles of (resampled - estimate) / (resample's own standard error) in place of Student's, which carries
 * the skew of the figure's distribution over.
 *
 * @returns null where too many resamples lack a class or a spread of their own
 */
export function studentisedInterval(
  clusters: readonly Float64Array[],
  statistic: SpeakerStatistic,
  scale: Scale,
  estimate: Estimate,
  { weights, count }: Resamples,
): Interval | null {
  const speakers = clusters.length;
  const centre = forward(estimate.value, scale);
  const sums = new Float64Array(clusters[0]!.length);
  const gradient = new Float64Array(sums.length);
  const ratios = new Float64Array(count);
  let kept = 0;
  for (let b = 0; b < count; ++b) {
    const start = b * speakers;
    sums.fill(0);
    for (let g = 0; g < speakers; ++g) {
      const weight = weights[start + g]!;
      if (weight === 0) continue;
      const cluster = clusters[g]!;
      for (let k = 0; k < sums.length; ++k) sums[k]! += weight * cluster[k]!;
    }
    const value = statistic.value(sums);
    if (value === null) continue;
    statistic.gradient(sums, gradient);
    let squares = 0;
    for (let g = 0; g < speakers; ++g) {
      const weight = weights[start + g]!;
      if (weight > 0) squares += weight * dot(gradient, clusters[g]!) ** 2;
    }
    const error = standardError(value, squares, speakers, scale);
    if (error > 0) ratios[kept++] = (forward(value, scale) - centre) / error;
  }
  if (kept < 0.9 * count) return null;
  const sorted = ratios.subarray(0, kept).sort();
  const rank = Math.max(1, Math.floor((kept + 1) * TAIL));
  const low = centre - sorted[kept - rank]! * estimate.error;
  const high = centre - sorted[rank - 1]! * estimate.error;
  return [back(low, scale), back(high, scale)];
}

/** The linearised standard error: influences of all speakers sum to zero, so their squares are deviations already. */
function standardError(value: number, squares: number, speakers: number, scale: Scale): number {
  const plain = Math.sqrt((squares * speakers) / (speakers - 1));
  // A spread that is only rounding must not pass for one.
  if (plain < 1e-12) return 0;
  if (scale === 'plain') return plain;
  const slope = value * (1 - value);
  return slope > 1e-12 ? plain / slope : 0;
}

function withoutSpread(value: number, speakers: number, scale: Scale): Interval {
  if (scale === 'plain') return [value, value];
  const square = studentQuantile(1 - TAIL, speakers - 1) ** 2 / speakers;
  const centre = (value + square / 2) / (1 + square);
  const reach = Math.sqrt(square * (value * (1 - value) + square / 4)) / (1 + square);
  return [Math.max(0, centre - reach), Math.min(1, centre + reach)];
}

function forward(value: number, scale: Scale): number {
  return scale === 'logit' ? Math.log(value / (1 - value)) : value;
}

function back(value: number, scale: Scale): number {
  return scale === 'logit' ? 1 / (1 + Math.exp(-value)) : value;
}

function dot(a: Float64Array, b: Float64Array): number {
  let sum = 0;
  for (let k = 0; k < a.length; ++k) sum += a[k]! * b[k]!;
  return sum;
}
