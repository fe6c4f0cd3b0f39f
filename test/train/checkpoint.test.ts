import { mkdir, mkdtemp, open, readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { checkConfig } from '../../lib/config/resolve.js';
import { DataError, UsageError } from '../../lib/errors.js';
import { writeAtomically, writeTextAtomically } from '../../lib/train/atomic-file.js';
import { findCheckpoint, type LoopState, writeCheckpoint } from '../../lib/train/checkpoint.js';
import { readModelCard } from '../../lib/train/model-card.js';
import { continuedConfig, findUnfinished, RunFolder, runHash } from '../../lib/train/run-folder.js';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'ser-checkpoint-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const state = (step: number): LoopState => ({
  configHash: 'c',
  planHash: 'p',
  epochsDone: step / 10,
  cursor: 0,
  step,
  sums: null,
  epochs: [],
  badSteps: 0,
  selected: [],
  bestOnTest: [],
  selectedEpoch: 0,
  bestOnTestEpoch: 0,
});
const save = (text: string) => (path: string) => writeFile(path, text);

describe('writeAtomically', () => {
  it('leaves the old file and no partial one when writing fails', async () => {
    const path = join(folder, 'a.txt');
    await writeTextAtomically(path, 'old');
    const failure = writeAtomically(path, async (partial) => {
      await writeFile(partial, 'half');
      throw new Error('out of ideas');
    });
    await expect(failure).rejects.toThrow('out of ideas');
    expect(await readFile(path, 'utf8')).toBe('old');
    expect(await readdir(folder)).toEqual(['a.txt']);
  });

  it('turns a full disk into a sentence with the cure', async () => {
    const failure = writeAtomically(join(folder, 'a'), async () => {
      throw Object.assign(new Error('write'), { code: 'ENOSPC' });
    });
    await expect(failure).rejects.toMatchObject({
      code: 'E_DISK_FULL',
      cure: expect.stringContaining('--resume'),
    });
  });
});

describe('checkpoints', () => {
  it('finds the newest, and keeps only two', async () => {
    for (const step of [10, 20, 30]) await writeCheckpoint(folder, state(step), save(`tensors ${step}`));
    const found = await findCheckpoint(folder, () => {});
    expect(found!.state.step).toBe(30);
    expect(await readFile(found!.path, 'utf8')).toBe('tensors 30');
    expect((await readdir(folder)).sort()).toEqual([
      'last-20.json',
      'last-20.safetensors',
      'last-30.json',
      'last-30.safetensors',
    ]);
  });

  it.each([
    ['a truncated tensor file', (f: string) => truncate(join(f, 'last-30.safetensors'), 3)],
    ['a flipped byte', (f: string) => writeFile(join(f, 'last-30.safetensors'), 'tensorz 30')],
    ['a missing tensor file', (f: string) => rm(join(f, 'last-30.safetensors'))],
    ['a torn manifest', (f: string) => truncate(join(f, 'last-30.json'), 20)],
  ])('falls back to the one before and names the bad one: %s', async (_what, damage) => {
    for (const step of [20, 30]) await writeCheckpoint(folder, state(step), save(`tensors ${step}`));
    await damage(folder);
    const messages: string[] = [];
    expect((await findCheckpoint(folder, (message) => messages.push(message)))!.state.step).toBe(20);
    expect(messages).toHaveLength(1);
    expect(messages[0]).toContain('last-30.json');
  });

  it('ignores tensors without a manifest: a write that was cut off', async () => {
    await writeFile(join(folder, 'last-40.safetensors'), 'x');
    expect(await findCheckpoint(folder, () => {})).toBeNull();
  });
});

