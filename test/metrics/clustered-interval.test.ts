import { clusteredInterval, estimateOf } from '../../lib/metrics/clustered-interval.js';
import { clusteredIntervals, FIGURES, marginsBySpeaker, scores } from '../../lib/metrics/index.js';
import { sumMargins } from '../../lib/metrics/speaker-margins.js';
import { differenceStatistic, figureStatistic } from '../../lib/metrics/speaker-statistic.js';
import { Random } from '../../lib/random/philox.js';
import {
  addExpected,
  drawAnswers,
  drawSpeaker,
  type Effects,
  errorShares,
  POPULATIONS,
} from '../../scripts/coverage/population.mjs';

const ravdess = POPULATIONS.find(({ name }) => name === 'RAVDESS')!;
const shares = errorShares(8);

function drawn(speakers: number, seed: number, effects: Effects = 'normal') {
  const random = new Random({ seed, stream: 'interval test' });
  return Array.from({ length: speakers }, (_, g) => ({
    speaker: String(g),
    margins: drawAnswers(drawSpeaker(ravdess, effects, random), shares, random),
  }));
}
const width = (interval: [number, number] | null) => interval![1] - interval![0];

test('every interval lies around its figure, within 0 and 1', () => {
  for (const speakers of [2, 3, 5, 8, 12, 24]) {
    const clusters = drawn(speakers, speakers);
    const intervals = clusteredIntervals(clusters);
    const sums = sumMargins(clusters.map(({ margins }) => margins));
    for (const figure of FIGURES) {
      const value = figureStatistic(figure, 8).value(sums)!;
      const [low, high] = intervals[figure]!;
      expect(low).toBeGreaterThan(0);
      expect(low).toBeLessThan(value);
      expect(high).toBeGreaterThan(value);
      expect(high).toBeLessThan(1);
    }
  }
});

test('narrows with more speakers, as their square root', () => {
  const mean = (speakers: number) => {
    const widths = [1, 2, 3, 4, 5, 6].map((seed) => width(clusteredIntervals(drawn(speakers, seed)).ua));
    return widths.reduce((a, b) => a + b) / widths.length;
  };
  const [few, some, many] = [mean(10), mean(40), mean(160)];
  expect(few / some).toBeGreaterThan(1.7);
  expect(few / some).toBeLessThan(3);
  expect(some / many).toBeGreaterThan(1.7);
  expect(some / many).toBeLessThan(2.4);
});

test('more utterances of the same speakers are no more speakers', () => {
  const clusters = drawn(12, 1);
  const repeated = clusters.map(({ speaker, margins }) => ({ speaker, margins: margins.map((m) => 3 * m) }));
  const [once, thrice] = [clusteredIntervals(clusters), clusteredIntervals(repeated)];
  for (const figure of FIGURES) {
    expect(thrice[figure]![0]).toBeCloseTo(once[figure]![0], 12);
    expect(thrice[figure]![1]).toBeCloseTo(once[figure]![1], 12);
  }
});

test('far wider than one that takes the utterances of unlike speakers as independent', () => {
  // Half of the speakers are always recognised, half never: 400 utterances, and yet only 10 facts.
  const clusters = Array.from({ length: 10 }, (_, g) => {
    const right = g % 2 === 0;
    return Float64Array.of(right ? 20 : 0, right ? 20 : 0, 20, 20, 20, 20);
  });
  const [low, high] = clusteredInterval(clusters, figureStatistic('wa', 2), 'logit')!;
  const independent = 2 * 1.96 * Math.sqrt(0.25 / 400);
  expect(high - low).toBeGreaterThan(5 * independent);
});

test('with two speakers, Student’s t with one degree of freedom on the logit scale', () => {
  const clusters = [Float64Array.of(6, 4, 10, 10, 12, 8), Float64Array.of(8, 8, 10, 10, 10, 10)];
  // WA 0.5 and 0.8, mean 0.65, standard error 0.15.
  const error = 0.15 / (0.65 * 0.35);
  const reach = 12.706204736432095 * error;
  const centre = Math.log(0.65 / 0.35);
  const [low, high] = clusteredInterval(clusters, figureStatistic('wa', 2), 'logit')!;
  expect(low).toBeCloseTo(1 / (1 + Math.exp(reach - centre)), 10);
  expect(high).toBeCloseTo(1 / (1 + Math.exp(-reach - centre)), 10);
});

test('the order of lines does not matter', () => {
  const random = new Random({ seed: 5, stream: 'lines' });
  const names = ['a', 'b', 'c'];
  const lines = Array.from({ length: 600 }, (_, i) => {
    const label = names[random.below(3)]!;
    const predicted = random.uniform() < 0.6 ? label : names[random.below(3)]!;
    return { id: `u${i}`, speaker: `s${i % 15}`, label, predicted };
  });
  const intervals = clusteredIntervals(marginsBySpeaker(lines, names));
  expect(clusteredIntervals(marginsBySpeaker(random.shuffled(lines), names))).toEqual(intervals);
});

test('none with a single speaker, none for a UA without all classes', () => {
  expect(clusteredIntervals(drawn(1, 1))).toEqual({ wa: null, ua: null, wf1: null, mf1: null });
  expect(clusteredIntervals([])).toEqual({ wa: null, ua: null, wf1: null, mf1: null });
  const clusters = marginsBySpeaker(
    ['s', 't', 'u'].flatMap((speaker, k) => [
      { id: `${speaker}1`, speaker, label: 'a', predicted: 'a' },
      { id: `${speaker}2`, speaker, label: 'a', predicted: k > 0 ? 'a' : 'b' },
    ]),
    ['a', 'b'],
  );
  const { ua, wa } = clusteredIntervals(clusters);
  expect(ua).toBeNull();
  expect(wa).not.toBeNull();
});

