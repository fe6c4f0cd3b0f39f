#!/usr/bin/env node
/**
 * How often 95 % intervals hold the truth, and how often tests reject where there is nothing to find, on simulated speakers. Prints
 * the tables of docs/statistics.md. Needs `npm run build` before it.
 *
 *     node scripts/simulate-coverage.mjs [--trials 500] [--resamples 999] [--seed 1] [--only EMO-DB] [--figures ua,wa]
 */
import { parseArgs } from 'node:util';
import { clusteredInterval, estimateOf } from '../dist/metrics/clustered-interval.js';
import { mcnemar } from '../dist/metrics/mcnemar.js';
import { permutationTest } from '../dist/metrics/permutation.js';
import { differenceStatistic, figureStatistic } from '../dist/metrics/speaker-statistic.js';
import { Random } from '../dist/random/philox.js';
import { bca, bootstrap, bootstrapT, percentile } from './coverage/other-intervals.mjs';
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
    resamples: { type: 'string', default: '999' },
    seed: { type: 'string', default: '1' },
    only: { type: 'string' },
    figures: { type: 'string', default: 'ua,wa' },
  },
});
const trials = Number(flags.trials);
const resamples = Number(flags.resamples);
const seed = Number(flags.seed);
const figures = flags.figures.split(',');
const populations = POPULATIONS.filter(({ name }) => flags.only === undefined || name === flags.only);
/** Speakers whose expected counts make up the truth. */
const TRUTH_SPEAKERS = 100_000;
/** By how much the second of two runs is better, on the logit scale. */
const SHIFT = 0.3;

console.log(
  `${trials} trials, ${resamples} resamples, seed ${seed}. Intervals: coverage in % (mean width in points).\n`,
);
intervalsOfOneRun();
differencesOfTwoRuns();

function intervalsOfOneRun() {
  const names = ['percentile', 'BCa', 'bootstrap-t', 'bootstrap-t, logit', 't', '**t, logit**'];
  head(['shaped as', 'G', 'speakers', 'figure', ...names]);
  for (const { population, effects, classes, shares, stream } of cells('run')) {
    const truth = truths(stream, classes, (random, sums) => {
      addExpected(sums, drawSpeaker(population, effects, random), shares);
    });
    const tallies = figures.map(() => names.map(() => ({ held: 0, width: 0, made: 0 })));
    for (let trial = 0; trial < trials; trial++) {
      const random = new Random({ seed, stream, item: `trial ${trial}` });
      const clusters = Array.from({ length: population.speakers }, () =>
        drawAnswers(drawSpeaker(population, effects, random), shares, random),
      );
      for (const [f, figure] of figures.entries()) {
        const statistic = figureStatistic(figure, classes);
        const estimate = estimateOf(clusters, statistic);
        // A class that none of the drawn speakers has: no method gives an interval.
        if (estimate === null) continue;
        const resampled = bootstrap(clusters, statistic, resamples, random);
        tally(tallies[f], truth(statistic), [
          percentile(resampled),
          bca(resampled, clusters, statistic),
          bootstrapT(resampled, estimate, 'plain'),
          bootstrapT(resampled, estimate, 'logit'),
          clusteredInterval(clusters, statistic, 'plain'),
          clusteredInterval(clusters, statistic, 'logit'),
        ]);
      }
    }
    for (const [f, figure] of figures.entries()) {
      row([population.name, population.speakers, effects, figure.toUpperCase(), ...tallies[f].map(shown)]);
    }
  }
}

