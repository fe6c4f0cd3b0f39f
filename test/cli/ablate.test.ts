import { cp, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { AblationTable } from '../../lib/ablate/table.js';
import type { CellFile, PlannedCell } from '../../lib/ablate/types.js';
import { encodeWav, tone } from '../audio/wav-encoder.js';
import { run, start, TINY } from './command.js';

const SETTINGS = ['ablate', ...TINY, '--folds=1'];
const VARIANTS = [
  'cross-entropy',
  'full',
  'losses-kl',
  'losses-kl-focal',
  'losses-kl-focal-center',
  'mix-lam',
  'mix-none',
  'pooling-max',
  'pooling-mean',
];

let cwd: string;
let first: Awaited<ReturnType<typeof succeed>>;
beforeAll(async () => {
  cwd = await mkdtemp(join(tmpdir(), 'ser-ablate-'));
  first = await succeed(...SETTINGS, '--out', 'grid');
});
afterAll(() => rm(cwd, { recursive: true, force: true }));

async function succeed(...args: string[]) {
  const result = await run(args, { cwd });
  expect({ code: result.code, stderr: result.code === 0 ? '' : result.stderr }).toEqual({
    code: 0,
    stderr: '',
  });
  return result;
}

const json = async <T>(...path: string[]) => JSON.parse(await readFile(join(cwd, ...path), 'utf8')) as T;

/** A cell without what depends on the clock. */
async function cell(folder: string, name: string): Promise<Omit<CellFile, 'seconds'>> {
  const { seconds: _, ...rest } = await json<CellFile>(folder, 'cells', `${name}.json`);
  return rest;
}

describe('ser-native ablate', () => {
  it('trains every variant and ends in a table, in every form', async () => {
    expect((await readdir(join(cwd, 'grid/cells'))).sort()).toEqual(
      VARIANTS.map((name) => `${name}-f1-s1.json`).sort(),
    );
    expect(await readdir(join(cwd, 'grid/work'))).toEqual([]);
    for (const label of ['full method', 'LAM', 'KL + focal + center', 'cross-entropy baseline'])
      expect(first.stdout).toContain(label);
    expect(first.stdout).toMatch(/Synthetic speech/);
    const table = await json<AblationTable>('grid', 'ablation-table.json');
    expect(table).toMatchObject({ corpus: 'demo', folds: [1], seeds: [1], missing: [], speakers: 2 });
    expect(table.rows.map(({ variant }) => variant).sort()).toEqual(VARIANTS);
    for (const { variant, cells, figures, against } of table.rows) {
      expect(cells).toBe(1);
      const { ua, wa } = figures!.selected;
      expect(ua.ci95![0]).toBeLessThanOrEqual(ua.pooled!);
      expect(ua.ci95![1]).toBeGreaterThanOrEqual(ua.pooled!);
      expect(wa.pooled).not.toBeNull();
      expect(figures!.bestOnTest.ua.pooled!).toBeGreaterThanOrEqual(ua.pooled!);
      if (variant === 'full') expect(against).toBeNull();
      else expect(against!.selected.ua.pHolm!).toBeGreaterThanOrEqual(against!.selected.ua.p!);
    }
    const page = await readFile(join(cwd, 'grid/ablation.html'), 'utf8');
    expect(page).toMatch(/^<!doctype html>/i);
    expect(page).not.toMatch(/<script|https?:\/\//);
    expect(await readFile(join(cwd, 'grid/ablation.md'), 'utf8')).toMatch(/\| \*\*full method\*\* \| 1 \|/);
  });

  it('keeps cells small and free of where they were made', async () => {
    const text = await readFile(join(cwd, 'grid/cells/full-f1-s1.json'), 'utf8');
    expect(text.length).toBeLessThan(20_000);
    expect(text).not.toContain(cwd);
    const { held, classes, epochs, selected } = JSON.parse(text) as CellFile;
    expect(epochs).toHaveLength(2);
    expect(held.ids).toHaveLength(80);
    const right = held.predicted.selected.filter((predicted, at) => predicted === held.labels[at]);
    expect(right.length / 80).toBeCloseTo(selected.wa, 12);
    expect(Math.max(...held.labels)).toBeLessThan(classes.length);
  });

  it('changes only what a variant is about', async () => {
    const full = (await cell('grid', 'full-f1-s1')).config;
    const base = (await cell('grid', 'cross-entropy-f1-s1')).config;
    expect(full).toMatchObject({ mix: { kind: 'eam' }, pooling: 'flam' });
    expect(Object.values(full.losses).every((weight) => weight > 0)).toBe(true);
    expect(base).toEqual({
      ...full,
      mix: { ...full.mix, kind: 'none' },
      pooling: 'mean',
      losses: { kl: full.losses.kl, focal: 0, center: 0, supcon: 0 },
    });
  });

  it('trains nothing that is finished, and adds folds and seeds', async () => {
    const again = await succeed('ablate', '--out', 'grid');
    expect(again.stderr).toMatch(/9 of 9 cells are finished, 0 to train/);
    expect(again.stdout).toBe(first.stdout);
    const more = await succeed('ablate', '--out', 'grid', '--seeds=2', '--cells=full,mix-none');
    expect(more.stderr).toMatch(/9 of 18 cells are finished, 2 to train/);
    expect(more.stdout).toMatch(/Missing: .*pooling-max \(1 cell\)/s);
    expect(more.stdout).toMatch(/1\/2/);
    const table = await json<AblationTable>('grid', 'ablation-table.json');
    expect(table.rows.map(({ cells }) => cells)).toEqual([2, 2, 1, 1, 1, 1, 1, 1, 1]);
    await succeed('ablate', '--out', 'grid', '--seeds=1');
  });

  it('is killed within a cell and goes on from its checkpoint to the same end', async () => {
    const args = [...SETTINGS, '--cells=full,mix-none', '--out', 'killed'];
    const running = start([...args, '--json'], { cwd });
    await running.printed(/"type":"epoch".*\n[\s\S]*"type":"cell-end"[\s\S]*"type":"epoch"/);
    running.child.kill('SIGKILL');
    expect((await running.finished).code).toBe('SIGKILL');
    expect(await readdir(join(cwd, 'killed/cells'))).toEqual(['full-f1-s1.json']);
    const resumed = await succeed(...args, '--json');
    const events = resumed.stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(events.filter(({ type }) => type === 'fold-start')).toMatchObject([{ resumedEpoch: 1 }]);
    for (const name of ['full-f1-s1', 'mix-none-f1-s1'])
      expect(await cell('killed', name)).toEqual(await cell('grid', name));
    expect(await readdir(join(cwd, 'killed/work'))).toEqual([]);
  });

  it('stops on Ctrl-C with 130 and says how to go on', async () => {
    const running = start([...SETTINGS, '--cells=mix-lam', '--out', 'stopped', '--json'], { cwd });
    await running.printed(/"type":"step"/);
    running.child.kill('SIGINT');
    const { code, stderr } = await running.finished;
    expect(code).toBe(130);
    expect(stderr).toMatch(/mix-lam-f1-s1: stopped at[\s\S]*Run the same command again/);
    const plan = await succeed('ablate', '--out', 'stopped', '--dry-run');
    expect(plan.stdout).toMatch(/^mix-lam-f1-s1 +begun/m);
  });

  it('is shared by two processes, which train each cell once and agree on the table', async () => {
    const args = [...SETTINGS, '--cells=full,mix-none,mix-lam,losses-kl', '--out', 'shared', '--json'];
    const both = await Promise.all([run(args, { cwd }), run(args, { cwd })]);
    const events = both.map(({ code, stdout, stderr }) => {
      expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
      return stdout
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line));
    });
    const trained = events.map((list) => list.filter(({ type }) => type === 'cell-end').map((e) => e.cell));
    expect(trained.flat().sort()).toEqual([
      'full-f1-s1',
      'losses-kl-f1-s1',
      'mix-lam-f1-s1',
      'mix-none-f1-s1',
    ]);
    const [one, other] = events.map((list) => list.at(-1).table);
    expect(one).toEqual(other);
    for (const name of trained.flat()) expect(await cell('shared', name)).toEqual(await cell('grid', name));
  });

  it('refuses other settings by name, and cells that were made with others', async () => {
    const other = await run([...SETTINGS, '--out', 'grid', '--epochs=3'], { cwd });
    expect(other.code).toBe(2);
    expect(other.stderr).toMatch(/other settings of: epochs/);
    await mkdir(join(cwd, 'carried'));
    await cp(join(cwd, 'grid/cells'), join(cwd, 'carried/cells'), { recursive: true });
    const carried = await run([...SETTINGS, '--epochs=3', '--out', 'carried'], { cwd });
    expect(carried.code).toBe(2);
    expect(carried.stderr).toMatch(
      /9 finished cells were made with other settings or data: full-f1-s1 \(epochs\)/,
    );
    const file = join(cwd, 'carried/cells/full-f1-s1.json');
    await writeFile(
      file,
      JSON.stringify({ ...(await json<CellFile>('carried/cells/full-f1-s1.json')), planHash: 'p' }),
    );
    const folds = await run([...SETTINGS, '--out', 'carried'], { cwd });
    expect(folds.code).toBe(2);
    expect(folds.stderr).toMatch(
      /1 finished cell was made with other settings or data: full-f1-s1 \(folds\)/,
    );
  });

  it('takes cells over from another machine, and trains what was cut off on its way', async () => {
    await mkdir(join(cwd, 'moved'));
    await cp(join(cwd, 'grid/cells'), join(cwd, 'moved/cells'), { recursive: true });
    const text = await readFile(join(cwd, 'moved/cells/mix-lam-f1-s1.json'), 'utf8');
    await writeFile(join(cwd, 'moved/cells/mix-lam-f1-s1.json'), text.slice(0, 1000));
    const { stderr } = await succeed(...SETTINGS, '--out', 'moved');
    expect(stderr).toMatch(/mix-lam-f1-s1\.json is damaged/);
    expect(stderr).toMatch(/8 of 9 cells are finished, 1 to train/);
    expect(await cell('moved', 'mix-lam-f1-s1')).toEqual(await cell('grid', 'mix-lam-f1-s1'));
  });

  it('plans without training, and prints the table without the corpus', async () => {
    const plan = await succeed('ablate', '--out', 'grid', '--folds=1,2', '--cells=full', '--dry-run');
    expect(plan.stdout).toMatch(/^full-f1-s1 +finished/m);
    expect(plan.stdout).toMatch(/^full-f2-s1 +open +about /m);
    expect(plan.stdout).toMatch(/^mix-lam-f2-s1 +open, not asked for/m);
    expect(plan.stdout).toMatch(/18 cells, 1 to train: about/);
    const planned = JSON.parse(
      (await succeed('ablate', '--out', 'grid', '--folds=1,2', '--dry-run', '--json')).stdout,
    ) as PlannedCell[];
    expect(planned.filter(({ state }) => state === 'finished')).toHaveLength(9);
    const table = await succeed('ablate', '--table', '--out', 'grid');
    expect(first.stdout).toContain(table.stdout.trim());
  });

  it('keeps the fold plan that it was given', async () => {
    await succeed('folds', '--corpus=demo', '--protocol=loso', '--out', 'loso.json');
    await succeed(...SETTINGS, '--cells=cross-entropy', '--plan', 'loso.json', '--out', 'planned');
    await rm(join(cwd, 'loso.json'));
    const more = await succeed('ablate', '--out', 'planned', '--folds=1,2', '--cells=cross-entropy');
    expect(more.stdout).toMatch(/demo, loso {3}folds 1, 2 of 8, seed 1, 2 of 18 cells/);
  });

  it('keeps models when asked', async () => {
    await succeed(...SETTINGS, '--cells=full-f1-s1', '--keep-models', '--out', 'kept');
    await writeFile(join(cwd, 'a.wav'), encodeWav(tone(16_000, 180, 16_000, 0.2)));
    const { stdout } = await succeed('predict', 'kept/models/full-f1-s1.safetensors', 'a.wav');
    expect(stdout).toMatch(/^a\.wav: /);
  });

  it.each([
    ['a full method without its parts', ['--set=pooling=mean'], /pooling mean in place of flam/],
    ['an unknown cell', ['--cells=full,mix-some'], /no cell mix-some[\s\S]*mix-none/],
    ['a fold that is not there', ['--folds=9'], /folds 1 to 4/],
  ])('refuses %s', async (_what, args, message) => {
    const { code, stderr } = await run([...SETTINGS, ...args, '--out', 'refused'], { cwd });
    expect(code).toBe(2);
    expect(stderr).toMatch(message);
    expect(await readdir(cwd)).not.toContain('refused');
  });

  it('says where there is no table to print', async () => {
    const { code, stderr } = await run(['ablate', '--table', '--out', 'nowhere'], { cwd });
    expect(code).toBe(2);
    expect(stderr).toMatch(/holds no ablation/);
  });
});
