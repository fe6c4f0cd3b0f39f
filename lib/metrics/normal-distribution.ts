/** The standard normal distribution: its cumulative probability and its quantiles. */

const ROOT_TAU = Math.sqrt(2 * Math.PI);
/** Beyond this distance from 0 the continued fraction is the better of the two expansions. */
const TAIL_FROM = 3;

/** Density at x. */
export function normalDensity(x: number): number {
  return Math.exp(-0.5 * x * x) / ROOT_TAU;
}

/** P(Z <= x), to about 1e-15; small probabilities keep their relative precision. */
export function normalCdf(x: number): number {
  if (Number.isNaN(x)) return Number.NaN;
  if (Math.abs(x) < TAIL_FROM) return 0.5 + normalDensity(x) * centralSeries(x);
  return x < 0 ? upperTail(-x) : 1 - upperTail(x);
}

/**
 * The z with P(Z <= z) = p.
 *
 * @param p in (0, 1); 0 and 1 give the infinities, anything else NaN
 */
export function normalQuantile(p: number): number {
  if (!(p >= 0 && p <= 1)) return Number.NaN;
  if (p === 0 || p === 1) return p === 0 ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY;
  if (p > 0.5) return -normalQuantile(1 - p);
  // The tail falls like exp(-z^2 / 2), so this start is within a few tenths; Newton on ln P then converges from anywhere,
  // since ln P is concave.
  let z = -Math.sqrt(Math.max(0, -2 * Math.log(2 * p)));
  for (let round = 0; round < 60; ++round) {
    const cumulative = normalCdf(z);
    const step = (Math.log(cumulative / p) * cumulative) / normalDensity(z);
    z -= step;
    if (Math.abs(step) <= 1e-15 * Math.max(1, Math.abs(z))) break;
  }
  return z;
}

/** (P(Z <= x) - 1/2) / density(x) = x + x^3/3 + x^5/15 + ...; all terms have one sign, so nothing cancels. */
function centralSeries(x: number): number {
  let term = x;
  let sum = x;
  for (let odd = 3; Math.abs(term) > 1e-17 * Math.abs(sum); odd += 2) {
    term *= (x * x) / odd;
    sum += term;
  }
  return sum;
}

/** P(Z > x) for x >= 3: density(x) / (x + 1/(x + 2/(x + 3/(x + ...)))), evaluated from the far end. */
function upperTail(x: number): number {
  let denominator = x;
  for (let k = 120; k >= 1; --k) denominator = x + k / denominator;
  return normalDensity(x) / denominator;
}
