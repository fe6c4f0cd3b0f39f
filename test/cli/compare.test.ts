import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { writeRun } from '../compare/run-folders.js';
import { run } from './command.js';

let cwd: string;
beforeAll(async () => {
  cwd = await mkdtemp(join(tmpdir(), 'ser-compare-'));
  await writeRun(join(cwd, 'a'), { quality: 1.5 });
  await writeRun(join(cwd, 'b'), { quality: 0 });
  await writeRun(join(cwd, 'c'), { quality: 1, report: { corpus: 'another' } });
});
afterAll(() => rm(cwd, { recursive: true, force: true }));

test('prints a table and what it means', async () => {
  const { code, stdout, stderr } = await run(['compare', 'a', 'b'], { cwd });
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  expect(stdout).toMatch(/first +second +difference +95 % +p\n/);
  expect(stdout).toMatch(/A difference is shown: a has a UA/);
});

test('--json: the figures of two runs at the top, of several in a list', async () => {
  const { stdout } = await run(['compare', 'a', 'b', '--json'], { cwd });
  const two = JSON.parse(stdout);
  for (const figure of ['ua', 'wa']) {
    expect(two[figure]).toMatchObject({
      difference: expect.any(Number),
      ci95: [expect.any(Number), expect.any(Number)],
      p: expect.any(Number),
    });
    expect(two[figure].ci95[0]).toBeLessThan(two[figure].difference);
    expect(two[figure].ci95[1]).toBeGreaterThan(two[figure].difference);
  }
  expect(two.mcnemar).toMatchObject({ b: expect.any(Number), c: expect.any(Number), p: expect.any(Number) });
  expect(two).toMatchObject({ first: { path: 'a' }, second: { path: 'b' }, speakers: 10 });
  expect(two.others).toBeUndefined();
  const several = JSON.parse((await run(['compare', 'a', 'b', 'a', '--json'], { cwd })).stdout);
  expect(several.others).toHaveLength(2);
  expect(several.others[0].ua).toEqual(two.ua);
});

test.each([
  ['one run', ['a'], 2, /missing required argument|others/],
  ['another corpus', ['a', 'c'], 3, /another/],
  ['no run folder', ['a', 'nowhere'], 3, /nowhere holds no results/],
  ['an unknown selection', ['a', 'b', '--selection', 'best'], 2, /selected, bestOnTest/],
])('refuses %s', async (_what, args, code, message) => {
  const result = await run(['compare', ...args], { cwd });
  expect(result.code).toBe(code);
  expect(result.stderr).toMatch(message);
  expect(result.stderr).not.toMatch(/\n\s+at /);
});
