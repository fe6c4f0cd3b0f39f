/** `ser-native train --profile` on the demo corpus. */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PHASES, type RunProfile } from '../../lib/train/profile.js';
import { run, TINY } from './command.js';

const ONE_FOLD = ['train', ...TINY, '--folds=1', '--device=cpu'];

let cwd: string;
beforeAll(async () => {
  cwd = await mkdtemp(join(tmpdir(), 'ser-profile-'));
});
afterAll(() => rm(cwd, { recursive: true, force: true }));

test('a trace and a summary by phase, and the same model as without', async () => {
  const { code, stderr } = await run([...ONE_FOLD, '--profile', '2', '--out', 'with'], { cwd });
  expect(code).toBe(0);
  expect(stderr).toMatch(/profile +2 steps of fold 1, epoch 1 \(CPU, (fp32|bf16)\): \d/);
  expect(stderr).not.toMatch(/ERROR/);
  expect(stderr).toMatch(/backward +\d+\.\d\d ms/);
  const profile = JSON.parse(await readFile(join(cwd, 'with/profile.json'), 'utf8')) as RunProfile;
  expect(profile).toMatchObject({ schema: 'ser-native/profile@1', steps: 2, trace: 'profile-trace.json' });
  let sum = 0;
  for (const name of PHASES) {
    expect(profile.phases[name].milliseconds).toBeGreaterThanOrEqual(0);
    sum += profile.phases[name].share;
  }
  expect(sum).toBeCloseTo(1, 6);
  const { traceEvents } = JSON.parse(await readFile(join(cwd, 'with/profile-trace.json'), 'utf8'));
  const slices = (name: string) =>
    (traceEvents as { name: string; ph: string }[]).filter(
      (event) => event.name === name && event.ph === 'X',
    );
  expect(slices('ser::step')).toHaveLength(2);
  for (const name of ['mixing', 'encoder', 'head', 'losses', 'backward']) {
    expect(slices(`ser::${name}`)).toHaveLength(2);
  }
  // Operations of LibTorch are slices of their own.
  expect(slices('aten::linear').length).toBeGreaterThan(0);

  const plain = await run([...ONE_FOLD, '--out', 'without'], { cwd });
  expect(plain.code).toBe(0);
  const model = (out: string) => readFile(join(cwd, out, 'fold-1/best.safetensors'));
  expect((await model('with')).equals(await model('without'))).toBe(true);
});

test('a number of steps that makes no sense', async () => {
  const { code, stderr } = await run(['train', '--profile', '0'], { cwd });
  expect(code).toBe(2);
  expect(stderr).toMatch(/number of steps from 1 to 1000/);
});
