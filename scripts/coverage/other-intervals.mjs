/**
 * Intervals that the library does not use, so that the choice can be looked at: the plain percentile bootstrap, BCa, and Student's t
 * on the figure itself. All resample whole speakers, with the resamples that the library's own interval gets.
 */
import { normalCdf, normalQuantile } from '../../dist/metrics/normal-distribution.js';
import { sumMargins } from '../../dist/metrics/speaker-margins.js';

const TAIL = 0.025;

/** Figures of all resamples, sorted; resamples in which the figure is not defined are left out. */
export function resampledValues(clusters, statistic, { weights, count }) {
  const sums = new Float64Array(clusters[0].length);
  const values = [];
  for (let b = 0; b < count; b++) {
    sums.fill(0);
    for (let g = 0; g < clusters.length; g++) {
      const weight = weights[b * clusters.length + g];
      if (weight === 0) continue;
      for (let k = 0; k < sums.length; k++) sums[k] += weight * clusters[g][k];
    }
    const value = statistic.value(sums);
    if (value !== null) values.push(value);
  }
  return Float64Array.from(values).sort();
}

/** The 2.5 % and 97.5 % quantiles of the resampled figures. */
export function percentile(values) {
  return [quantile(values, TAIL), quantile(values, 1 - TAIL)];
}

/** Bias-corrected and accelerated: the quantiles are moved by the median's bias and by the skew of the jackknife's values. */
export function bca(values, clusters, statistic) {
  const sums = sumMargins(clusters);
  const estimate = statistic.value(sums);
  let below = 0;
  for (const value of values) below += value < estimate ? 1 : value === estimate ? 0.5 : 0;
  const share = Math.min(1 - 0.5 / values.length, Math.max(0.5 / values.length, below / values.length));
  const bias = normalQuantile(share);
  const without = clusters.map((cluster) => statistic.value(sums.map((sum, k) => sum - cluster[k])));
  const mean = without.reduce((a, b) => a + b) / without.length;
  const squares = without.reduce((sum, value) => sum + (mean - value) ** 2, 0);
  const cubes = without.reduce((sum, value) => sum + (mean - value) ** 3, 0);
  const acceleration = squares > 0 ? cubes / (6 * squares ** 1.5) : 0;
  const moved = (z) => normalCdf(bias + (bias + z) / (1 - acceleration * (bias + z)));
  return [quantile(values, moved(normalQuantile(TAIL))), quantile(values, moved(normalQuantile(1 - TAIL)))];
}

/** The value at (n + 1) p, counted from 1, between its neighbours. */
function quantile(sorted, p) {
  const place = Math.min(sorted.length, Math.max(1, (sorted.length + 1) * p));
  const below = Math.floor(place);
  const low = sorted[below - 1];
  const high = sorted[Math.min(sorted.length, below + 1) - 1];
  return low + (place - below) * (high - low);
}
