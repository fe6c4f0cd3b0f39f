import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { checkConfig } from '../../lib/config/resolve.js';
import type { TrainConfigInput } from '../../lib/config/schema.js';
import { DataError, UsageError } from '../../lib/errors.js';
import { buildReport } from '../../lib/report/index.js';
import { listRuns } from '../../lib/run-index/list-runs.js';
import { foldResult, reportInput } from '../report/tiny-run.js';

let root: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'ser-runs-'));
});
afterEach(() => rm(root, { recursive: true, force: true }));

interface Made {
  config?: TrainConfigInput;
  status?: string;
  created?: string;
  /** Predictions of the folds, see tiny-run.ts. */
  folds?: ReturnType<typeof foldResult>[];
  report?: boolean;
}

async function make(name: string, { config = {}, status = 'finished', created, folds, report }: Made) {
  const path = join(root, name);
  const run = {
    schema: 'ser-native/run@1',
    version: '0',
    status,
    created: created ?? '2026-01-01T00:00:00.000Z',
    updated: '',
    preset: 'mel',
    config: checkConfig({ corpus: 'mine', protocol: 'group-2', ...config }),
    configHash: 'c',
    planHash: 'p',
    command: null,
    environment: {},
  };
  await mkdir(path);
  await writeFile(join(path, 'run.json'), JSON.stringify(run));
  await writeFile(join(path, 'folds.json'), JSON.stringify({ protocol: 'group-2', folds: [{}, {}] }));
  for (const fold of folds ?? []) {
    const directory = join(path, run.config.seeds === 1 ? '' : `seed-${fold.seed}`, `fold-${fold.fold}`);
    await mkdir(directory, { recursive: true });
    const outcome = { ...fold, selected: { epoch: 2, wa: 0.5, ua: 0.25 * fold.fold } };
    await writeFile(join(directory, 'result.json'), JSON.stringify({ outcome }));
  }
  if (report && folds)
    await writeFile(join(path, 'report.json'), JSON.stringify(buildReport(reportInput({ folds }))));
}

const good = () => [foldResult(1, 'aabb', 'aabb'), foldResult(2, 'aabb', 'aaba')];
const poor = () => [foldResult(1, 'aabb', 'aaaa'), foldResult(2, 'aabb', 'aaaa')];