test('a class that only two of ten speakers have: the interval is wider than where all have it', () => {
  const clusters = drawn(10, 3);
  const all = width(clusteredIntervals(clusters).ua);
  for (const { margins } of clusters.slice(2)) {
    // These speakers have nothing of the last class.
    margins[7] = 0;
    margins[15] = 0;
  }
  expect(width(clusteredIntervals(clusters).ua)).toBeGreaterThan(all);
});

test('a perfect score is not certain: wide, and wider with fewer speakers', () => {
  const perfect = (speakers: number) =>
    clusteredIntervals(
      Array.from({ length: speakers }, (_, g) => ({
        speaker: String(g),
        margins: Float64Array.of(9, 9, 9, 9, 9, 9),
      })),
    ).ua!;
  expect(perfect(24)[1]).toBe(1);
  expect(perfect(24)[0]).toBeGreaterThan(0.8);
  expect(perfect(24)[0]).toBeLessThan(0.9);
  expect(perfect(4)[0]).toBeLessThan(0.4);
});

test.each(FIGURES)('gradient of %s by finite differences, alone and as a difference', (figure) => {
  for (const [statistic, sums] of [
    [figureStatistic(figure, 8), sumMargins(drawn(6, 4).map(({ margins }) => margins))],
    [
      differenceStatistic(figure, 8),
      Float64Array.of(
        ...sumMargins(drawn(6, 4).map((s) => s.margins)),
        ...sumMargins(drawn(6, 5).map((s) => s.margins)),
      ),
    ],
  ] as const) {
    const gradient = new Float64Array(sums.length);
    statistic.gradient(sums, gradient);
    for (let k = 0; k < sums.length; ++k) {
      const moved = (by: number) => statistic.value(sums.map((sum, j) => (j === k ? sum + by : sum)))!;
      expect(gradient[k]).toBeCloseTo((moved(1e-3) - moved(-1e-3)) / 2e-3, 8);
    }
    // Unchanged when everything is counted twice, so moving along the sums themselves changes nothing.
    expect(sums.reduce((total, sum, k) => total + sum * gradient[k]!, 0)).toBeCloseTo(0, 12);
  }
});

test('figures of margins equal those of the confusion matrix', () => {
  const random = new Random({ seed: 2, stream: 'agree' });
  const labels = Array.from({ length: 300 }, () => random.below(4));
  const predictions = labels.map((label) => (random.uniform() < 0.5 ? label : random.below(4)));
  const names = ['a', 'b', 'c', 'd'];
  const lines = labels.map((label, i) => ({
    id: `${i}`,
    speaker: `${i % 7}`,
    label: names[label]!,
    predicted: names[predictions[i]!]!,
  }));
  const expected = scores(labels, predictions, 4);
  const sums = sumMargins(marginsBySpeaker(lines, names).map(({ margins }) => margins));
  for (const figure of FIGURES) {
    expect(figureStatistic(figure, 4).value(sums)).toBeCloseTo(expected[figure]!, 12);
  }
});

test.each([
  ['SAVEE', 'normal', 0.9],
  ['EMO-DB', 'skewed', 0.92],
  ['MSP-IMPROV', 'normal', 0.92],
  ['RAVDESS', 'normal', 0.92],
] as const)('holds the truth often enough: speakers as in %s, %s effects', (name, effects, least) => {
  // The reduced form of scripts/simulate-coverage.mjs; 400 trials leave the share uncertain by 1.1 points.
  const population = POPULATIONS.find((one) => one.name === name)!;
  const classes = population.logits.length;
  const wrong = errorShares(classes);
  const truthRandom = new Random({ seed: 1, stream: 'truth' });
  const truthSums = new Float64Array(3 * classes);
  for (let k = 0; k < 20_000; ++k) {
    addExpected(truthSums, drawSpeaker(population, effects, truthRandom), wrong);
  }
  const held = { ua: 0, wa: 0 };
  const trials = 400;
  for (let trial = 0; trial < trials; ++trial) {
    const random = new Random({ seed: 1, stream: 'coverage', item: `${name} ${trial}` });
    const clusters = Array.from({ length: population.speakers }, () =>
      drawAnswers(drawSpeaker(population, effects, random), wrong, random),
    );
    for (const figure of ['ua', 'wa'] as const) {
      const statistic = figureStatistic(figure, classes);
      const truth = statistic.value(truthSums)!;
      const [low, high] = clusteredInterval(clusters, statistic, 'logit')!;
      if (low <= truth && truth <= high) held[figure] += 1;
    }
  }
  for (const figure of ['ua', 'wa'] as const) {
    expect(held[figure] / trials).toBeGreaterThanOrEqual(least);
    expect(held[figure] / trials).toBeLessThanOrEqual(0.98);
  }
});

test('the standard error is that of the speakers’ means where all have equally many utterances', () => {
  const clusters = drawn(12, 9).map(({ margins }) => margins);
  const rates = clusters.map((margins) => {
    let right = 0;
    for (let c = 0; c < 8; ++c) right += margins[c]!;
    return right / 60;
  });
  const mean = rates.reduce((a, b) => a + b) / 12;
  const deviation = Math.sqrt(rates.reduce((sum, rate) => sum + (rate - mean) ** 2, 0) / 11);
  const estimate = estimateOf(clusters, figureStatistic('wa', 8))!;
  expect(estimate.value).toBeCloseTo(mean, 12);
  expect(estimate.error).toBeCloseTo(deviation / Math.sqrt(12), 12);
  const [low, high] = clusteredInterval(clusters, figureStatistic('wa', 8), 'plain')!;
  expect((high - low) / 2).toBeCloseTo(2.200985160082949 * estimate.error, 10);
});
