import { mkdir, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { jest } from '@jest/globals';
import type { LearningCurve } from '../../lib/learning-curve/types.js';
import type { EpochLine, RunReport } from '../../lib/report/types.js';
import type { RunFile } from '../../lib/train/run-folder.js';
import type { TrainEvent } from '../../lib/train/types.js';
import { encodeWav, tone } from '../audio/wav-encoder.js';
import { run, TINY } from './command.js';

jest.setTimeout(300_000); // several runs in one test

let cwd: string;
beforeAll(async () => {
  cwd = await mkdtemp(join(tmpdir(), 'ser-curve-'));
});
afterAll(() => rm(cwd, { recursive: true, force: true }));

const json = async <T>(path: string) => JSON.parse(await readFile(join(cwd, path), 'utf8')) as T;
const curve = (folder: string) => json<LearningCurve>(`${folder}/learning-curve.json`);
/** One fold and one epoch: what is judged here is which runs there are, not how good they are. */
const SHORT = [...TINY, '--folds=1', '--epochs=1'];
const train = async (...args: string[]) => {
  const result = await run(['train', ...SHORT, ...args], { cwd });
  expect({ code: result.code, stderr: result.code === 0 ? '' : result.stderr }).toEqual({
    code: 0,
    stderr: '',
  });
  return result.stdout;
};

describe('train --train-fraction', () => {
  it('trains a run for each share and ends in a curve', async () => {
    const stdout = await train('--train-fraction', '1,0.2', '--out', 'eam');
    expect(stdout).toMatch(/training\s+utterances\s+UA/);
    expect(stdout).toMatch(/20 %\s+32\s/);
    const { points, fractions, corpus, synthetic } = await curve('eam');
    expect({ fractions, corpus, synthetic }).toEqual({
      fractions: [0.2, 1],
      corpus: 'demo',
      synthetic: true,
    });
    expect(points.map(({ run, utterances, folds }) => [run, utterances, folds])).toEqual([
      ['fraction-0.2', 32, [1]],
      ['fraction-1', 160, [1]],
    ]);
    for (const point of points) {
      const report = await json<RunReport>(`eam/${point.run}/report.json`);
      expect(point.mean).toEqual(report.mean.selected);
      expect(point.pooled.n).toBe(80);
    }
    expect(await readFile(join(cwd, 'eam/learning-curve.html'), 'utf8')).toMatch(
      /^<!doctype html>.*<svg class="chart/is,
    );
  });

  it('keeps finished runs, and adds a share later', async () => {
    const before = (await stat(join(cwd, 'eam/fraction-0.2/report.json'))).mtimeMs;
    const stdout = await train('--train-fraction', '0.2,0.5,1', '--out', 'eam', '--json');
    const events = stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(
      events.filter(({ type }) => type === 'fraction-end').map(({ fraction, reused }) => [fraction, reused]),
    ).toEqual([
      [0.2, true],
      [0.5, false],
      [1, true],
    ]);
    const starts = events.filter(
      (event): event is TrainEvent & { train: number } => event.type === 'fold-start',
    );
    expect(starts.map(({ train: utterances }) => utterances)).toEqual([80]);
    expect((await stat(join(cwd, 'eam/fraction-0.2/report.json'))).mtimeMs).toBe(before);
    expect((await curve('eam')).points.map(({ fraction }) => fraction)).toEqual([0.2, 0.5, 1]);
    const resumed = await run(['train', '--resume', 'eam'], { cwd });
    expect(resumed.code).toBe(0);
    expect(resumed.stdout).toMatch(/100 %\s+160/);
  });

  it('trains on one share where one is named', async () => {
    await train('--train-fraction', '0.2', '--out', 'one');
    const whole = await json<RunReport>('eam/fraction-0.2/report.json');
    expect((await json<RunReport>('one/report.json')).pooled).toEqual(whole.pooled);
  });

  it('puts curves side by side, paired at each share', async () => {
    await train('--train-fraction', '0.2,1', '--mix', 'none', '--out', 'none');
    const { code, stdout } = await run(['report', 'eam', 'none'], { cwd });
    expect(code).toBe(0);
    expect(stdout).toMatch(/mix eam/);
    expect(stdout).toMatch(/mix none/);
    const told = await run(['report', 'eam', 'none', '--json'], { cwd });
    const { differences } = JSON.parse(told.stdout) as {
      differences: { fraction: number; ua: { difference: number } }[];
    };
    expect(differences.map(({ fraction }) => fraction)).toEqual([0.2, 1]);
    const [eam, none] = [await curve('eam'), await curve('none')];
    expect(differences[0]!.ua.difference).toBeCloseTo(
      none.points[0]!.pooled.ua! - eam.points[0]!.pooled.ua!,
      12,
    );
  });

  it.each([
    ['other settings', ['--train-fraction', '0.2,1', '--mix', 'lam', '--out', 'eam'], /other settings/],
    ['a share of nothing', ['--train-fraction', '0,1'], /above 0/],
    ['a share beyond all', ['--train-fraction', '0.5,2'], /up to 1/],
    ['a nameless curve to go on with', ['--train-fraction', '0.2,1', '--resume'], /--resume DIR/],
  ])('refuses %s', async (_what, args, message) => {
    const { code, stderr } = await run(['train', ...SHORT, ...args], { cwd });
    expect({ code, stderr }).toEqual({ code: 2, stderr: expect.stringMatching(message) });
  });
});

describe('train --class-weights', () => {
  it('weighs a skewed corpus by its classes', async () => {
    for (const [label, takes] of Object.entries({ anger: 2, sadness: 6 })) {
      for (let speaker = 1; speaker <= 4; speaker++) {
        const folder = join(cwd, 'skewed', label, `s${speaker}`);
        await mkdir(folder, { recursive: true });
        for (let take = 0; take < takes; take++) {
          const pitch = (label === 'anger' ? 300 : 120) + take + 10 * speaker;
          await writeFile(
            join(folder, `${label}-${speaker}-${take}.wav`),
            encodeWav(tone(8000, pitch, 16_000, 0.3)),
          );
        }
      }
    }
    const skewed = ['--corpus', 'folder', '--data', 'skewed', '--protocol', 'loso', '--mix', 'none'];
    const losses = async (kind: string) => {
      await train(...skewed, '--class-weights', kind, '--out', kind);
      expect(await json<RunFile>(`${kind}/run.json`)).toMatchObject({ config: { classWeights: kind } });
      const [line] = (await readFile(join(cwd, kind, 'metrics.jsonl'), 'utf8')).split('\n');
      return (JSON.parse(line!) as EpochLine).train.raw;
    };
    const plain = await losses('none');
    const balanced = await losses('balanced');
    expect(balanced.kl).not.toBeCloseTo(plain.kl, 3);
    expect(balanced.focal).not.toBeCloseTo(plain.focal, 3);
  });
});
