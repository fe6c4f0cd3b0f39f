/** A run small enough to compute by hand: two folds of four utterances, classes a and b. */
import type { BuildReportInput, FoldResult } from '../../lib/report/build-report.js';
import { buildReport } from '../../lib/report/index.js';
import type {
  EpochLine,
  GroupScores,
  Interval,
  PredictionLine,
  ReportPageInput,
  Selection,
} from '../../lib/report/types.js';

export const CLASSES = ['a', 'b'];

/** `truth` and `predicted` as letters, e.g. 'aabb'. */
export function lines(
  fold: number,
  selection: Selection,
  truth: string,
  predicted: string,
  seed = 1,
): PredictionLine[] {
  return [...truth].map((label, i) => ({
    fold,
    seed,
    selection,
    id: `u${fold}-${i}`,
    speaker: `s${fold}-${i % 2}`,
    label,
    predicted: predicted[i]!,
    probabilities: Object.fromEntries(CLASSES.map((name) => [name, name === predicted[i] ? 0.8 : 0.2])),
  }));
}

export function epochLine(fold: number, epoch: number, ua: number | null, seed = 1): EpochLine {
  const losses = { kl: 0.6 / epoch, focal: 0, center: 0, supcon: 0 };
  return {
    type: 'epoch',
    seed,
    fold,
    epoch,
    steps: 3,
    learningRate: 1e-3,
    train: {
      total: losses.kl,
      raw: losses,
      scaled: losses,
      gradNorm: 1,
      wa: 0.5,
      mixed: 1,
      mixSkipped: 0,
      nonFinite: 0,
    },
    validation: { n: 4, wa: 0.5, ua, wf1: 0.5, mf1: 0.5, loss: 0.7 },
    test: { n: 4, wa: 0.5, ua, wf1: 0.5, mf1: 0.5, loss: 0.7 },
  };
}

export function foldResult(
  fold: number,
  truth: string,
  selected: string,
  best = truth,
  seed = 1,
): FoldResult {
  return {
    fold,
    seed,
    epochs: [epochLine(fold, 1, 0.5, seed), epochLine(fold, 2, 0.6, seed)],
    selected: { epoch: 2 },
    bestOnTest: { epoch: 1 },
    predictions: {
      selected: lines(fold, 'selected', truth, selected, seed),
      bestOnTest: lines(fold, 'bestOnTest', truth, best, seed),
    },
  };
}

export function reportInput(over: Partial<BuildReportInput> = {}): BuildReportInput {
  return {
    run: 'tiny',
    created: '2026-01-02T03:04:05.678Z',
    version: '1.2.3',
    corpus: 'mine',
    synthetic: false,
    protocol: 'group-2',
    protocolFolds: 2,
    validation: 'next-fold',
    classes: CLASSES,
    folds: [foldResult(1, 'aabb', 'aaba'), foldResult(2, 'abbb', 'abbb')],
    ...over,
  };
}

export function pageInput(over: Partial<BuildReportInput> = {}): ReportPageInput {
  const input = reportInput(over);
  return {
    report: buildReport(input),
    epochs: input.folds.flatMap((fold) => fold.epochs),
    predictions: input.folds.flatMap(({ predictions }) => [
      ...predictions.selected,
      ...predictions.bestOnTest,
    ]),
    spotlights: [
      {
        id: 'u1-0',
        fold: 1,
        label: 'a',
        predicted: 'b',
        confidence: 0.875,
        duration: 1.5,
        envelope: [
          [-0.1, 0.1],
          [-0.5, 0.4],
          [0, 0],
        ],
        weights: [0.1, 0.6, 0.2, 0.1],
      },
    ],
    config: { epochs: 2 },
    command: 'npx ser-native train --data "my folder"',
    environment: { Node: 'v22.0.0' },
  };
}

/** The tiny run with everything that a page can show: intervals, groups, calibration, audit, maps, spectrogram, deletion. */
export function richInput(over: Partial<BuildReportInput> = {}): ReportPageInput {
  const input = pageInput(over);
  const { report } = input;
  const interval: Interval = [0.71, 0.97];
  for (const selection of ['selected', 'bestOnTest'] as const)
    report.pooled[selection].ci95 = { wa: interval, ua: interval, wf1: interval, mf1: null };
  report.speakers = 4;
  const groups = (names: string[]): GroupScores[] =>
    names.map((name, i) => ({ name, n: 2, wa: 0.5 + i / 10, ua: 0.5 + i / 10, classes: 2 }));
  report.groups = {
    speaker: groups(['s1-0', 's1-1', 's2-0', 's2-1']),
    session: groups(['first', 'second']),
    gender: groups(['female', 'male']),
  };
  const bins = [
    { low: 0.6, high: 0.8, n: 6, confidence: 0.75, accuracy: 0.5 },
    { low: 0.8, high: 1, n: 2, confidence: 0.9, accuracy: 1 },
  ];
  report.calibration = {
    plain: { ece: 0.21, brier: 0.34, bins },
    scaled: { ece: 0.11, brier: 0.24, bins: bins.slice(1) },
    temperatures: [1.25, 1.5],
  };
  report.audit = { leaks: 0, warnings: ['texts are shared'], checked: ['speakers', 'recordings'] };
  const points = [...'aabb'].map((label, i) => ({
    id: `u1-${i}`,
    label,
    predicted: i === 2 ? 'a' : label,
    x: i / 4,
    y: 1 - i / 4,
  }));
  const map = { seed: 1, epoch: 2, n: 4, agreement: 0.625, neighbours: 3, points };
  input.maps = [
    { ...map, fold: 1 },
    { ...map, fold: 2, n: 9 },
  ];
  Object.assign(input.spotlights[0]!, {
    why: 'wrong',
    spectrogram: { width: 1, height: 1, png: 'iVBORw0KGgo=' },
  });
  input.deletion = {
    utterances: 40,
    speakers: 4,
    draws: 5,
    shares: [0, 0.1, 0.2, 0.3, 0.5],
    probability: {
      highest: [0.9, 0.8, 0.7, 0.6, 0.4],
      random: [0.9, 0.85, 0.8, 0.75, 0.7],
      loudest: [0.9, 0.8, 0.72, 0.65, 0.5],
      lowest: [0.9, 0.9, 0.89, 0.88, 0.85],
    },
    gap: { random: { mean: 0.13, ci95: [0.05, 0.2] }, loudest: { mean: 0.03, ci95: [-0.02, 0.06] } },
  };
  return input;
}
