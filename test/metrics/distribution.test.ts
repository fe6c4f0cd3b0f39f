import { distribution, histogram, quantile, roundWidth } from '../../lib/metrics/distribution.js';

describe('quantile', () => {
  it('is linear between neighbours, as NumPy has it', () => {
    // numpy.quantile([1, 2, 4, 8], [0, .05, .25, .5, .75, .95, 1])
    const of = (p: number) => quantile([1, 2, 4, 8], p);
    expect([0, 0.05, 0.25, 0.5, 0.75, 0.95, 1].map(of)).toEqual([
      1,
      expect.closeTo(1.15, 12),
      1.75,
      3,
      5,
      expect.closeTo(7.4, 12),
      8,
    ]);
    expect(quantile([5], 0.95)).toBe(5);
  });
});

describe('distribution', () => {
  it('gives the figures of unsorted values', () => {
    expect(distribution([4, 1, 8, 2])).toMatchObject({
      n: 4,
      min: 1,
      median: 3,
      mean: 3.75,
      max: 8,
      std: expect.closeTo(3.0957, 4),
    });
  });
  it('has no deviation of one value and nothing of none', () => {
    expect(distribution([3])).toMatchObject({ n: 1, min: 3, p95: 3, std: 0 });
    expect(distribution([])).toBeUndefined();
  });
});

describe('histogram', () => {
  it('counts values in bins that begin at multiples of the width, negative ones too', () => {
    expect(histogram([-7, -6, -5.9, 0, 2.9], 3)).toEqual({ from: -9, width: 3, counts: [1, 2, 0, 2] });
    expect(histogram([], 3).counts).toEqual([]);
  });
  it('gathers what lies beyond the end in one open bin', () => {
    expect(histogram([0.5, 1.5, 2, 3600], 1, 2)).toEqual({
      from: 0,
      width: 1,
      counts: [1, 1, 2],
      open: true,
    });
    expect(histogram([0.5, 1.5], 1, 2)).not.toHaveProperty('open');
  });
});

test('roundWidth is 1, 2 or 5 times a power of ten', () => {
  expect([roundWidth(10, 24), roundWidth(3, 24), roundWidth(0.4, 4), roundWidth(0, 24)]).toEqual([
    0.5, 0.2, 0.1, 1,
  ]);
});
