/** Training end to end through the addon, on a batch small enough to learn by heart. */
import { mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import type { StepRequest, StepResult } from '../../bindings.js';
import { DataError, InterruptedError } from '../../lib/errors.js';
import type { NativeModel, NativeStore, NativeTrainer } from '../../lib/native/handles.js';
import type { SerEngine } from '../../lib/native/ser-engine.js';
import { testEngine } from './addon.js';
import {
  classOf,
  labels,
  mixRows,
  modelConfig,
  rows,
  stepRequest,
  storeSamples,
  trainerConfig,
  UTTERANCE,
  UTTERANCES,
} from './requests.js';

let engine: SerEngine;
let folder: string;
let store: NativeStore;
let model: NativeModel;
let trainer: NativeTrainer;

beforeAll(async () => {
  engine = await testEngine();
  folder = mkdtempSync(join(tmpdir(), 'ser-training-'));
  writeFileSync(join(folder, 'store.bin'), storeSamples());
  store = await engine.openStore(join(folder, 'store.bin'), UTTERANCES * UTTERANCE);
});
afterAll(async () => {
  await engine.dispose();
  rmSync(folder, { recursive: true });
});
beforeEach(async () => {
  model = await engine.createModel(modelConfig(), 11);
  trainer = await engine.createTrainer(model, trainerConfig());
});

/** A step with everything on: mixing, dropout and each kind of augmentation. */
function augmentedStep(step: number): StepRequest {
  const floats = (...values: number[]) =>
    Float32Array.from({ length: UTTERANCES }, (_, row) => values[row % values.length]!);
  return {
    ...stepRequest(step),
    mix: mixRows(),
    partnerLabels: labels(),
    augment: {
      speed: floats(0.95, 1, 1.05),
      gain: floats(-3, 0, 2),
      noise: floats(20, Number.NaN),
      warp: floats(0.9, 1.1),
      tempo: floats(1, 0.9, 1.15),
      timeMasks: Float32Array.from({ length: 2 * UTTERANCES }, (_, index) => (index % 2 === 0 ? 0.3 : 0.1)),
      bandMasks: Int32Array.from({ length: 2 * UTTERANCES }, (_, index) => (index % 2 === 0 ? 4 : 3)),
    },
  };
}

async function steps(
  on: NativeTrainer,
  from: number,
  to: number,
  make = augmentedStep,
): Promise<StepResult[]> {
  const results: StepResult[] = [];
  for (let step = from; step < to; step++) results.push(await on.step(store, make(step)));
  return results;
}

describe('a training step', () => {
  test('lowers the loss of a batch that is shown again and again', async () => {
    const results = await steps(trainer, 0, 60, stepRequest);
    expect(results.every((result) => !result.nonFinite && Number.isFinite(result.total))).toBe(true);
    expect(results.at(-1)!.total).toBeLessThan(0.5 * results[0]!.total);
    expect(Array.from(results.at(-1)!.predictions)).toEqual(
      Array.from({ length: UTTERANCES }, (_, row) => classOf(row)),
    );
  });

  test('reports what it has done', async () => {
    const result = await trainer.step(store, stepRequest());
    expect(result.audioSeconds).toBeCloseTo((UTTERANCES * UTTERANCE) / 16_000, 6);
    expect(result.gradNorm).toBeGreaterThan(0);
    expect(result.mixSkipped).toEqual(new Uint8Array(UTTERANCES));
    const { kl, focal, center, supcon } = result.scaled;
    expect(result.total).toBeCloseTo(kl + focal + center + supcon, 4);
    expect(result.raw.kl / Math.log(3)).toBeCloseTo(kl, 5);
  });

  test('two in flight give what one after the other gives', async () => {
    const other = await engine.createTrainer(await engine.createModel(modelConfig(), 11), trainerConfig());
    const together = await Promise.all([0, 1, 2].map((step) => other.step(store, augmentedStep(step))));
    expect(together).toEqual(await steps(trainer, 0, 3));
  });

  test('replayed from the same seeds is bit-equal, with everything random on', async () => {
    const config = modelConfig();
    config.encoder.dropout = 0.2;
    config.headDropout = 0.3;
    const run = async () => {
      const replayed = await engine.createModel(config, 5);
      const results = await steps(await engine.createTrainer(replayed, trainerConfig()), 0, 4);
      await replayed.save(join(folder, 'replay.safetensors'));
      return { results, bytes: readFileSync(join(folder, 'replay.safetensors')).toString('hex') };
    };
    const first = await run();
    expect(await run()).toEqual(first);
  });

  test('cancelled leaves the weights as they were', async () => {
    const path = (name: string) => join(folder, `${name}.safetensors`);
    await model.save(path('before'));
    const abort = new AbortController();
    const calls = [0, 1, 2].map((step) => trainer.step(store, stepRequest(step), { signal: abort.signal }));
    abort.abort();
    const states = await Promise.allSettled(calls);
    const last = states.at(-1) as PromiseRejectedResult;
    expect(last.reason).toBeInstanceOf(InterruptedError);
    if (states.every((state) => state.status === 'rejected')) {
      await model.save(path('after'));
      expect(readFileSync(path('after')).equals(readFileSync(path('before')))).toBe(true);
    }
    expect((await trainer.step(store, stepRequest(0))).nonFinite).toBe(false);
  });

  test('of utterances outside the store is refused', async () => {
    const request = stepRequest();
    request.rows.offsets[5] = UTTERANCES * UTTERANCE - 100;
    await expect(trainer.step(store, request)).rejects.toMatchObject({ code: 'E_ARGUMENT' });
  });

  test('with labels of another number of classes is refused', async () => {
    const four = new Float32Array(UTTERANCES * 4);
    for (let row = 0; row < UTTERANCES; row++) four[row * 4] = 1;
    const failure = await trainer.step(store, { ...stepRequest(), labels: four }).catch((error) => error);
    expect(['E_SHAPE', 'E_ARGUMENT']).toContain(failure.code);
  });
});

describe('a checkpoint', () => {
  test('of the trainer resumes bit by bit', async () => {
    await steps(trainer, 0, 3);
    const path = join(folder, 'trainer.safetensors');
    await trainer.save(path, { format: 'test' });
    const straight = await steps(trainer, 3, 6);
    const resumed = await engine.createTrainer(await engine.createModel(modelConfig(), 99), trainerConfig());
    await resumed.load(path);
    expect(await steps(resumed, 3, 6)).toEqual(straight);
  });

  test('of the model gives the same logits, and keeps its metadata', async () => {
    await steps(trainer, 0, 2);
    const path = join(folder, 'model.safetensors');
    await model.save(path, { emotion: 'calm — ruhig', empty: '' });
    const bytes = readFileSync(path);
    const header = JSON.parse(bytes.subarray(8, 8 + Number(bytes.readBigUInt64LE(0))).toString('utf8'));
    expect(header.__metadata__).toMatchObject({ emotion: 'calm — ruhig', empty: '' });
    const other = await engine.createModel(modelConfig(), 12);
    const before = await other.forwardRows(store, rows());
    await other.load(path);
    const loaded = await other.forwardRows(store, rows());
    expect(loaded).toEqual(await model.forwardRows(store, rows()));
    expect(loaded.logits).not.toEqual(before.logits);
  });

  test('that is missing, truncated, of no such kind or of another model is refused, and changes nothing', async () => {
    const path = join(folder, 'sound.safetensors');
    await model.save(path);
    const before = await model.forwardRows(store, rows());
    const bytes = readFileSync(path);
    const cut = join(folder, 'cut.safetensors');
    writeFileSync(cut, bytes);
    truncateSync(cut, bytes.length - 100);
    const noise = join(folder, 'noise.safetensors');
    writeFileSync(noise, Buffer.alloc(5000, 0xfe));
    const other = join(folder, 'other.safetensors');
    await (await engine.createModel({ ...modelConfig(), classes: 5 }, 1)).save(other);
    for (const [file, code] of [
      [join(folder, 'none.safetensors'), 'E_IO'],
      [cut, 'E_FORMAT'],
      [noise, 'E_FORMAT'],
      [other, 'E_SHAPE'],
    ] as const) {
      const failure = await model.load(file).catch((error) => error);
      expect(failure).toBeInstanceOf(DataError);
      expect(failure.code).toBe(code);
    }
    expect(await model.forwardRows(store, rows())).toEqual(before);
  });

  test('into a folder that does not exist is refused', async () => {
    const failure = await model.save(join(folder, 'no', 'such', 'x.safetensors')).catch((error) => error);
    expect(failure).toBeInstanceOf(DataError);
    expect(failure.code).toBe('E_IO');
  });
});

describe('inference', () => {
  test('gives every shape that was asked for', async () => {
    const plain = await model.forwardRows(store, rows(2));
    expect(Object.keys(plain).sort()).toEqual(['frames', 'logits']);
    expect(plain.logits).toHaveLength(6);
    const full = await model.forwardRows(store, rows(2), { embedding: true, weights: true });
    expect(full.embedding).toHaveLength(2 * 16);
    const frames = Array.from(full.frames).reduce((sum, count) => sum + count, 0);
    expect(full.weights).toHaveLength(frames);
    expect(full.weights!.reduce((sum, weight) => sum + weight, 0)).toBeCloseTo(2, 4);
  });

  test('over samples agrees with inference over the store', async () => {
    const all = storeSamples();
    const samples = [0, 1].map((row) =>
      Float32Array.from(all.subarray(row * UTTERANCE, (row + 1) * UTTERANCE), (sample) => sample / 32768),
    );
    const direct = await model.forwardSamples(samples);
    const stored = await model.forwardRows(store, rows(2));
    direct.logits.forEach((logit, index) => {
      expect(logit).toBeCloseTo(stored.logits[index]!, 5);
    });
  });

  test('does not depend on the batch mates', async () => {
    const two = await model.forwardRows(store, rows(2));
    const one = await model.forwardRows(store, rows(1));
    one.logits.forEach((logit, index) => {
      expect(logit).toBeCloseTo(two.logits[index]!, 5);
    });
  });

  test('of a moving average sees what the trainer keeps', async () => {
    const judged = await engine.createModel(modelConfig(), 3);
    await steps(trainer, 0, 3, stepRequest);
    await trainer.copyAverage(judged);
    const [average, newest] = [
      await judged.forwardRows(store, rows()),
      await model.forwardRows(store, rows()),
    ];
    expect(average.logits).not.toEqual(newest.logits);
    expect(average.logits.every(Number.isFinite)).toBe(true);
  });
});

describe('a store', () => {
  test('of fewer samples than promised is refused', async () => {
    const failure = await engine
      .openStore(join(folder, 'store.bin'), UTTERANCES * UTTERANCE + 1)
      .catch((error) => error);
    expect(failure).toBeInstanceOf(DataError);
  });
});
