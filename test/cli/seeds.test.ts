import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { EpochLine, PredictionLine, RunReport } from '../../lib/report/types.js';
import { encodeWav, tone } from '../audio/wav-encoder.js';
import { run, start, TINY } from './command.js';

let cwd: string;
beforeAll(async () => {
  cwd = await mkdtemp(join(tmpdir(), 'ser-seeds-'));
  await succeed('train', ...TINY, '--folds=1', '--seeds=2', '--out', 'two');
});
afterAll(() => rm(cwd, { recursive: true, force: true }));

const text = (path: string) => readFile(join(cwd, path), 'utf8');
const lines = async <T>(path: string) =>
  (await text(path))
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as T);

async function succeed(...args: string[]) {
  const result = await run(args, { cwd });
  expect({ code: result.code, stderr: result.code === 0 ? '' : result.stderr }).toEqual({
    code: 0,
    stderr: '',
  });
  return result;
}

async function expectSameAs(one: string, other: string) {
  for (const file of ['metrics.jsonl', 'predictions.jsonl'])
    expect(await text(`${one}/${file}`)).toBe(await text(`${other}/${file}`));
}

describe('ser-native train --seeds', () => {
  it('trains the folds for each seed, in a folder for each, and reports over them', async () => {
    expect((await readdir(join(cwd, 'two'))).filter((name) => /^(seed|fold)-/.test(name)).sort()).toEqual([
      'seed-1',
      'seed-2',
    ]);
    expect(await readdir(join(cwd, 'two/seed-2'))).toEqual(['fold-1']);
    const report = JSON.parse(await text('two/report.json')) as RunReport;
    expect(report.seeds).toEqual([1, 2]);
    expect(report.folds.map(({ seed, fold }) => [seed, fold])).toEqual([
      [1, 1],
      [2, 1],
    ]);
    const epochs = await lines<EpochLine>('two/metrics.jsonl');
    expect(epochs.map(({ seed, epoch }) => [seed, epoch])).toEqual([
      [1, 1],
      [1, 2],
      [2, 1],
      [2, 2],
    ]);
    const predictions = await lines<PredictionLine>('two/predictions.jsonl');
    const of = (seed: number) => predictions.filter((line) => line.seed === seed);
    expect(of(1).map(({ id }) => id)).toEqual(of(2).map(({ id }) => id));
    expect(of(1).map(({ probabilities }) => probabilities)).not.toEqual(
      of(2).map(({ probabilities }) => probabilities),
    );
  });

  it('gives each seed what a run of that seed alone gives, and says which is trained', async () => {
    const { stderr } = await succeed('train', ...TINY, '--folds=1', '--seed=2', '--out', 'second');
    expect(stderr).toMatch(/seed 2\n/);
    const alone = await text('second/metrics.jsonl');
    expect((await text('two/metrics.jsonl')).endsWith(alone)).toBe(true);
    expect(await readdir(join(cwd, 'second'))).toContain('fold-1');
  });

  it.each([1, 2])('is killed (%i) and goes on to the same end', async (round) => {
    const out = `killed-${round}`;
    const running = start(['train', ...TINY, '--folds=1', '--seeds=1,2', '--out', out, '--json'], { cwd });
    await running.printed(
      [/"type":"fold-end"/, /"type":"epoch","line":\{"type":"epoch","seed":2/][round - 1]!,
    );
    running.child.kill('SIGKILL');
    expect((await running.finished).code).toBe('SIGKILL');
    await succeed('train', '--resume', out);
    await expectSameAs(out, 'two');
  });

  it('adds a seed to a run of one, whose folds move to where they belong', async () => {
    await succeed('train', ...TINY, '--folds=1', '--out', 'grown');
    expect(await readdir(join(cwd, 'grown'))).toContain('fold-1');
    const { stderr } = await succeed('train', '--resume', 'grown', '--seeds', '1,2');
    expect(stderr).toMatch(/seeds 1, 2/);
    expect(stderr).toMatch(/seed 1, fold 1 was finished before/);
    expect(stderr).toMatch(/seed 2, fold 1\/4/);
    expect(await readdir(join(cwd, 'grown'))).not.toContain('fold-1');
    await expectSameAs('grown', 'two');
  });

  it('predicts by the models of all seeds, or of one', async () => {
    await writeFile(join(cwd, 'a.wav'), encodeWav(tone(16_000, 180, 16_000, 0.2)));
    const predict = async (...args: string[]) =>
      JSON.parse((await succeed('predict', ...args, 'a.wav', '--json')).stdout).probabilities;
    const [first, second, both] = [
      await predict('two', '--seed', '1'),
      await predict('two/seed-2'),
      await predict('two'),
    ];
    for (const [name, p] of Object.entries<number>(both))
      expect(p).toBeCloseTo((first[name] + second[name]) / 2, 6);
    expect((await succeed('predict', 'two', 'a.wav')).stderr).toMatch(/mean of 2 models of 2 seeds/);
    const missing = await run(['predict', 'two', '--seed', '7', 'a.wav'], { cwd });
    expect(missing.code).toBe(3);
    expect(missing.stderr).toMatch(
      /no finished model of seed 7; finished: fold 1 of seed 1, fold 1 of seed 2/,
    );
  });

  it('stands in the index of runs', async () => {
    const { stdout, stderr } = await succeed('runs', '.', '--sort', 'name');
    expect(stdout).toMatch(/^run +status +protocol/);
    expect(stdout).toMatch(/^two +partial +demo-4fold +2\/8 in 2 seeds +\d+\.\d ± \d+\.\d/m);
    expect(stderr).toBe('');
    const one = await succeed('runs', '.', '--filter', 'seeds=2', '--filter', 'mix=eam', '--json');
    const { runs } = JSON.parse(one.stdout);
    expect(runs.map(({ name }: { name: string }) => name)).toContain('two');
    expect((await run(['runs', 'nowhere'], { cwd })).code).toBe(3);
  });

  it('refuses what names no seed', async () => {
    for (const seeds of ['0', 'a', '1,', '-1,2']) {
      const { code, stderr } = await run(['train', `--seeds=${seeds}`], { cwd });
      expect(code).toBe(2);
      expect(stderr).toMatch(/how many, such as 3, or which, such as 1,2,3/);
    }
  });
});
