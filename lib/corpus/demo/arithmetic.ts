/**
 * Elementary functions from + - * / and the square root alone.
 *
 * IEEE 754 fixes the result of those five to the last bit, while `Math.sin`, `Math.exp` or `Math.pow` may differ between
 * V8 versions and processors. The synthesiser uses only what stands here, so the demo corpus is bit-equal everywhere, and so
 * are the hashes of its samples.
 */

import type { Random } from '../../random/philox.js';

/** 1/n!, for Taylor series. */
const INVERSE_FACTORIAL: readonly number[] = (() => {
  const values = [1];
  for (let n = 1; n <= 18; n++) values.push(values[n - 1]! / n);
  return values;
})();

// Constants and exact functions; taken out once, since looking up a global costs more than the arithmetic in some hosts.
const { LN2, PI, floor } = Math;

/** 2^x; relative error below 1e-12 for |x| < 1000. */
export function exp2(x: number): number {
  const whole = floor(x + 0.5);
  const rest = (x - whole) * LN2; // |rest| <= 0.35: ten terms are plenty
  let series = 0;
  for (let n = 11; n >= 0; n--) series = series * rest + INVERSE_FACTORIAL[n]!;
  const factor = whole < 0 ? 0.5 : 2; // exact powers of two
  for (let n = whole < 0 ? -whole : whole; n > 0; n--) series *= factor;
  return series;
}

/** e^x. */
export function exponential(x: number): number {
  return exp2(x / LN2);
}

/** Amplitude ratio of a level in decibels. */
export function fromDecibels(decibels: number): number {
  return exp2(decibels * 0.16609640474436813); // log2(10) / 20
}

/** cos(2 pi t) for any t; absolute error below 1e-12. */
export function cosineOfTurns(turns: number): number {
  // cos is even and has period 1 in turns: fold to [0, 1/2], then cos(x) = 1 - 2 sin^2(x / 2) with x / 2 in [0, pi / 2].
  const folded = turns - floor(turns + 0.5);
  const half = (folded < 0 ? -folded : folded) * PI;
  const square = half * half;
  let series = 0;
  for (let n = 17; n >= 1; n -= 2) {
    series = INVERSE_FACTORIAL[n]! * (n % 4 === 1 ? 1 : -1) + series * square;
  }
  const sine = series * half;
  return 1 - 2 * sine * sine;
}

/** A bell-shaped draw with mean 0, deviation 1 and bounds +-3.5: the sum of four uniforms, free of log and cos. */
export function bell(random: Random): number {
  return (random.uniform() + random.uniform() + random.uniform() + random.uniform() - 2) * 1.7320508075688772;
}

/** White noise, uniform in [-1, 1): two draws of 16 bits from each word of the stream. */
export function whiteNoise(random: Random): () => number {
  let kept = -1;
  return () => {
    if (kept >= 0) {
      const value = kept;
      kept = -1;
      return value / 32768 - 1;
    }
    const word = random.uint32();
    kept = word >>> 16;
    return (word & 0xffff) / 32768 - 1;
  };
}
