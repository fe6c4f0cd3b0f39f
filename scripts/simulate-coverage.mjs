#!/usr/bin/env node
/**
 * How often 95 % intervals hold the truth, and how often tests reject where there is nothing to find, on simulated speakers. Prints
 * the tables of docs/statistics.md. Needs `npm run build` before it.
 *
 *     node scripts/simulate-coverage.mjs [--trials 500] [--resamples 1999] [--seed 1]
 */
import { parseArgs } from 'node:util';
import {
  BOOTSTRAP_FROM,
  clusteredInterval,
  estimateOf,
  studentInterval,
  studentisedInterval,
} from '../dist/metrics/clustered-interval.js';
import { mcnemar } from '../dist/metrics/mcnemar.js';
import { permutationTest } from '../dist/metrics/permutation.js';
import { drawResamples } from '../dist/metrics/speaker-resamples.js';
import { differenceStatistic, figureStatistic } from '../dist/metrics/speaker-statistic.js';
import { Random } from '../dist/random/philox.js';
import { bca, percentile, resampledValues } from './coverage/other-intervals.mjs';
import {
  addExpected,
  drawAnswers,
  drawPair,
  drawSpeaker,
  EFFECTS,
  errorShares,
  POPULATIONS,
} from './coverage/population.mjs';

const { values: flags } = parseArgs({
  options: {
    trials: { type: 'string', default: '500' },
    resamples: { type: 'string', default: '1999' },
    seed: { type: 'string', default: '1' },
  },
});
const trials = Number(flags.trials);
const resamples = Number(flags.resamples);
const seed = Number(flags.seed);
/** Speakers whose expected counts make up the truth. */
const TRUTH_SPEAKERS = 200_000;

const METHODS = ['percentile', 'BCa', 't', 't, logit', 'bootstrap-t', 'bootstrap-t, logit', 'used here'];

console.log(
  `${trials} trials, ${resamples} resamples, seed ${seed}. Cells: coverage % (mean width, points).\n`,
);
intervalsOfOneRun();
differencesOfTwoRuns();

function intervalsOfOneRun() {
  console.log(row(['corpus shape', 'G', 'speakers differ', 'figure', ...METHODS]));
  console.log(row(['---', '--:', '---', '---', ...METHODS.map(() => '--:')]));
  for (const population of POPULATIONS) {
    for (const effects of EFFECTS) {
      const shares = errorShares(population.logits.length);
      const stream = `${population.name}/${effects}`;
      const truth = truths(stream, population.logits.length, (random, sums) =>
        addExpected(sums, drawSpeaker(population, effects, random), shares),
      );
      const figures = ['ua', 'wa', 'mf1', 'wf1'];
      const tallies = figures.map(() => METHODS.map(() => ({ held: 0, width: 0, made: 0 })));
      for (let trial = 0; trial < trials; trial++) {
        const random = new Random({ seed, stream, item: `trial ${trial}` });
        const clusters = Array.from({ length: population.speakers }, () =>
          drawAnswers(drawSpeaker(population, effects, random), shares, random),
        );
        const drawn = drawResamples(clusters.length, resamples, trial);
        figures.forEach((figure, f) => {
          const statistic = figureStatistic(figure, population.logits.length);
          tally(METHODS, tallies[f], methods(clusters, statistic, drawn, 'logit'), truth(statistic));
        });
      }
      figures.forEach((figure, f) => {
        console.log(row([population.name, population.speakers, effects, figure, ...tallies[f].map(cell)]));
      });
    }
  }
}

