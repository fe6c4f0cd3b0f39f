import { readFileSync } from 'node:fs';
import { UsageError } from '../../lib/errors.js';
import {
  argmax,
  calibration,
  classScores,
  crossEntropy,
  FIGURES,
  fitTemperature,
  marginsBySpeaker,
  poolScores,
  scores,
  scoresOfConfusion,
  softmax,
  spread,
} from '../../lib/metrics/index.js';
import { sumMargins } from '../../lib/metrics/speaker-margins.js';
import { figureStatistic } from '../../lib/metrics/speaker-statistic.js';

interface Case {
  name: string;
  classes: number;
  labels: number[];
  predictions: number[];
  logits: number[];
  wa: number;
  ua: number | null;
  mf1: number;
  wf1: number;
  confusion: number[][];
  perClass: {
    support: number[];
    recall: (number | null)[];
    precision: (number | null)[];
    f1: number[];
  };
  firstProbabilities: number[];
  loss: number;
  brier: number;
  ece: number;
  temperature: number;
}

const { cases } = JSON.parse(
  readFileSync(new URL('../fixtures/metrics/scikit-learn.json', import.meta.url), 'utf8'),
) as { cases: Case[] };

describe.each(cases)('as scikit-learn: $name', (reference) => {
  test('accuracy, recall, F1, confusion', () => {
    const ours = scores(Int32Array.from(reference.labels), reference.predictions, reference.classes);
    expect(ours.n).toBe(reference.labels.length);
    expect(ours.confusion).toEqual(reference.confusion);
    expect(ours.wa).toBeCloseTo(reference.wa, 12);
    expect(ours.mf1).toBeCloseTo(reference.mf1, 12);
    expect(ours.wf1).toBeCloseTo(reference.wf1, 12);
    if (reference.ua === null) expect(ours.ua).toBeNull();
    else expect(ours.ua).toBeCloseTo(reference.ua, 12);
  });

  test('recall, precision and F1 of each class', () => {
    for (let c = 0; c < reference.classes; ++c) {
      const ours = classScores(reference.confusion, c);
      for (const figure of ['support', 'recall', 'precision', 'f1'] as const) {
        const expected = reference.perClass[figure][c]!;
        if (expected === null) expect(ours[figure]).toBeNull();
        else expect(Math.abs(ours[figure]! - expected)).toBeLessThan(1e-12);
      }
    }
  });

  test('figures from margins, as intervals and tests take them', () => {
    const names = Array.from({ length: reference.classes }, (_, c) => `class ${c}`);
    const lines = reference.labels.map((label, i) => ({
      id: `u${i}`,
      speaker: `s${i % 3}`,
      label: names[label]!,
      predicted: names[reference.predictions[i]!]!,
    }));
    const sums = sumMargins(marginsBySpeaker(lines, names).map(({ margins }) => margins));
    for (const figure of FIGURES) {
      const value = figureStatistic(figure, reference.classes).value(sums);
      const expected = reference[figure];
      if (expected === null) expect(value).toBeNull();
      else expect(Math.abs(value! - expected)).toBeLessThan(1e-12);
    }
  });

  test('calibration error, Brier score, temperature', () => {
    const probabilities = softmax(reference.logits, reference.classes);
    const { ece, brier } = calibration(probabilities, reference.labels, reference.classes);
    expect(Math.abs(ece - reference.ece)).toBeLessThan(1e-12);
    expect(Math.abs(brier - reference.brier)).toBeLessThan(1e-12);
    const temperature = fitTemperature(reference.logits, reference.labels, reference.classes)!;
    // The reference minimises the loss itself, which is flat to rounding over this width.
    expect(Math.abs(temperature / reference.temperature - 1)).toBeLessThan(1e-5);
  });

  test('softmax, argmax, cross-entropy', () => {
    const logits = Float32Array.from(reference.logits);
    const probabilities = softmax(logits, reference.classes);
    reference.firstProbabilities.forEach((p, c) => {
      expect(probabilities[c]).toBeCloseTo(p, 12);
    });
    expect([...argmax(logits, reference.classes)]).toEqual(reference.predictions);
    expect(crossEntropy(logits, reference.labels, reference.classes)).toBeCloseTo(reference.loss, 10);
  });
});