describe('readModelCard', () => {
  const card = {
    format: 'ser-native/model@1',
    version: '0',
    model: { classes: 2, encoder: { kind: 'mel' } },
    classes: ['a', 'b'],
    trim: 0,
    corpus: 'demo',
    synthetic: true,
    protocol: 'x',
    fold: 1,
    seed: 1,
    epoch: 3,
  };
  const write = async (name: string, metadata: Record<string, string>, cut = 0) => {
    const header = Buffer.from(
      JSON.stringify({ __metadata__: metadata, w: { dtype: 'F32', shape: [2], data_offsets: [0, 8] } }),
    );
    const length = Buffer.alloc(8);
    length.writeBigUInt64LE(BigInt(header.length));
    const whole = Buffer.concat([length, header, Buffer.alloc(8)]);
    const path = join(folder, name);
    await writeFile(path, whole.subarray(0, whole.length - cut));
    return path;
  };

  it('reads what a checkpoint says of itself', async () => {
    expect(await readModelCard(await write('ok', { card: JSON.stringify(card) }))).toMatchObject({
      classes: ['a', 'b'],
      epoch: 3,
    });
  });

  it.each([
    ['missing', async () => join(folder, 'nowhere'), /no such file/],
    ['truncated', () => write('cut', { card: JSON.stringify(card) }, 5), /cut off/],
    ['another program', () => write('other', { format: 'pt' }), /no description/],
    [
      'other classes',
      () => write('odd', { card: JSON.stringify({ ...card, classes: ['a'] }) }),
      /classes do not match/,
    ],
  ])('refuses one that is %s', async (_what, make, message) => {
    const failure = readModelCard(await make());
    await expect(failure).rejects.toThrow(DataError);
    await expect(failure).rejects.toThrow(message);
  });

  it('refuses a file that is no safetensors at all', async () => {
    const path = join(folder, 'noise');
    await writeFile(path, Buffer.alloc(64, 0xff));
    await expect(readModelCard(path)).rejects.toThrow(/safetensors/);
  });
});

describe('run folders', () => {
  const config = checkConfig({ corpus: 'ravdess', data: '/data' });
  const file = (status: 'running' | 'finished', created: string) => ({
    schema: 'ser-native/run@1' as const,
    version: '0',
    status,
    created,
    updated: '',
    preset: 'mel',
    config,
    configHash: runHash(config),
    planHash: 'p',
    command: null,
    environment: {},
  });

  it('refuses a folder that holds a run, or one that another process trains', async () => {
    const path = join(folder, 'run');
    const run = await RunFolder.create(path, file('running', '2026-01-01'));
    await expect(RunFolder.create(path, file('running', '2026-01-01'))).rejects.toThrow(
      /already holds a run/,
    );
    await writeFile(join(path, 'run.lock'), `${process.ppid}\n`);
    await expect(RunFolder.open(path)).rejects.toThrow(/is being trained by process/);
    await writeFile(join(path, 'run.lock'), '999999999\n'); // its process was killed
    await (await RunFolder.open(path)).unlock();
    await run.unlock();
  });

  it('finds the newest unfinished run of the same settings', async () => {
    for (const [name, status, created] of [
      ['old', 'running', '2026-01-01'],
      ['new', 'running', '2026-01-02'],
      ['done', 'finished', '2026-01-03'],
    ] as const) {
      await (await RunFolder.create(join(folder, name), file(status, created))).unlock();
    }
    await mkdir(join(folder, 'unrelated'));
    expect(await findUnfinished(folder, config)).toBe(join(folder, 'new'));
    expect(
      await findUnfinished(folder, checkConfig({ corpus: 'ravdess', data: '/data', epochs: 7 })),
    ).toBeNull();
    expect(await findUnfinished(folder, checkConfig({ corpus: 'ravdess', data: '/elsewhere' }))).toBeNull();
  });

  it('goes on with other folds or another data folder, but not with other settings', () => {
    expect(continuedConfig(config, { folds: [2], data: '/moved' })).toMatchObject({
      folds: [2],
      data: '/moved',
    });
    expect(continuedConfig(config, { seeds: 3 }).seeds).toEqual([1, 2, 3]);
    expect(() => continuedConfig(config, { seed: 2 })).toThrow(/other settings of: seed$/);
    expect(() => continuedConfig(config, { epochs: 3 })).toThrow(UsageError);
    expect(() => continuedConfig(config, { epochs: 3 })).toThrow(/other settings of: epochs/);
  });

  it('takes a result only if it was made with the same settings and folds', async () => {
    const run = await RunFolder.create(join(folder, 'r'), file('running', '2026-01-01'));
    await mkdir(run.foldDirectory(2, 1));
    await run.writeOutcome({ fold: 2, seed: 1 } as never, 'p');
    expect(await run.readOutcome(2, 1, 'p')).toEqual({ fold: 2, seed: 1 });
    expect(await run.readOutcome(2, 2, 'p')).toBeNull();
    expect(await run.readOutcome(2, 1, 'q')).toBeNull();
    expect(await run.readOutcome(1, 1, 'p')).toBeNull();
    const handle = await open(join(run.foldDirectory(2, 1), 'result.json'), 'w');
    await handle.write('{"half');
    await handle.close();
    expect(await run.readOutcome(2, 1, 'p')).toBeNull();
    await run.unlock();
  });
});
