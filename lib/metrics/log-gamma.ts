/** Logarithm of the gamma function, which binomial and t probabilities are made of. */

/** ln(sqrt(2 pi)). */
const HALF_LOG_TAU = 0.5 * Math.log(2 * Math.PI);
/** Stirling's series falls below double precision from here on. */
const SERIES_FROM = 12;

/** ln Gamma(x) for x > 0, to about 1e-14 of the larger of itself and 1; NaN elsewhere. */
export function logGamma(x: number): number {
  if (!(x > 0)) return Number.NaN;
  // Gamma(x) = Gamma(x + k) / (x (x + 1) ... (x + k - 1)): shifted to where Stirling's series holds.
  let product = 1;
  let shifted = x;
  while (shifted < SERIES_FROM) {
    product *= shifted;
    shifted += 1;
  }
  const inverse = 1 / shifted;
  const square = inverse * inverse;
  const series =
    inverse *
    (1 / 12 -
      square *
        (1 / 360 -
          square * (1 / 1260 - square * (1 / 1680 - square * (1 / 1188 - square * (691 / 360360))))));
  return (shifted - 0.5) * Math.log(shifted) - shifted + HALF_LOG_TAU + series - Math.log(product);
}

/** ln of the binomial coefficient (n over k), for whole 0 <= k <= n. */
export function logChoose(n: number, k: number): number {
  return logGamma(n + 1) - logGamma(k + 1) - logGamma(n - k + 1);
}