describe('listRuns', () => {
  it('tells of each run what was trained and what it gave', async () => {
    await make('good', {
      folds: good(),
      report: true,
      config: { losses: { center: 0 }, mix: { kind: 'lam' } },
    });
    const { runs, skipped } = await listRuns(root);
    expect(skipped).toEqual([]);
    expect(runs).toHaveLength(1);
    expect(runs[0]).toMatchObject({
      name: 'good',
      status: 'finished',
      corpus: 'mine',
      protocol: 'group-2',
      preset: 'mel',
      encoder: 'mel',
      mix: 'lam',
      pooling: 'flam',
      losses: ['kl', 'focal', 'supcon'],
      seeds: [1],
      folds: { done: 2, of: 2 },
    });
    expect(runs[0]!.ua!.mean.mean).toBeCloseTo((1 + 0.75) / 2, 12);
    expect(runs[0]!.wa!.pooled).toBeCloseTo(7 / 8, 12);
  });

  it('counts seeds, and takes folds that are newer than the report from their results', async () => {
    const folds = [1, 2].map((seed) => foldResult(1, 'aabb', 'aabb', 'aabb', seed));
    await make('seeds', { folds, status: 'interrupted', config: { seeds: 2 } });
    const [run] = (await listRuns(root)).runs;
    expect(run).toMatchObject({ status: 'interrupted', seeds: [1, 2], folds: { done: 2, of: 4 } });
    expect(run!.ua).toEqual({ mean: { mean: 0.25, std: 0 }, pooled: null });
  });

  it('knows a run that was killed from one that runs', async () => {
    await make('killed', { status: 'running' });
    await make('running', { status: 'running' });
    await writeFile(join(root, 'killed/run.lock'), '999999999\n');
    await writeFile(join(root, 'running/run.lock'), `${process.pid}\n`);
    const { runs } = await listRuns(root, { sort: 'name' });
    expect(runs.map(({ status }) => status)).toEqual(['stopped', 'running']);
    expect(runs[0]).toMatchObject({ ua: null, folds: { done: 0, of: 2 } });
  });

  it('tells a part of the protocol that is done from a run that was stopped', async () => {
    await make('part', { folds: [good()[0]!], status: 'interrupted', config: { folds: [1] } });
    await make('stopped', { folds: [good()[0]!], status: 'interrupted', config: { folds: [1, 2] } });
    const { runs } = await listRuns(root, { sort: 'name' });
    expect(runs.map(({ status }) => status)).toEqual(['partial', 'interrupted']);
  });

  it('passes over what is no run, and says why', async () => {
    await make('good', { folds: good(), report: true });
    await mkdir(join(root, 'foreign'));
    await mkdir(join(root, 'torn'));
    await writeFile(join(root, 'torn/run.json'), '{"schema":');
    await mkdir(join(root, 'grid'));
    await writeFile(join(root, 'grid/ablation.json'), '{}');
    await writeFile(join(root, 'notes.txt'), '');
    const { runs, skipped } = await listRuns(root);
    expect(runs.map(({ name }) => name)).toEqual(['good']);
    expect(skipped).toEqual([
      { name: 'foreign', reason: 'no run' },
      { name: 'grid', reason: expect.stringContaining('ablation') },
      { name: 'torn', reason: expect.stringContaining('cannot be read') },
    ]);
  });

  it('sorts by figures and by date', async () => {
    await make('b-poor', { folds: poor(), report: true, created: '2026-01-03T00:00:00.000Z' });
    await make('a-none', { created: '2026-01-02T00:00:00.000Z' });
    await make('c-good', { folds: good(), report: true, created: '2026-01-01T00:00:00.000Z' });
    const names = async (sort?: 'ua' | 'name') =>
      (await listRuns(root, { sort })).runs.map(({ name }) => name);
    expect(await names()).toEqual(['b-poor', 'a-none', 'c-good']);
    expect(await names('ua')).toEqual(['c-good', 'b-poor', 'a-none']);
    expect(await names('name')).toEqual(['a-none', 'b-poor', 'c-good']);
  });

  it('filters by fields and by keys of the configuration', async () => {
    await make('one', { config: { losses: { center: 0, supcon: 0 }, epochs: 7 } });
    await make('two', { config: { mix: { kind: 'none' }, seeds: [3, 5] } });
    const names = async (...filter: string[]) =>
      (await listRuns(root, { filter, sort: 'name' })).runs.map(({ name }) => name);
    expect(await names('corpus=mine')).toEqual(['one', 'two']);
    expect(await names('losses=kl,focal')).toEqual(['one']);
    expect(await names('losses=supcon')).toEqual(['two']);
    expect(await names('corpus=mine', 'mix=none')).toEqual(['two']);
    expect(await names('seeds=5')).toEqual(['two']);
    expect(await names('optimiser.learningRate=0.001', 'epochs=7')).toEqual(['one']);
    expect(await names('corpus=other')).toEqual([]);
    await expect(names('corpus')).rejects.toThrow(UsageError);
    await expect(names('colour=red')).rejects.toThrow(/no run has "colour"/);
  });

  it('takes a run folder itself, and refuses one that is not there', async () => {
    await make('good', { folds: good(), report: true });
    expect((await listRuns(join(root, 'good'))).runs.map(({ name }) => name)).toEqual(['good']);
    await expect(listRuns(join(root, 'nowhere'))).rejects.toThrow(DataError);
  });

  it('reads hundreds of runs in little time', async () => {
    for (let index = 0; index < 300; index++) await make(`run-${index}`, { folds: good(), report: true });
    const started = performance.now();
    expect((await listRuns(root)).runs).toHaveLength(300);
    expect(performance.now() - started).toBeLessThan(5000);
  });
});