describe('edges', () => {
  test('one class, all right', () => {
    expect(scores([0, 0], [0, 0], 1)).toEqual({ n: 2, wa: 1, ua: 1, wf1: 1, mf1: 1, confusion: [[2]] });
  });

  test('all wrong is zero everywhere, not NaN', () => {
    expect(scores([0, 1], [1, 0], 2)).toMatchObject({ wa: 0, ua: 0, wf1: 0, mf1: 0 });
  });

  test('precision and recall of a class that does not occur are null', () => {
    const { confusion } = scores([0, 0], [0, 0], 2);
    expect(classScores(confusion, 1)).toEqual({ support: 0, recall: null, precision: null, f1: 0 });
  });

  test.each([
    ['no utterance', [], [], 2, /no utterance/],
    ['unequal lengths', [0, 1], [0], 2, /2 labels .* 1 predictions/],
    ['a label out of range', [2], [0], 2, /label 0 is 2.*0 to 1/],
    ['a negative prediction', [0], [-1], 2, /prediction 0 is -1/],
    ['a fraction', [0.5], [0], 2, /label 0 is 0.5/],
    ['no class', [], [], 0, /classes must be/],
  ])('refuses %s', (_name, labels, predictions, classes, message) => {
    expect(() => scores(labels as number[], predictions as number[], classes as number)).toThrow(UsageError);
    expect(() => scores(labels as number[], predictions as number[], classes as number)).toThrow(message);
  });

  test('refuses a confusion matrix that is not square', () => {
    expect(() => scoresOfConfusion([[1, 2]])).toThrow(/square/);
  });

  test('huge logits neither overflow nor make the loss infinite', () => {
    expect([...softmax([1000, 0], 2)]).toEqual([1, 0]);
    expect(crossEntropy([1000, 0], [1], 2)).toBe(1000);
    expect(crossEntropy([3, 3, 3, 3], [2], 4)).toBeCloseTo(Math.log(4), 12);
  });

  test('a NaN logit is not hidden', () => {
    expect(crossEntropy([Number.NaN, 0], [1], 2)).toBeNaN();
    expect([...argmax([Number.NaN, 0], 2)]).toEqual([1]);
  });

  test('refuses logits that do not make whole rows', () => {
    expect(() => softmax([1, 2, 3], 2)).toThrow(/3 logits do not make rows of 2/);
    expect(() => crossEntropy([1, 2], [0, 1], 2)).toThrow(/2 labels do not pair with 1 rows/);
    expect(() => crossEntropy([1, 2], [2], 2)).toThrow(/label 0 is 2/);
  });
});

describe('over folds', () => {
  test('pooled is over utterances, not the mean of folds', () => {
    const small = scores([0, 1], [0, 0], 2);
    const large = scores([0, 0, 0, 1, 1, 1], [0, 0, 0, 1, 1, 1], 2);
    const pooled = poolScores([small, large]);
    expect(pooled.n).toBe(8);
    expect(pooled.wa).toBe(7 / 8);
    expect(pooled.ua).toBe((1 + 3 / 4) / 2);
    expect(pooled.confusion).toEqual([
      [4, 0],
      [1, 3],
    ]);
  });

  test('pooling gives a UA where a fold alone has none', () => {
    const parts = [scores([0, 0], [0, 1], 2), scores([1, 1], [1, 1], 2)];
    expect(parts.map((part) => part.ua)).toEqual([null, null]);
    expect(poolScores(parts).ua).toBe(0.75);
  });

  test('refuses to pool nothing, or other classes', () => {
    expect(() => poolScores([])).toThrow(UsageError);
    expect(() => poolScores([scores([0], [0], 1), scores([0], [0], 2)])).toThrow(/same classes/);
  });

  test('mean and deviation with n - 1', () => {
    const { mean, std } = spread([0.5, 0.6, 0.7]);
    expect(mean).toBeCloseTo(0.6, 12);
    expect(std).toBeCloseTo(0.1, 12);
    expect(spread([0.5])).toEqual({ mean: 0.5, std: null });
    expect(spread([])).toEqual({ mean: null, std: null });
  });

  test('a null UA leaves no mean over the remaining folds', () => {
    expect(spread([0.5, null, 0.7])).toEqual({ mean: null, std: null });
  });
});
