import { UsageError } from '../../lib/errors.js';
import { holm } from '../../lib/metrics/index.js';

test('the textbook example: four tests, two survive at 0.05', () => {
  // Sorted 0.005, 0.01, 0.03, 0.04 times 4, 3, 2, 1, each at least the one before.
  const adjusted = holm([0.01, 0.04, 0.03, 0.005]);
  [0.03, 0.06, 0.06, 0.02].forEach((p, i) => {
    expect(adjusted[i]).toBeCloseTo(p, 12);
  });
});

test('one test is left as it is; none is none; nothing exceeds 1', () => {
  expect(holm([0.04])).toEqual([0.04]);
  expect(holm([])).toEqual([]);
  expect(holm([0.9, 0.8, 1])).toEqual([1, 1, 1]);
});

test('a test that could not be made does not count', () => {
  expect(holm([null, 0.02, null, 0.03])).toEqual([null, 0.04, null, 0.04]);
});

test('never below the plain value, never above Bonferroni, and in the same order', () => {
  const values = [0.2, 0.001, 0.013, 0.013, 0.6, 0.04];
  const adjusted = holm(values) as number[];
  values.forEach((p, i) => {
    expect(adjusted[i]!).toBeGreaterThanOrEqual(p);
    expect(adjusted[i]!).toBeLessThanOrEqual(Math.min(1, p * values.length) + 1e-12);
    values.forEach((q, j) => {
      if (p < q) expect(adjusted[i]!).toBeLessThanOrEqual(adjusted[j]!);
    });
  });
});

test('refuses what is no p value', () => {
  expect(() => holm([0.1, 1.2])).toThrow(UsageError);
  expect(() => holm([Number.NaN])).toThrow(/value 0 is NaN/);
});
