import { appendFile, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { compareRuns, comparisonMeaning, renderComparisonText } from '../../lib/compare/index.js';
import { holm } from '../../lib/metrics/index.js';
import type { RunReport } from '../../lib/report/types.js';
import { writeRun } from './run-folders.js';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'ser-compare-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));
const at = (name: string) => join(folder, name);

test('two runs: differences of the second less the first, over the speakers', async () => {
  const a = await writeRun(at('good'), { quality: 1.5 });
  const b = await writeRun(at('poor'), { quality: 0 });
  const comparison = await compareRuns([a, b]);
  expect(comparison).toMatchObject({
    schema: 'ser-native/comparison@1',
    selection: 'selected',
    corpus: 'mine',
    first: { name: 'good', protocol: 'group-2', seeds: [1] },
  });
  const [test] = comparison.others;
  expect(test).toMatchObject({
    utterances: 300,
    speakers: 10,
    unpaired: [0, 0],
    notes: [],
    run: { name: 'poor' },
  });
  expect(test!.ua.difference!).toBeLessThan(-0.1);
  expect(test!.ua.ci95![1]).toBeLessThan(0);
  expect(test!.ua.p!).toBeLessThan(0.01);
  expect(test!.adjustedP.ua).toBe(test!.ua.p);
  expect(test!.mcnemar.b).toBeGreaterThan(test!.mcnemar.c);
  expect(comparisonMeaning(test!, 'good', 1)).toMatch(
    /^A difference is shown: good has a UA [\d.]+ points above that of poor \(95 % interval [\d.]+ to [\d.]+\); over 10 speakers/,
  );
});

test('no difference shown is said so, and is no proof of equality', async () => {
  const a = await writeRun(at('same-1'), { quality: 1 });
  const b = await writeRun(at('same-2'), { quality: 1 });
  const { others } = await compareRuns([a, b]);
  expect(others[0]!.ua.p!).toBeGreaterThan(0.05);
  expect(comparisonMeaning(others[0]!, 'same-1', 1)).toMatch(
    /^No difference shown: UA differs by .* over 10 speakers.*no proof of equality\.$/,
  );
});

test('few speakers: what the smallest p is, whatever the difference', async () => {
  const a = await writeRun(at('few-1'), { quality: 3, speakers: 4 });
  const b = await writeRun(at('few-2'), { quality: -2, speakers: 4 });
  const { others } = await compareRuns([a, b]);
  expect(others[0]!.ua.p).toBe(2 / 16);
  expect(comparisonMeaning(others[0]!, 'few-1', 1)).toMatch(
    /No difference can be shown with so few speakers: over 4 speakers, p cannot fall below 0\.1250/,
  );
});

test('several runs: all against the first, corrected after Holm', async () => {
  const paths = [at('good'), at('poor'), at('same-1')];
  const comparison = await compareRuns(paths);
  expect(comparison.others.map(({ run }) => run.name)).toEqual(['poor', 'same-1']);
  const values = comparison.others.map(({ ua }) => ua.p);
  expect(comparison.others.map(({ adjustedP }) => adjustedP.ua)).toEqual(holm(values));
  const text = renderComparisonText(comparison);
  expect(text).toMatch(/UA, % .* Holm/);
  expect(text).toMatch(/corrected for 2 comparisons/);
  expect(Math.max(...text.split('\n').map((line) => line.length))).toBeLessThanOrEqual(
    Math.max(80, `all against the first, ${paths[0]}`.length),
  );
});

test('compares what both predict, and says what has no partner', async () => {
  const half = await writeRun(at('half'), { quality: 0, only: (line) => line.fold === 1 });
  const { others } = await compareRuns([at('good'), half]);
  expect(others[0]).toMatchObject({ utterances: 150, speakers: 5, unpaired: [150, 0] });
  expect(others[0]!.notes).toEqual([
    expect.stringMatching(/Only the 150 utterances.*150 of the first run and 0/),
  ]);
});

test('says when folds or validation differ, and when the corpus was not complete', async () => {
  const other = await writeRun(at('loso'), { quality: 1, report: { protocol: 'loso', partial: true } });
  const none = await writeRun(at('none'), { quality: 1, report: { validation: 'none' } });
  const { others } = await compareRuns([at('good'), other, none]);
  expect(others[0]!.notes).toEqual([
    expect.stringMatching(/folds differ \(group-2 and loso\)/),
    expect.stringMatching(/not complete/),
  ]);
  expect(others[1]!.notes).toEqual([expect.stringMatching(/Validation differs \(next-fold and none\)/)]);
});

test('best on test is compared on demand, and called optimistic', async () => {
  const comparison = await compareRuns([at('good'), at('poor')], { selection: 'bestOnTest' });
  const honest = await compareRuns([at('good'), at('poor')]);
  expect(comparison.others[0]!.ua.difference).not.toBe(honest.others[0]!.ua.difference);
  const text = renderComparisonText(comparison);
  expect(text).toMatch(/best epochs on the test fold/);
  expect(text).toMatch(/optimistic/);
});

test('classes in another order are the same classes', async () => {
  const turned = await writeRun(at('turned'), { quality: 0 });
  const plain = await compareRuns([at('good'), turned]);
  await writeRun(at('turned'), {
    quality: 0,
    report: { classes: ['sadness', 'anger', 'neutral'] } as Partial<RunReport>,
  });
  const again = await compareRuns([at('good'), turned]);
  expect(again.others[0]!.ua).toEqual(plain.others[0]!.ua);
});

test('text: figures, recalls, how it was tested; colour changes nothing but colour', async () => {
  const comparison = await compareRuns([at('good'), at('poor')]);
  const text = renderComparisonText(comparison);
  expect(text).toMatch(/^mine {3}validation-selected epochs\n/);
  expect(text).toMatch(/300 utterances of 10 speakers, predicted by both/);
  expect(text).toMatch(/UA +\d\d\.\d +\d\d\.\d +-\d\d\.\d +-\d\d\.\d to -\d+\.\d +0\.0020/);
  expect(text).toMatch(/sadness +\d\d\.\d +\d\d\.\d +[-+]\d/);
  expect(text).toMatch(/permutation over 10 speakers, all 1024 ways/);
  expect(text).toMatch(/McNemar.*independent/);
  // biome-ignore lint/suspicious/noControlCharactersInRegex: meant
  expect(renderComparisonText(comparison, { colour: true }).replace(/\u001b\[[\d;]*m/g, '')).toBe(text);
});

describe('refuses, with a cure', () => {
  const refusal = async (...paths: string[]) => {
    const error = await compareRuns(paths).catch((caught) => caught);
    return { code: error.code, message: error.message, cure: error.cure };
  };

  test('one run alone', async () => {
    expect(await refusal(at('good'))).toMatchObject({ code: 'E_ARGUMENT', cure: expect.any(String) });
  });

  test('another corpus', async () => {
    await writeRun(at('other'), { quality: 1, report: { corpus: 'theirs' } });
    expect(await refusal(at('good'), at('other'))).toMatchObject({
      code: 'E_COMPARE_CORPUS',
      message: expect.stringMatching(/judged on mine.*on theirs/),
    });
  });

  test('other classes', async () => {
    await writeRun(at('two'), { quality: 1, classes: ['anger', 'sadness'] });
    expect(await refusal(at('good'), at('two'))).toMatchObject({
      code: 'E_COMPARE_CLASSES',
      cure: expect.stringMatching(/same choice of classes/),
    });
  });

  test('a folder without results, and a torn line', async () => {
    expect(await refusal(at('good'), at('nowhere'))).toMatchObject({ code: 'E_NO_REPORT' });
    await writeRun(at('torn'), { quality: 1 });
    await appendFile(join(at('torn'), 'predictions.jsonl'), '{"fold":1,');
    expect(await refusal(at('good'), at('torn'))).toMatchObject({
      code: 'E_PREDICTIONS',
      message: expect.stringMatching(/^line 601 of/),
    });
    await writeFile(join(at('torn'), 'predictions.jsonl'), '');
    expect(await refusal(at('good'), at('torn'))).toMatchObject({ code: 'E_PREDICTIONS' });
  });
});