function differencesOfTwoRuns() {
  const names = ['percentile', 'BCa', 't', 'bootstrap-t', 'used here'];
  const others = ['permutation, nothing to find', 'McNemar, nothing to find', 'permutation, a difference'];
  console.log(`\n${row(['corpus shape', 'G', 'speakers differ', 'figure', ...names, ...others])}`);
  console.log(row(['---', '--:', '---', '---', ...names.map(() => '--:'), ...others.map(() => '--:')]));
  for (const population of POPULATIONS) {
    for (const effects of EFFECTS) {
      const classes = population.logits.length;
      const shares = errorShares(classes);
      const stream = `${population.name}/${effects}/pair`;
      const shift = 0.3;
      const truth = truths(stream, 2 * classes, (random, sums) => {
        const [a, b] = drawPair(population, effects, shift, random);
        addExpected(sums.subarray(0, 3 * classes), a, shares);
        addExpected(sums.subarray(3 * classes), b, shares);
      });
      const statistic = differenceStatistic('ua', classes);
      const tallies = names.map(() => ({ held: 0, width: 0, made: 0 }));
      let falsePermutation = 0;
      let falseMcnemar = 0;
      let found = 0;
      for (let trial = 0; trial < trials; trial++) {
        const random = new Random({ seed, stream, item: `trial ${trial}` });
        const drawn = drawResamples(population.speakers, resamples, trial);
        const shifted = pairs(population, effects, shift, shares, random);
        const all = methods(shifted.clusters, statistic, drawn, 'plain');
        tally(names, tallies, all, truth(statistic));
        const options = { seed: trial, draws: resamples };
        if (permutationTest(shifted.clusters, options).p.ua <= 0.05) found += 1;
        const equal = pairs(population, effects, 0, shares, random);
        if (permutationTest(equal.clusters, options).p.ua <= 0.05) falsePermutation += 1;
        if (mcnemar(equal.onlyFirst, equal.onlySecond).p <= 0.05) falseMcnemar += 1;
      }
      const rates = [falsePermutation, falseMcnemar, found].map((n) => `${((100 * n) / trials).toFixed(1)}`);
      console.log(row([population.name, population.speakers, effects, 'ua', ...tallies.map(cell), ...rates]));
    }
  }
}

/** Margins of both runs for every speaker, and McNemar's counts: answers fall independently given the speaker. */
function pairs(population, effects, shift, shares, random) {
  const classes = population.logits.length;
  let onlyFirst = 0;
  let onlySecond = 0;
  const clusters = Array.from({ length: population.speakers }, () => {
    const [a, b] = drawPair(population, effects, shift, random);
    const margins = new Float64Array(6 * classes);
    margins.set(drawAnswers(a, shares, random));
    margins.set(drawAnswers(b, shares, random), 3 * classes);
    for (let c = 0; c < classes; c++) {
      // Which utterances are right matters to McNemar alone; the right ones of both runs are spread at random.
      const n = a.sizes[c];
      const inFirst = new Set(random.shuffled([...Array(n).keys()]).slice(0, margins[c]));
      const both = random
        .shuffled([...Array(n).keys()])
        .slice(0, margins[3 * classes + c])
        .filter((u) => inFirst.has(u));
      onlyFirst += margins[c] - both.length;
      onlySecond += margins[3 * classes + c] - both.length;
    }
    return margins;
  });
  return { clusters, onlyFirst, onlySecond };
}

/** The figures of all speakers there are. */
function truths(stream, thirds, add) {
  const random = new Random({ seed, stream, item: 'truth' });
  const sums = new Float64Array(3 * thirds);
  for (let speaker = 0; speaker < TRUTH_SPEAKERS; speaker++) add(random, sums);
  return (statistic) => statistic.value(sums);
}

function methods(clusters, statistic, drawn, scale) {
  const values = resampledValues(clusters, statistic, drawn);
  const plain = estimateOf(clusters, statistic, 'plain');
  const scaled = estimateOf(clusters, statistic, scale);
  const speakers = clusters.length;
  return {
    percentile: percentile(values),
    BCa: bca(values, clusters, statistic),
    t: studentInterval(plain, speakers, 'plain'),
    'bootstrap-t': studentisedInterval(clusters, statistic, 'plain', plain, drawn),
    ...(scale === 'logit'
      ? {
          't, logit': studentInterval(scaled, speakers, scale),
          'bootstrap-t, logit': studentisedInterval(clusters, statistic, scale, scaled, drawn),
        }
      : {}),
    'used here': clusteredInterval(clusters, statistic, scale, speakers < BOOTSTRAP_FROM ? null : drawn),
  };
}

function tally(names, tallies, intervals, truth) {
  names.forEach((name, m) => {
    const interval = intervals[name];
    if (!interval) return;
    tallies[m].made += 1;
    tallies[m].width += interval[1] - interval[0];
    if (interval[0] <= truth && truth <= interval[1]) tallies[m].held += 1;
  });
}

function cell({ held, width, made }) {
  if (made === 0) return '–';
  const note = made < trials ? ` of ${made}` : '';
  return `${((100 * held) / made).toFixed(1)} (${((100 * width) / made).toFixed(1)})${note}`;
}

function row(cells) {
  return `| ${cells.join(' | ')} |`;
}
