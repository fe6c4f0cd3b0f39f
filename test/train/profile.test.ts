import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ProfileResult } from '../../bindings.js';
import { RuntimeError } from '../../lib/errors.js';
import type { SerEngine } from '../../lib/native/engine.js';
import {
  PHASES,
  type ProfiledPlace,
  profileText,
  type RunProfile,
  RunProfiler,
  summary,
} from '../../lib/train/profile.js';

const measured: ProfileResult = {
  steps: 4,
  seconds: 0.8,
  phases: {
    waiting: 0.01,
    mixing: 0.03,
    encoder: 0.2,
    head: 0.05,
    losses: 0.01,
    backward: 0.4,
    optimiser: 0.07,
    other: 0.03,
  },
};

let folder: string;
let told: RunProfile[];
let problems: string[];
let calls: string[];
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'ser-profile-'));
  told = [];
  problems = [];
  calls = [];
});
afterEach(() => rm(folder, { recursive: true, force: true }));

/** An engine of which only the profile is asked. */
function placeWith(stop: () => Promise<ProfileResult>): ProfiledPlace {
  const engine = {
    options: { device: 'cpu' },
    startProfile: async () => void calls.push('start'),
    stopProfile: async (path: string) => {
      calls.push(`stop ${path}`);
      return stop();
    },
  } as unknown as SerEngine;
  return { engine, precision: 'fp32', seed: 3, fold: 2, epoch: 1 };
}

const profiler = (steps: number) =>
  new RunProfiler(
    steps,
    folder,
    (profile) => told.push(profile),
    (message) => problems.push(message),
  );

/** Runs an epoch of so many steps. */
async function epoch(on: RunProfiler, place: ProfiledPlace, steps: number): Promise<void> {
  for (let step = 0; step < steps; step++) {
    on.beforeStep(place, steps - step);
    calls.push('step');
    await on.afterStep(place, false);
  }
  await on.afterStep(place, true);
}

test('milliseconds and shares are those of one step, and the shares sum to 1', () => {
  const profile = summary(
    measured,
    placeWith(async () => measured),
  );
  expect(profile.millisecondsPerStep).toBeCloseTo(200, 9);
  expect(profile.phases.backward).toEqual({ milliseconds: 100, share: 0.5 });
  const shares = PHASES.reduce((sum, name) => sum + profile.phases[name].share, 0);
  expect(shares).toBeCloseTo(1, 9);
  const text = profileText(profile).join('\n');
  expect(text).toContain('4 steps of fold 2, epoch 1 (CPU, fp32): 200.00 ms a step');
  expect(text).toMatch(/backward +100\.00 ms +50\.0 %/);
});

test('a profile of no step has no time instead of NaN', () => {
  const none = summary(
    { ...measured, steps: 0, seconds: 0 },
    placeWith(async () => measured),
  );
  expect(none.millisecondsPerStep).toBe(0);
  expect(none.phases.encoder).toEqual({ milliseconds: 0, share: 0 });
});

test('after three steps that warm up it profiles so many, once, and writes what it found', async () => {
  const on = profiler(2);
  await epoch(
    on,
    placeWith(async () => measured),
    8,
  );
  await epoch(
    on,
    placeWith(async () => measured),
    8,
  );
  const first = calls.indexOf('start');
  expect(calls.slice(0, first)).toEqual(['step', 'step', 'step']);
  expect(calls.slice(first, first + 4)).toEqual([
    'start',
    'step',
    'step',
    `stop ${join(folder, 'profile-trace.json')}`,
  ]);
  expect(calls.filter((call) => call.startsWith('st')).filter((call) => call !== 'step')).toHaveLength(2);
  expect(told).toHaveLength(1);
  const written = JSON.parse(await readFile(join(folder, 'profile.json'), 'utf8'));
  expect(written).toMatchObject({
    schema: 'ser-native/profile@1',
    seed: 3,
    fold: 2,
    trace: 'profile-trace.json',
  });
});

test('it ends with the epoch: what follows is an evaluation', async () => {
  await epoch(
    profiler(50),
    placeWith(async () => measured),
    6,
  );
  expect(calls.at(-1)).toMatch(/^stop/);
  expect(told).toHaveLength(1);
});

test('a run that is too short for one says so at its end, once; one that had a profile says nothing', async () => {
  const short = profiler(5);
  await epoch(
    short,
    placeWith(async () => measured),
    3,
  );
  short.end();
  short.end();
  expect(calls).toEqual(['step', 'step', 'step']);
  expect(problems).toEqual([expect.stringMatching(/^there is no profile: 3 steps warm up.*batch\.size/)]);
  const long = profiler(1);
  await epoch(
    long,
    placeWith(async () => measured),
    6,
  );
  long.end();
  expect(told).toHaveLength(1);
  expect(problems).toHaveLength(1);
});

test('a LibTorch without Kineto: a summary, no trace, and the reason', async () => {
  await epoch(
    profiler(1),
    placeWith(async () => ({ ...measured, problem: 'built without Kineto' })),
    6,
  );
  expect(told[0]).toMatchObject({ trace: null, note: 'built without Kineto' });
});

test('a profile that fails is told and stops nothing', async () => {
  await epoch(
    profiler(1),
    placeWith(async () => {
      throw new RuntimeError('no room', { code: 'E_IO' });
    }),
    6,
  );
  expect(problems).toEqual(['there is no profile: no room']);
  expect(told).toEqual([]);
});
