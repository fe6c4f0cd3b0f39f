/** Student's t distribution: what a standard error from few speakers needs in place of the normal. */
import { UsageError } from '../errors.js';
import { logGamma } from './log-gamma.js';
import { normalQuantile } from './normal-distribution.js';

/**
 * P(T <= t) with `degrees` of freedom (positive, not necessarily whole), to about 1e-12; thousands of degrees cost two digits.
 *
 * @throws UsageError `E_DISTRIBUTION` for degrees of freedom that are not positive
 */
export function studentCdf(t: number, degrees: number): number {
  checkDegrees(degrees);
  if (Number.isNaN(t)) return Number.NaN;
  const tail = upperTail(Math.abs(t), degrees);
  return t < 0 ? tail : 1 - tail;
}

/**
 * The t with P(T <= t) = p.
 *
 * @param p in (0, 1); 0 and 1 give the infinities
 * @throws UsageError `E_DISTRIBUTION` for degrees of freedom that are not positive
 */
export function studentQuantile(p: number, degrees: number): number {
  checkDegrees(degrees);
  if (!(p >= 0 && p <= 1)) return Number.NaN;
  if (p === 0 || p === 1) return p === 0 ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY;
  if (p === 0.5) return 0;
  const above = quantileOfTail(Math.min(p, 1 - p), degrees);
  return p < 0.5 ? -above : above;
}

/** The t > 0 with P(T > t) = tail, for tail below 0.5. */
function quantileOfTail(tail: number, degrees: number): number {
  // The quantile lies above the normal's; doubling from there brackets it, whatever the tail.
  let low = 0;
  let high = Math.max(1, -normalQuantile(tail));
  while (upperTail(high, degrees) > tail) {
    low = high;
    high *= 2;
  }
  let t = 0.5 * (low + high);
  for (let round = 0; round < 200; ++round) {
    const excess = upperTail(t, degrees) - tail;
    if (excess > 0) low = t;
    else high = t;
    const newton = t + excess / density(t, degrees);
    const next = newton > low && newton < high ? newton : 0.5 * (low + high);
    if (Math.abs(next - t) <= 4e-16 * Math.abs(t)) return next;
    t = next;
  }
  return t;
}

function upperTail(t: number, degrees: number): number {
  const square = t * t;
  return 0.5 * regularisedBeta(degrees / (degrees + square), square / (degrees + square), degrees / 2, 0.5);
}

function density(t: number, degrees: number): number {
  const log =
    logGamma((degrees + 1) / 2) -
    logGamma(degrees / 2) -
    0.5 * Math.log(degrees * Math.PI) -
    ((degrees + 1) / 2) * Math.log1p((t * t) / degrees);
  return Math.exp(log);
}

/** The regularised incomplete beta function I_x(a, b), by its continued fraction; `y` is 1 - x, which must not cancel. */
function regularisedBeta(x: number, y: number, a: number, b: number): number {
  if (x <= 0) return 0;
  if (y <= 0) return 1;
  // The fraction converges fast below the mean of the distribution; above it the mirrored one does.
  if (x > (a + 1) / (a + b + 2)) return 1 - regularisedBeta(y, x, b, a);
  const front = Math.exp(logGamma(a + b) - logGamma(a) - logGamma(b) + a * Math.log(x) + b * Math.log(y));
  return (front * betaFraction(x, a, b)) / a;
}

/** 1 / (1 + d1 / (1 + d2 / (1 + ...))) by the modified Lentz method: numerators and denominators as one running ratio each. */
function betaFraction(x: number, a: number, b: number): number {
  const tiny = 1e-300;
  const away = (value: number) => (Math.abs(value) < tiny ? tiny : value);
  let c = 1;
  let d = 1 / away(1 - ((a + b) * x) / (a + 1));
  let fraction = d;
  for (let m = 1; m < 100_000; ++m) {
    const even = (m * (b - m) * x) / ((a + 2 * m - 1) * (a + 2 * m));
    d = 1 / away(1 + even * d);
    c = away(1 + even / c);
    fraction *= d * c;
    const odd = (-(a + m) * (a + b + m) * x) / ((a + 2 * m) * (a + 2 * m + 1));
    d = 1 / away(1 + odd * d);
    c = away(1 + odd / c);
    const factor = d * c;
    fraction *= factor;
    if (Math.abs(factor - 1) < 1e-16) break;
  }
  return fraction;
}

function checkDegrees(degrees: number): void {
  if (!(degrees > 0)) {
    throw new UsageError(`degrees of freedom must be positive, not ${degrees}`, { code: 'E_DISTRIBUTION' });
  }
}
