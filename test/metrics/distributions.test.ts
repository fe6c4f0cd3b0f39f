import { readFileSync } from 'node:fs';
import { UsageError } from '../../lib/errors.js';
import { logGamma } from '../../lib/metrics/log-gamma.js';
import { mcnemar } from '../../lib/metrics/mcnemar.js';
import { normalCdf, normalQuantile } from '../../lib/metrics/normal-distribution.js';
import { studentCdf, studentQuantile } from '../../lib/metrics/student-distribution.js';

interface Fixture {
  logGamma: [number, number][];
  normalCdf: [number, number][];
  normalQuantile: [number, number][];
  studentCdf: [number, number, number][];
  studentQuantile: [number, number, number][];
  mcnemar: [number, number, number][];
}
const scipy = JSON.parse(
  readFileSync(new URL('../fixtures/metrics/scipy.json', import.meta.url), 'utf8'),
) as Fixture;

/** Relative, so that a probability of 1e-300 has to be right too. */
function expectClose(actual: number, expected: number, tolerance = 1e-12): void {
  const error = Math.abs(actual - expected) / Math.max(Math.abs(expected), Number.MIN_VALUE);
  expect({ actual, expected, close: actual === expected || error <= tolerance }).toMatchObject({
    close: true,
  });
}

test.each(scipy.logGamma)('ln Gamma(%d) as scipy', (x, expected) => {
  // Near its zeros at 1 and 2 the precision is absolute.
  if (Math.abs(expected) < 1) expect(logGamma(x)).toBeCloseTo(expected, 13);
  else expectClose(logGamma(x), expected, 1e-13);
});

test.each(scipy.normalCdf)('normal P(Z <= %d) as scipy', (x, expected) => {
  expectClose(normalCdf(x), expected);
});

test.each(scipy.normalQuantile)('normal quantile of %d as scipy', (p, expected) => {
  expectClose(normalQuantile(p), expected);
});

test.each(scipy.studentCdf)('Student P(T <= %d) with %d degrees as scipy', (x, degrees, expected) => {
  // scipy rounds what lies below the normal doubles to 0.
  if (expected === 0) expect(studentCdf(x, degrees)).toBeLessThan(1e-300);
  else expectClose(studentCdf(x, degrees), expected, degrees > 1000 ? 1e-10 : 1e-12);
});

test.each(scipy.studentQuantile)(
  'Student quantile of %d with %d degrees as scipy',
  (p, degrees, expected) => {
    expectClose(studentQuantile(p, degrees), expected, 1e-11);
  },
);

test.each(scipy.mcnemar)('McNemar of %d and %d as the exact binomial test of scipy', (b, c, expected) => {
  const test = mcnemar(b, c);
  expect([test.b, test.c]).toEqual([b, c]);
  expectClose(test.p, expected, 1e-10);
});

test('the ends: certain and impossible, and what is no probability', () => {
  expect(normalQuantile(0)).toBe(Number.NEGATIVE_INFINITY);
  expect(normalQuantile(1)).toBe(Number.POSITIVE_INFINITY);
  expect(studentQuantile(1, 3)).toBe(Number.POSITIVE_INFINITY);
  expect(normalQuantile(-0.1)).toBeNaN();
  expect(studentQuantile(1.1, 3)).toBeNaN();
  expect(logGamma(0)).toBeNaN();
});

test('quantile and cumulative probability undo each other', () => {
  for (const p of [1e-9, 0.01, 0.3, 0.5, 0.77, 0.999]) {
    expectClose(normalCdf(normalQuantile(p)), p, 1e-13);
    for (const degrees of [1, 3, 9.5, 200])
      expectClose(studentCdf(studentQuantile(p, degrees), degrees), p, 1e-11);
  }
});

test('refuses degrees of freedom and counts that are none', () => {
  expect(() => studentQuantile(0.9, 0)).toThrow(UsageError);
  expect(() => studentCdf(1, -2)).toThrow(/degrees of freedom must be positive/);
  expect(() => mcnemar(1.5, 2)).toThrow(/counts utterances, not 1.5/);
  expect(() => mcnemar(-1, 2)).toThrow(UsageError);
});
