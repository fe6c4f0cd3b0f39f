import { UsageError } from '../../lib/errors.js';
import { calibration, crossEntropy, fitTemperature, softmax, temper } from '../../lib/metrics/index.js';
import { MAX_TEMPERATURE, MIN_TEMPERATURE } from '../../lib/metrics/temperature.js';
import { Random } from '../../lib/random/philox.js';

test('a case small enough to compute by hand', () => {
  // Top labels: 0.9 right, 0.9 wrong, 0.6 right.
  const { ece, brier, bins } = calibration([0.9, 0.1, 0.9, 0.1, 0.4, 0.6], [0, 1, 1], 2);
  expect(bins).toHaveLength(2);
  expect(bins[0]).toMatchObject({ low: 8 / 15, high: 9 / 15, n: 1, accuracy: 1 });
  expect(bins[1]).toMatchObject({ low: 13 / 15, high: 14 / 15, n: 2, accuracy: 0.5 });
  expect(bins[1]!.confidence).toBeCloseTo(0.9, 12);
  expect(ece).toBeCloseTo((1 * 0.4 + 2 * 0.4) / 3, 12);
  expect(brier).toBeCloseTo((2 * 0.01 + 2 * 0.81 + 2 * 0.16) / 3, 12);
});

test('certain and right is perfect, certain and wrong is the worst', () => {
  expect(calibration([1, 0, 0, 1], [0, 1], 2)).toMatchObject({ ece: 0, brier: 0 });
  expect(calibration([1, 0, 0, 1], [1, 0], 2)).toMatchObject({ ece: 1, brier: 2 });
});

test('bins hold every utterance once', () => {
  const random = new Random({ seed: 1, stream: 'calibration' });
  const logits = Float64Array.from({ length: 4 * 500 }, () => 3 * random.normal());
  const labels = Array.from({ length: 500 }, () => random.below(4));
  const { bins, ece } = calibration(softmax(logits, 4), labels, 4);
  expect(bins.reduce((sum, { n }) => sum + n, 0)).toBe(500);
  for (const { low, high, confidence } of bins) {
    expect(confidence).toBeGreaterThan(low - 1e-12);
    expect(confidence).toBeLessThanOrEqual(high + 1e-12);
  }
  const again = bins.reduce(
    (sum, { n, confidence, accuracy }) => sum + n * Math.abs(confidence - accuracy),
    0,
  );
  expect(again / 500).toBeCloseTo(ece, 12);
});

describe('temperature', () => {
  /** Labels drawn from softmax(logits), so that T = 1 is the truth. */
  const drawn = (n: number, scale: number) => {
    const random = new Random({ seed: 3, stream: 'temperature' });
    const logits = Float64Array.from({ length: 4 * n }, () => 1.5 * random.normal());
    const probabilities = softmax(logits, 4);
    const labels = Array.from({ length: n }, (_, row) => {
      let place = random.uniform();
      for (let c = 0; c < 3; ++c) {
        place -= probabilities[4 * row + c]!;
        if (place < 0) return c;
      }
      return 3;
    });
    return { logits: logits.map((logit) => scale * logit), labels };
  };

  test('finds by how much logits were inflated, and lowers loss and calibration error', () => {
    const { logits, labels } = drawn(4000, 3);
    const temperature = fitTemperature(logits, labels, 4)!;
    expect(temperature).toBeGreaterThan(2.8);
    expect(temperature).toBeLessThan(3.2);
    const scaled = logits.map((logit) => logit / temperature);
    expect(crossEntropy(scaled, labels, 4)).toBeLessThan(crossEntropy(logits, labels, 4));
    expect(calibration(softmax(scaled, 4), labels, 4).ece).toBeLessThan(0.03);
    expect(calibration(softmax(logits, 4), labels, 4).ece).toBeGreaterThan(0.15);
  });

  test('is where the loss is lowest', () => {
    const { logits, labels } = drawn(300, 2);
    const temperature = fitTemperature(logits, labels, 4)!;
    const loss = (t: number) =>
      crossEntropy(
        logits.map((logit) => logit / t),
        labels,
        4,
      );
    expect(loss(temperature)).toBeLessThan(loss(temperature * 1.001));
    expect(loss(temperature)).toBeLessThan(loss(temperature / 1.001));
  });

  test('log-probabilities do as well as logits', () => {
    const { logits, labels } = drawn(200, 2);
    const logs = softmax(logits, 4).map(Math.log);
    expect(fitTemperature(logs, labels, 4)).toBeCloseTo(fitTemperature(logits, labels, 4)!, 10);
  });

  test('stays within bounds where every answer is right, or wrong', () => {
    expect(fitTemperature([5, 0, 0, 5], [0, 1], 2)).toBe(MIN_TEMPERATURE);
    expect(fitTemperature([5, 0, 0, 5], [1, 0], 2)).toBe(MAX_TEMPERATURE);
  });

  test('there is none without utterances, or with a NaN', () => {
    expect(fitTemperature([], [], 2)).toBeNull();
    expect(fitTemperature([Number.NaN, 0], [0], 2)).toBeNull();
    expect(() => fitTemperature([1, 2, 3], [0], 2)).toThrow(UsageError);
  });

  test('tempered probabilities are the softmax of divided logits, and no answer changes', () => {
    const { logits } = drawn(50, 2);
    const tempered = temper(softmax(logits, 4), 4, 2.5);
    softmax(
      logits.map((logit) => logit / 2.5),
      4,
    ).forEach((p, k) => {
      expect(tempered[k]).toBeCloseTo(p, 12);
    });
    // A probability that underflowed stays 0 and makes no NaN.
    expect([...temper([1, 0], 2, 3)]).toEqual([1, 0]);
  });
});

test('refuses what does not pair', () => {
  expect(() => calibration([], [], 2)).toThrow(UsageError);
  expect(() => calibration([0.5, 0.5], [0, 1], 2)).toThrow(/2 labels do not pair/);
  expect(() => calibration([0.5, 0.5], [2], 2)).toThrow(/label 0 is 2/);
});
