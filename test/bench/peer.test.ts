import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { bench } from '../../lib/bench/index.js';
import { findPython, pythonProgram } from '../../lib/bench/peer/python.js';
import { renderBenchText } from '../../lib/bench/text.js';
import { UsageError } from '../../lib/errors.js';
import { fakePython } from './fake-python.js';

const fixture = fileURLToPath(new URL('../fixtures/encoders/wavlm-base-like', import.meta.url));
const QUICK = {
  encoders: [fixture],
  tasks: ['train' as const],
  precisions: ['fp32' as const],
  ...{ batch: 3, steps: 3, warmup: 1, kernels: false, device: 'cpu' as const, threads: 1 },
};

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'ser-peer-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

describe('the Python of the peer', () => {
  it('is the one that is asked for, else that of the virtual environment, else python3', async () => {
    await mkdir(join(folder, 'venv/bin'), { recursive: true });
    await writeFile(join(folder, 'venv/bin/python'), '');
    const env = { VIRTUAL_ENV: join(folder, 'venv') };
    expect(pythonProgram('/x/python', env)).toBe('/x/python');
    expect(pythonProgram(undefined, env)).toBe(join(folder, 'venv/bin/python'));
    expect(pythonProgram(undefined, { VIRTUAL_ENV: join(folder, 'gone') })).toBe('python3');
    expect(pythonProgram(undefined, {})).toBe('python3');
  });

  it('tells its versions, or what it lacks', async () => {
    const path = await fakePython(folder);
    expect(await findPython(path)).toMatchObject({ versions: { transformers: '0.0-fake' } });
    const bare = join(folder, 'bare');
    await writeFile(
      bare,
      '#!/bin/sh\necho \'{"torch": "2", "transformers": null, "safetensors": null, "numpy": "2"}\'\n',
    );
    await chmod(bare, 0o755);
    expect(await findPython(bare)).toEqual({
      program: bare,
      missing: `${bare} lacks transformers, safetensors`,
    });
    expect(await findPython(join(folder, 'nothing'))).toMatchObject({
      missing: expect.stringMatching(/ENOENT/),
    });
  });
});

describe('a comparison', () => {
  it('runs the peer in turns with ours over the same clips', async () => {
    const result = await bench({
      ...QUICK,
      lengths: 'iemocap',
      compare: 'transformers',
      python: await fakePython(folder),
    });
    expect(result.peer!.versions.torch).toBe('0.0-fake');
    expect(result.peer!.comparisons.map(({ batching }) => batching)).toEqual(['drawn', 'grouped']);
    const [drawn, grouped] = result.peer!.comparisons;
    expect(drawn!.rows.map(({ program, variant }) => `${program} ${variant}`.trim())).toEqual([
      'ser-native',
      'transformers eager',
      'transformers sdpa (patched)',
    ]);
    expect(drawn!.paddedSeconds).toBeGreaterThan(grouped!.paddedSeconds);
    const [ours, eager] = drawn!.rows;
    expect(eager!.stepSeconds).toEqual([0.5, 0.5, 0.5]);
    expect(eager!.audioSecondsPerSecond).toBeCloseTo(eager!.audioSeconds / 1.5, 6);
    expect(eager!.ratio).toBeCloseTo(1.5 / ours!.stepSeconds.reduce((a, b) => a + b), 6);
    expect(eager!.frontEndSeconds).toBeCloseTo(0.3, 6);
    // Our own figures stand among the measurements as well.
    expect(result.measurements.map(({ batching }) => batching)).toEqual(['drawn', 'grouped']);
    const text = renderBenchText(result);
    expect(text).toMatch(/transformers +eager \(default\)/);
    expect(text).toMatch(/torch 0\.0-fake/);
  });

  it.each([
    ['start', /no such class/],
    ['step', /ended at "step"/],
  ] as const)('goes on without a variant that fails at its %s, and says so', async (failing, why) => {
    const result = await bench({
      ...QUICK,
      seconds: [1],
      compare: 'transformers',
      python: await fakePython(folder, failing),
    });
    expect(result.notes.some((note) => why.test(note))).toBe(true);
    expect(result.peer!.comparisons[0]!.rows.map(({ variant }) => variant)).toEqual(['', 'sdpa (patched)']);
  });

  it('is left out with a note where there is no such Python; the rest is measured', async () => {
    const result = await bench({
      ...QUICK,
      seconds: [1],
      compare: 'transformers',
      python: join(folder, 'nothing'),
    });
    expect(result.peer).toBeNull();
    expect(result.notes.join()).toMatch(
      /no comparison with transformers: .*nothing cannot be run .*--python/,
    );
    expect(result.measurements).toHaveLength(1);
  });

  it('is refused in the recipe that the peer does not have', async () => {
    await expect(bench({ ...QUICK, compare: 'transformers', recipe: 'method' })).rejects.toThrow(UsageError);
  });
});
