/** What holds of every call: promises, handles, cancellation, errors, the end. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import type { Addon } from '../../bindings.js';
import { DataError, InterruptedError, RuntimeError, UsageError } from '../../lib/errors.js';
import { type SerEngine, startEngine } from '../../lib/native/ser-engine.js';
import { OPTIONS, rawAddon, testEngine } from './addon.js';
import { modelConfig, rows, storeSamples, trainerConfig } from './requests.js';

let addon: Addon;
let engine: SerEngine;
let folder: string;
let storePath: string;

beforeAll(async () => {
  addon = await rawAddon();
  folder = mkdtempSync(join(tmpdir(), 'ser-engine-'));
  storePath = join(folder, 'store.bin');
  writeFileSync(storePath, storeSamples());
});
afterAll(() => rmSync(folder, { recursive: true }));
beforeEach(async () => {
  engine = await testEngine();
});
afterEach(() => engine.dispose());

const reason = (
  promise: Promise<unknown>,
): Promise<Error & { code?: string; cause?: unknown; cure?: string }> =>
  promise.then(
    () => {
      throw new Error('the promise was fulfilled');
    },
    (error) => error,
  );

describe('errors', () => {
  test('of the addon become SerErrors with code, cause, cure and the stack of the call', async () => {
    async function caller() {
      await engine.openStore(join(folder, 'missing.bin'), 10);
    }
    const error = await reason(caller());
    expect(error).toBeInstanceOf(DataError);
    expect(error.code).toBe('E_IO');
    expect(error.message).toContain('missing.bin');
    expect(error.cure).toBeTruthy();
    expect((error.cause as { code?: string }).code).toBe('E_IO');
    expect(error.stack).toMatch(/^DataError: [\s\S]*caller .*engine\.test/);
  });

  test('of an argument are UsageErrors', async () => {
    const error = await reason(engine.createModel({ ...modelConfig(), classes: -1 }, 1));
    expect(error).toBeInstanceOf(UsageError);
    expect(error.message).toContain('config.classes must be an integer');
  });
});

describe('handles', () => {
  test('that were never given are refused by code', async () => {
    await expect(addon.release(123456)).rejects.toMatchObject({ code: 'E_HANDLE' });
    await expect(addon.modelInfo(123456)).rejects.toMatchObject({ code: 'E_HANDLE' });
    await expect(
      addon.trainStep(9, 9, {
        rows: rows(1),
        labels: Float32Array.of(1, 0, 0),
        step: 0,
        learningRate: 0,
        centerLearningRate: 0,
      }),
    ).rejects.toMatchObject({ code: 'E_HANDLE' });
  });

  test('of another kind are refused by code', async () => {
    const store = await addon.openStore(storePath, storeSamples().length);
    await expect(addon.modelInfo(store)).rejects.toMatchObject({ code: 'E_HANDLE' });
    await addon.release(store);
  });

  test('are useless once released, and released twice without harm', async () => {
    const model = await engine.createModel(modelConfig(), 1);
    expect((await model.info()).parameters).toBeGreaterThan(0);
    await model.release();
    await model.release();
    const error = await reason(model.info());
    expect(error).toBeInstanceOf(UsageError);
    expect(error.code).toBe('E_HANDLE');
    expect(error.message).toBe('this model was released');
  });

  test('belong to the engine that made them', async () => {
    const other = await testEngine();
    const model = await other.createModel(modelConfig(), 1);
    await expect(engine.createTrainer(model, trainerConfig())).rejects.toThrow(
      'this model belongs to another engine',
    );
    await other.dispose();
  });

  test('a trainer outlives the release of its model', async () => {
    const model = await engine.createModel(modelConfig(), 1);
    const judged = await engine.createModel(modelConfig(), 2);
    const trainer = await engine.createTrainer(model, trainerConfig());
    await model.release();
    await trainer.copyAverage(judged);
    await trainer.release();
  });
});

describe('cancellation', () => {
  test('by signal rejects that call alone', async () => {
    const abort = new AbortController();
    const before = Array.from({ length: 4 }, () => engine.selfTest());
    const doomed = engine.selfTest({ signal: abort.signal });
    const after = engine.selfTest();
    abort.abort();
    const error = await reason(doomed);
    expect(error).toBeInstanceOf(InterruptedError);
    expect(error.code).toBe('E_CANCELLED');
    for (const value of await Promise.all([...before, after])) expect(Number.isFinite(value)).toBe(true);
  });

  test('before the call keeps it from the engine', async () => {
    const before = addon.lastJob();
    const error = await reason(engine.selfTest({ signal: AbortSignal.abort('why') }));
    expect(error).toBeInstanceOf(InterruptedError);
    expect(error.cause).toBe('why');
    expect(addon.lastJob()).toBe(before);
  });

  test('of all rejects what is queued and leaves the engine usable', async () => {
    const calls = Array.from({ length: 8 }, () => engine.selfTest());
    engine.cancel();
    const states = await Promise.allSettled(calls);
    for (const state of states.slice(1)) {
      expect(state.status).toBe('rejected');
      expect((state as PromiseRejectedResult).reason).toBeInstanceOf(InterruptedError);
    }
    expect(Number.isFinite(await engine.selfTest())).toBe(true);
  });
});

describe('the end', () => {
  test('stop() rejects what is pending, and calls without an engine reject', async () => {
    const calls = Array.from({ length: 5 }, () => addon.selfTest());
    const states = Promise.allSettled(calls);
    addon.stop();
    addon.stop();
    const codes = (await states).slice(1).map((state) => (state as PromiseRejectedResult).reason.code);
    expect(codes).toEqual(['E_STOPPED', 'E_STOPPED', 'E_STOPPED', 'E_STOPPED']);
    await expect(addon.selfTest()).rejects.toMatchObject({ code: 'E_STOPPED' });
    addon.start(OPTIONS);
    expect(Number.isFinite(await addon.selfTest())).toBe(true);
  });

  test('dispose ends calls under way, and later calls reject', async () => {
    const calls = Array.from({ length: 5 }, () => engine.selfTest());
    const states = Promise.allSettled(calls);
    await engine.dispose();
    expect((await states).slice(1).every((state) => state.status === 'rejected')).toBe(true);
    const error = await reason(engine.selfTest());
    expect(error).toBeInstanceOf(RuntimeError);
    expect(error.code).toBe('E_STOPPED');
  });

  test('engines of one thread share it until the last is disposed of', async () => {
    const second = await testEngine();
    await engine.dispose();
    expect(Number.isFinite(await second.selfTest())).toBe(true);
    await second.dispose();
    await expect(addon.selfTest()).rejects.toMatchObject({ code: 'E_STOPPED' });
  });

  test('other options than those of the running engine are refused', () => {
    expect(() => startEngine(addon, { threads: 2 }, OPTIONS)).toThrow(
      'the engine of this thread runs with threads = 1, asked for 2',
    );
  });
});
