/** A run small enough to compute by hand: two folds of four utterances, classes a and b. */
import type { BuildReportInput, FoldResult } from '../../lib/report/build-report.js';
import { buildReport } from '../../lib/report/index.js';
import type { EpochLine, PredictionLine, ReportPageInput, Selection } from '../../lib/report/types.js';

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
