import { readFileSync } from 'node:fs';
import { UsageError } from '../../lib/errors.js';
import {
  argmax,
  classScores,
  crossEntropy,
  poolScores,
  scores,
  scoresOfConfusion,
  softmax,
  spread,
} from '../../lib/metrics/index.js';

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
  firstProbabilities: number[];
  loss: number;
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
