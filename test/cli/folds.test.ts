/** `folds`, and training by the plan that it wrote. */
import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';

import { afterAll, beforeAll, expect, test } from '@jest/globals';

import type { FoldPlan } from '../../lib/folds/types.js';
import { makeFolder, removeTrees } from '../corpus/temporary-tree.js';
import { run, TINY } from './command.js';

/** One fold, one epoch: what is tested is the plan. */
const BRIEF = [...TINY, '--epochs=1', '--folds=1'];

let folder: string;
beforeAll(async () => {
  folder = await makeFolder();
});
afterAll(removeTrees);

const read = async <T>(name: string): Promise<T> =>
  JSON.parse(await readFile(path.join(folder, name), 'utf8')) as T;

test('shows who trains, validates and tests; writes the plan; prints it as JSON', async () => {
  const args = ['folds', '--validation', 'speaker', '--validation-speakers', '2', '--out', 'plan.json'];
  const shown = await run(args, { cwd: folder });
  expect(shown.code).toBe(0);
  expect(shown.stdout).toMatch(/demo-4fold of demo: 4 folds over 320 utterances of 8 speakers/);
  expect(shown.stdout).toMatch(/^1 +train +160 .*\n +validation +80 .*\n +test +80 +20 +20 +20 +20 +f1 m1$/m);
  const plan = await read<FoldPlan>('plan.json');
  expect(plan.validation).toBe('speaker');
  const printed = await run([...args.slice(0, -2), '--json'], { cwd: folder });
  expect(JSON.parse(printed.stdout)).toEqual(plan);
  const again = await run(['folds', '--plan', 'plan.json'], { cwd: folder });
  expect(again.stdout).toContain(plan.hash);
});

test('train --plan trains by it, audit finds the run sound; a changed plan is refused', async () => {
  await run(['folds', '--validation', 'speaker', '--out', 'train.json'], { cwd: folder });
  const plan = await read<FoldPlan>('train.json');
  const trained = await run(['train', '--plan', 'train.json', ...BRIEF, '--out', 'run'], { cwd: folder });
  expect(trained.code).toBe(0);
  expect((await read<FoldPlan>('run/folds.json')).hash).toBe(plan.hash);
  const report = await read<{ validation: string; audit: { leaks: number; checked: string[] } }>(
    'run/report.json',
  );
  expect(report.validation).toBe('speaker');
  expect(report.audit.leaks).toBe(0);
  expect(report.audit.checked.length).toBeGreaterThan(2);

  // The run keeps its plan: it goes on without the file that it was given.
  await writeFile(path.join(folder, 'train.json'), 'gone');
  const resumed = await run(['train', '--resume', 'run', '--folds', '2'], { cwd: folder });
  expect(resumed.code).toBe(0);

  const audited = await run(['audit', 'run', '--no-audio', '--json'], { cwd: folder });
  expect(JSON.parse(audited.stdout)).toMatchObject({ leaks: [], faults: [] });
  expect(audited.code).toBe(0);

  const leaky = structuredClone(plan);
  leaky.folds[0]!.train.push(leaky.folds[0]!.test[0]!);
  await writeFile(path.join(folder, 'leaky.json'), JSON.stringify(leaky));
  const refused = await run(['train', '--plan', 'leaky.json', ...BRIEF], { cwd: folder });
  expect(refused.code).toBe(3);
  expect(refused.stderr).toContain('changed after it was made');
}, 600_000);

test('--plan goes with neither --protocol nor --validation', async () => {
  const both = await run(['train', '--plan', 'plan.json', '--protocol', 'loso'], { cwd: folder });
  expect(both.code).toBe(2);
  expect(both.stderr).toContain('leave --protocol and --validation out');
  const configured = await run(['train', '--plan', 'plan.json', '--set', 'protocol=loso'], { cwd: folder });
  expect(configured.code).toBe(2);
  expect(configured.stderr).toContain('a plan brings its protocol');
});
