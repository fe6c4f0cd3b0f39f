import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DataError } from '../../lib/errors.js';
import { buildReport, writeReport } from '../../lib/report/index.js';
import { epochLine, foldResult, pageInput, reportInput } from './tiny-run.js';

test('figures of a run small enough to compute by hand', () => {
  const report = buildReport(reportInput());
  // Fold 1: a 2/2, b 1/2. Fold 2: all right.
  expect(report.folds[0]).toEqual({
    fold: 1,
    seed: 1,
    n: 4,
    selected: {
      epoch: 2,
      wa: 0.75,
      ua: 0.75,
      mf1: (4 / 5 + 2 / 3) / 2,
      wf1: (2 * (4 / 5) + 2 * (2 / 3)) / 4,
      confusion: [
        [2, 0],
        [1, 1],
      ],
    },
    bestOnTest: {
      epoch: 1,
      wa: 1,
      ua: 1,
      mf1: 1,
      wf1: 1,
      confusion: [
        [2, 0],
        [0, 2],
      ],
    },
  });
  expect(report.mean.selected.ua.mean).toBeCloseTo(0.875, 12);
  expect(report.mean.selected.ua.std).toBeCloseTo(Math.sqrt(2) / 8, 12);
  expect(report.mean.bestOnTest.ua).toEqual({ mean: 1, std: 0 });
  // Pooled: a 3/3, b 4/5; its UA is not the mean of the folds'.
  expect(report.pooled.selected).toMatchObject({ n: 8, wa: 7 / 8, ua: 0.9 });
  expect(report.pooled.selected.confusion).toEqual([
    [3, 0],
    [1, 4],
  ]);
  expect(report).toMatchObject({ schema: 'ser-native/report@1', seeds: [1], warnings: [] });
});

test('folds in order, whatever order they finished in', () => {
  const { folds } = reportInput();
  expect(buildReport(reportInput({ folds: [folds[1]!, folds[0]!] }))).toEqual(buildReport(reportInput()));
});

test('a fold that lacks a class: no UA, no mean UA, a pooled UA, and a warning that names fold and class', () => {
  const report = buildReport(
    reportInput({ folds: [foldResult(1, 'aaaa', 'aaab'), foldResult(2, 'abbb', 'abbb')] }),
  );
  expect(report.folds[0]!.selected.ua).toBeNull();
  expect(report.mean.selected.ua).toEqual({ mean: null, std: null });
  expect(report.mean.selected.wa.mean).toBe(0.875);
  expect(report.pooled.selected.ua).toBe((4 / 5 + 1) / 2);
  expect(report.warnings).toEqual([expect.stringMatching(/fold 1 has no b\b.*pooled UA/)]);
});

test('says that folds are missing, and keeps the warnings it was given once', () => {
  const report = buildReport(
    reportInput({ protocolFolds: 6, warnings: ['12 files were dropped', '12 files were dropped'] }),
  );
  expect(report.warnings).toEqual([
    '12 files were dropped',
    expect.stringMatching(/2 of the protocol's 6 folds/),
  ]);
});

test('says where validation WA stood in for UA', () => {
  const fold = foldResult(1, 'aabb', 'aabb');
  fold.epochs = [epochLine(1, 1, null)];
  const report = buildReport(reportInput({ folds: [fold], protocolFolds: 1 }));
  expect(report.warnings).toEqual([expect.stringMatching(/fold 1.*chosen by validation WA/)]);
  expect(report.mean.selected.wa.std).toBeNull();
});

test('several seeds: the mean is over the seeds’ means', () => {
  const report = buildReport(
    reportInput({
      folds: [
        foldResult(1, 'aabb', 'aabb', 'aabb', 1), // 1
        foldResult(2, 'aabb', 'bbaa', 'aabb', 1), // 0
        foldResult(1, 'aabb', 'aabb', 'aabb', 2), // 1
        foldResult(2, 'aabb', 'aaaa', 'aabb', 2), // 0.5
      ],
    }),
  );
  expect(report.seeds).toEqual([1, 2]);
  expect(report.mean.selected.ua.mean).toBeCloseTo((0.5 + 0.75) / 2, 12);
  expect(report.mean.selected.ua.std).toBeCloseTo(0.25 / Math.SQRT2, 12);
  expect(report.warnings).toEqual([]);
});

describe('refuses', () => {
  const refusal = (over: Parameters<typeof reportInput>[0]) => () => buildReport(reportInput(over));

  test('a run without a finished fold', () => {
    expect(refusal({ folds: [] })).toThrow(DataError);
  });

  test('a fold given twice', () => {
    expect(refusal({ folds: [foldResult(1, 'ab', 'ab'), foldResult(1, 'ab', 'ab')] })).toThrow(/there twice/);
  });

  test('a class that the corpus lacks', () => {
    expect(refusal({ folds: [foldResult(1, 'ab', 'ac')] })).toThrow(/u1-1 has the class c/);
  });

  test('an utterance predicted twice', () => {
    const fold = foldResult(1, 'ab', 'ab');
    fold.predictions.selected[1]!.id = fold.predictions.selected[0]!.id;
    expect(refusal({ folds: [fold] })).toThrow(/u1-0 is predicted twice/);
  });

  test('selections over different utterances', () => {
    const fold = foldResult(1, 'ab', 'ab');
    fold.predictions.bestOnTest.pop();
    expect(refusal({ folds: [fold] })).toThrow(/different utterances \(2 and 1\)/);
  });
});

test('writes both files and nothing else', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'report-'));
  try {
    const input = pageInput();
    const paths = await writeReport(folder, input);
    expect(readdirSync(folder).sort()).toEqual(['report.html', 'report.json']);
    expect(JSON.parse(readFileSync(paths.json, 'utf8'))).toEqual(input.report);
    expect(readFileSync(paths.html, 'utf8')).toMatch(/^<!doctype html>/);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
