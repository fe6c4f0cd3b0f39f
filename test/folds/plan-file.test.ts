import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';

import { demoCorpus } from '../../lib/corpus/demo/index.js';
import { DataError } from '../../lib/errors.js';
import {
  type FoldPlan,
  loadPlan,
  planFolds,
  planHash,
  readPlan,
  verifyPlan,
  writePlan,
} from '../../lib/folds/index.js';

const corpus = demoCorpus();
let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'ser-native-test-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const rehashed = (plan: FoldPlan): FoldPlan => ({ ...plan, hash: planHash(plan) });

test('a plan survives writing and reading, and leaves no partial file', async () => {
  const plan = planFolds({ corpus });
  const file = path.join(folder, 'folds.json');
  await writePlan(file, plan);
  expect(await readPlan(file)).toEqual(plan);
  expect(verifyPlan(await readPlan(file), corpus)).toEqual([]);
  expect(await readdir(folder)).toEqual(['folds.json']);
});

test('a folder that cannot be written is a data error', async () => {
  await expect(writePlan(path.join(folder, 'missing', 'folds.json'), planFolds({ corpus }))).rejects.toThrow(
    DataError,
  );
});

describe('a stored plan is refused', () => {
  test('where missing, truncated, no plan, or changed', async () => {
    const good = path.join(folder, 'good.json');
    await writePlan(good, planFolds({ corpus }));
    const text = await readFile(good, 'utf8');
    const attempt = async (content: string): Promise<FoldPlan> => {
      const file = path.join(folder, 'bad.json');
      await writeFile(file, content);
      return readPlan(file);
    };
    await expect(readPlan(path.join(folder, 'none.json'))).rejects.toThrow(/does not exist/);
    await expect(attempt(text.slice(0, 500))).rejects.toThrow(/truncated/);
    await expect(attempt('{"schema":"something"}')).rejects.toThrow(/no fold plan: schema/);
    await expect(attempt(text.replace('"m1-anger-01"', '"m1-anger-99"'))).rejects.toThrow(
      /changed after it was made/,
    );
  });

  test('where it names utterances that the corpus lacks, or is for another corpus', () => {
    const plan = planFolds({ corpus });
    const smaller = { ...corpus, utterances: corpus.utterances.filter(({ id }) => id !== 'f2-sadness-03') };
    expect(() => verifyPlan(plan, smaller)).toThrow(/f2-sadness-03/);
    expect(() => verifyPlan(plan, { ...corpus, name: 'other' })).toThrow(/is for corpus demo, not other/);
  });

  test('where it leaks, though its hash is right', () => {
    const plan = planFolds({ corpus });
    const [first, ...rest] = plan.folds;
    const moved = first!.test[0]!;
    const shared = rehashed({ ...plan, folds: [{ ...first!, train: [...first!.train, moved] }, ...rest] });
    expect(() => verifyPlan(shared, corpus)).toThrow(new RegExp(`${moved} in train and test`));
    const split = rehashed({
      ...plan,
      folds: [{ ...first!, train: [...first!.train, moved], test: first!.test.slice(1) }, ...rest],
    });
    expect(() => verifyPlan(split, corpus)).toThrow(/speakers are in two parts.*f1 in train and test/);
    const empty = rehashed({ ...plan, folds: [{ ...first!, test: [] }, ...rest] });
    expect(() => verifyPlan(empty, corpus)).toThrow(/the test part is empty/);
    expect(() => verifyPlan({ ...plan, protocol: 'loso' }, corpus)).toThrow(DataError);
  });
});

describe('a plan that names utterances whose audio cannot be used', () => {
  const file = () => path.join(folder, 'left-out.json');
  const gone = ['f1-anger-01', 'm3-neutral-02'];

  test('is used without them, under a hash of its own, and says so', async () => {
    const plan = planFolds({ corpus, validation: 'none' });
    await writePlan(file(), plan);
    const loaded = await loadPlan(file(), corpus, { leftOut: new Set([...gone, 'not-in-the-plan']) });
    const rest = { ...corpus, utterances: corpus.utterances.filter(({ id }) => !gone.includes(id)) };
    expect(loaded.folds).toEqual(planFolds({ corpus: rest, validation: 'none' }).folds);
    expect(loaded.hash).toBe(planHash(loaded));
    expect(loaded.hash).not.toBe(plan.hash);
    expect(loaded.warnings).toEqual([
      expect.stringMatching(/^2 of the plan's utterances cannot be used .*\(f1-anger-01, m3-neutral-02\)\.$/),
    ]);
  });

  test('is the same plan where none of them is in it', async () => {
    const plan = planFolds({ corpus });
    await writePlan(file(), plan);
    expect(await loadPlan(file(), corpus, { leftOut: new Set(['elsewhere']) })).toEqual(plan);
  });

  test('is refused where a part loses a class that training needs', async () => {
    await writePlan(file(), planFolds({ corpus }));
    const anger = corpus.utterances.filter(({ emotion }) => emotion === 'anger').map(({ id }) => id);
    await expect(loadPlan(file(), corpus, { leftOut: new Set(anger) })).rejects.toMatchObject({
      code: 'E_CLASS_MISSING',
    });
  });
});