function differencesOfTwoRuns() {
  const names = ['percentile', 'BCa', 'bootstrap-t', '**t**'];
  const rates = ['permutation, false alarms', 'McNemar, false alarms', 'permutation, found'];
  console.log('');
  head(['shaped as', 'G', 'speakers', 'figure', ...names, ...rates]);
  for (const { population, effects, classes, shares, stream } of cells('pair')) {
    const truth = truths(stream, 2 * classes, (random, sums) => {
      const [a, b] = drawPair(population, effects, SHIFT, random);
      addExpected(sums.subarray(0, 3 * classes), a, shares);
      addExpected(sums.subarray(3 * classes), b, shares);
    });
    const statistic = differenceStatistic('ua', classes);
    const tallies = names.map(() => ({ held: 0, width: 0, made: 0 }));
    const alarms = { permutation: 0, mcnemar: 0, found: 0 };
    for (let trial = 0; trial < trials; trial++) {
      const random = new Random({ seed, stream, item: `trial ${trial}` });
      const { clusters } = drawRuns(population, effects, SHIFT, shares, random);
      const estimate = estimateOf(clusters, statistic);
      if (estimate !== null) {
        const resampled = bootstrap(clusters, statistic, resamples, random);
        tally(tallies, truth(statistic), [
          percentile(resampled),
          bca(resampled, clusters, statistic),
          bootstrapT(resampled, estimate, 'plain'),
          clusteredInterval(clusters, statistic, 'plain'),
        ]);
      }
      const rejects = (answers) => permutationTest(answers, { seed: trial, draws: 1999 }).p.ua <= 0.05;
      const equal = drawRuns(population, effects, 0, shares, random);
      if (rejects(clusters)) alarms.found += 1;
      if (rejects(equal.clusters)) alarms.permutation += 1;
      if (mcnemar(equal.onlyFirst, equal.onlySecond).p <= 0.05) alarms.mcnemar += 1;
    }
    const percent = [alarms.permutation, alarms.mcnemar, alarms.found].map((n) =>
      ((100 * n) / trials).toFixed(1),
    );
    row([population.name, population.speakers, effects, 'UA', ...tallies.map(shown), ...percent]);
  }
}

/** Every population with every way that speakers differ. */
function cells(kind) {
  return populations.flatMap((population) =>
    EFFECTS.map((effects) => {
      const classes = population.logits.length;
      const stream = `${population.name}/${effects}/${kind}`;
      return { population, effects, classes, shares: errorShares(classes), stream };
    }),
  );
}

/** Margins of both runs for every speaker, and McNemar's counts: answers fall independently given the speaker. */
function drawRuns(population, effects, shift, shares, random) {
  const classes = population.logits.length;
  let onlyFirst = 0;
  let onlySecond = 0;
  const clusters = Array.from({ length: population.speakers }, () => {
    const [a, b] = drawPair(population, effects, shift, random);
    const margins = new Float64Array(6 * classes);
    margins.set(drawAnswers(a, shares, random));
    margins.set(drawAnswers(b, shares, random), 3 * classes);
    for (let c = 0; c < classes; c++) {
      // Which utterances are right matters to McNemar alone: each run's right ones lie anywhere among them.
      const utterances = Array.from({ length: a.sizes[c] }, (_, u) => u);
      const first = new Set(random.shuffled(utterances).slice(0, margins[c]));
      const second = random.shuffled(utterances).slice(0, margins[3 * classes + c]);
      const both = second.filter((utterance) => first.has(utterance)).length;
      onlyFirst += first.size - both;
      onlySecond += second.length - both;
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

function tally(tallies, truth, intervals) {
  for (const [m, interval] of intervals.entries()) {
    if (interval === null) continue;
    tallies[m].made += 1;
    tallies[m].width += interval[1] - interval[0];
    if (interval[0] <= truth && truth <= interval[1]) tallies[m].held += 1;
  }
}

function shown({ held, width, made }) {
  if (made === 0) return '–';
  const note = made < trials ? ` of ${made}` : '';
  return `${((100 * held) / made).toFixed(1)} (${((100 * width) / made).toFixed(1)})${note}`;
}

function head(cells) {
  row(cells);
  row(cells.map((_, i) => (i === 1 || i > 3 ? '--:' : '---')));
}

function row(cells) {
  console.log(`| ${cells.join(' | ')} |`);
}
