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

test('pooled figures carry intervals over the speakers held out', () => {
  const report = buildReport(reportInput());
  expect(report.speakers).toBe(4);
  for (const selection of ['selected', 'bestOnTest'] as const) {
    const { ci95, ...pooled } = report.pooled[selection];
    for (const figure of ['wa', 'ua', 'wf1', 'mf1'] as const) {
      const [low, high] = ci95![figure]!;
      expect(low).toBeGreaterThanOrEqual(0);
      expect(low).toBeLessThan(pooled[figure]!);
      expect(high).toBeLessThanOrEqual(1);
    }
  }
  // Utterances are few and speakers fewer: nothing is certain, not even what went right every time.
  expect(report.pooled.bestOnTest.ci95!.wa![0]).toBeLessThan(0.5);
});

test('no interval with a single speaker', () => {
  const fold = foldResult(1, 'aabb', 'aaba');
  for (const line of [...fold.predictions.selected, ...fold.predictions.bestOnTest]) line.speaker = 'one';
  const report = buildReport(reportInput({ folds: [fold], protocolFolds: 1 }));
  expect(report.speakers).toBe(1);
  expect(report.pooled.selected.ci95).toEqual({ wa: null, ua: null, wf1: null, mf1: null });
});

test('classes: recall, precision, F1 of the honest selection', () => {
  const { perClass } = buildReport(reportInput());
  expect(perClass).toEqual([
    { name: 'a', support: 3, recall: 1, precision: 0.75, f1: 6 / 7 },
    { name: 'b', support: 5, recall: 0.8, precision: 1, f1: 8 / 9 },
  ]);
});

test('groups: speakers always, sessions and genders where the corpus names them', () => {
  const plain = buildReport(reportInput()).groups!;
  expect(Object.keys(plain)).toEqual(['speaker']);
  expect(plain.speaker.map(({ name }) => name)).toEqual(['s1-0', 's1-1', 's2-0', 's2-1']);
  // s1-1 says a, b and is heard as a, a.
  expect(plain.speaker[1]).toEqual({ name: 's1-1', n: 2, wa: 0.5, ua: 0.5, classes: 2 });
  // s2-1 says only b, twice.
  expect(plain.speaker[3]).toEqual({ name: 's2-1', n: 2, wa: 1, ua: 1, classes: 1 });

  const input = reportInput();
  for (const { predictions } of input.folds) {
    for (const line of predictions.selected) {
      line.session = `session ${line.fold === 1 ? 10 : 9}`;
      line.gender = line.speaker.endsWith('0') ? 'female' : 'male';
    }
  }
  const named = buildReport(input).groups!;
  expect(named.session!.map(({ name, n, wa }) => [name, n, wa])).toEqual([
    ['session 9', 4, 1],
    ['session 10', 4, 0.75],
  ]);
  expect(named.gender!.map(({ name, wa }) => [name, wa])).toEqual([
    ['female', 1],
    ['male', 0.75],
  ]);
});

test('calibration: plain always, scaled where every fold has a temperature', () => {
  const input = reportInput();
  const plain = buildReport(input).calibration!;
  // All answers have 0.8; 7 of 8 are right.
  expect(plain.plain.ece).toBeCloseTo(7 / 8 - 0.8, 12);
  expect(plain.plain.brier).toBeCloseTo((7 * 2 * 0.2 ** 2 + 2 * 0.8 ** 2) / 8, 12);
  expect(plain.scaled).toBeUndefined();

  input.folds[0]!.temperature = 0.5;
  expect(buildReport(input).calibration!.scaled).toBeUndefined();
  input.folds[1]!.temperature = 1;
  const { scaled, temperatures, plain: still } = buildReport(input).calibration!;
  expect(temperatures).toEqual([0.5, 1]);
  expect(still).toEqual(plain.plain);
  // At T = 1/2 the first fold's 0.8 and 0.2 become 0.64 and 0.04 over 0.68.
  const confidence = 0.64 / 0.68;
  expect(scaled!.bins.map(({ n }) => n)).toEqual([4, 4]);
  expect(scaled!.bins[1]!.confidence).toBeCloseTo(confidence, 12);
  expect(scaled!.ece).toBeCloseTo((4 * (confidence - 0.75) + 4 * 0.2) / 8, 12);
});

test('several seeds are no more speakers: the interval is that of one seed where they agree', () => {
  const once = buildReport(reportInput());
  const twice = buildReport(
    reportInput({
      folds: [1, 2].flatMap((seed) => [
        foldResult(1, 'aabb', 'aaba', 'aabb', seed),
        foldResult(2, 'abbb', 'abbb', 'abbb', seed),
      ]),
    }),
  );
  expect(twice.speakers).toBe(4);
  expect(twice.pooled.selected.n).toBe(16);
  for (const figure of ['wa', 'ua', 'wf1', 'mf1'] as const) {
    expect(twice.pooled.selected.ci95![figure]![0]).toBeCloseTo(once.pooled.selected.ci95![figure]![0], 12);
    expect(twice.pooled.selected.ci95![figure]![1]).toBeCloseTo(once.pooled.selected.ci95![figure]![1], 12);
  }
});

test('a corpus that was not complete is called so', () => {
  expect(buildReport(reportInput({ partial: true })).partial).toBe(true);
  expect('partial' in buildReport(reportInput())).toBe(false);
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
