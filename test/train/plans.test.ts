import { checkConfig } from '../../lib/config/resolve.js';
import { drawAugment } from '../../lib/train/augment.js';
import { evaluationBatches, planBatches } from '../../lib/train/batches.js';
import { learningRates } from '../../lib/train/learning-rate.js';
import { mixesById, stepRequest } from '../../lib/train/step-request.js';

const key = { seed: 3, fold: 1, epoch: 2 };
const utterances = Array.from({ length: 203 }, (_, i) => ({
  id: `u${i}`,
  length: 16_000 + ((i * 7919) % 64_000),
}));
const settings = checkConfig({}).batch;

describe('planBatches', () => {
  it('visits every utterance once, repeats for equal keys, and differs between epochs', () => {
    const plan = planBatches(utterances, settings, key);
    expect(plan.batches.flat().sort()).toEqual(utterances.map((u) => u.id).sort());
    expect(planBatches(utterances, settings, key)).toEqual(plan);
    expect(planBatches(utterances, settings, { ...key, epoch: 3 }).batches).not.toEqual(plan.batches);
  });

  it('obeys the caps in utterances and in seconds', () => {
    const length = new Map(utterances.map((u) => [u.id, u.length]));
    for (const batch of planBatches(utterances, { ...settings, maxSeconds: 20 }, key).batches) {
      expect(batch.length).toBeLessThanOrEqual(settings.size);
      const seconds = batch.reduce((sum, id) => sum + length.get(id)! / 16_000, 0);
      expect(seconds).toBeLessThanOrEqual(20);
    }
  });

  it('pads less than 12 % when grouped by length, and more when not', () => {
    const length = new Map(utterances.map((u) => [u.id, u.length]));
    const waste = (grouping: 'length' | 'none') => {
      const { batches } = planBatches(utterances, { ...settings, grouping }, key);
      const padded = batches.reduce(
        (sum, b) => sum + b.length * Math.max(...b.map((id) => length.get(id)!)),
        0,
      );
      return padded / utterances.reduce((sum, u) => sum + u.length, 0) - 1;
    };
    expect(waste('length')).toBeLessThan(0.12);
    expect(waste('none')).toBeGreaterThan(2 * waste('length'));
  });

  it('leaves no utterance alone in a batch', () => {
    const odd = utterances.slice(0, settings.size * 2 + 1);
    const sizes = planBatches(odd, settings, key).batches.map((batch) => batch.length);
    expect(Math.min(...sizes)).toBeGreaterThan(1);
  });

  it('covers everything once for inference', () => {
    expect(evaluationBatches(utterances, settings).flat().sort()).toEqual(utterances.map((u) => u.id).sort());
  });
});

describe('drawAugment', () => {
  const augment = checkConfig({
    augment: {
      speed: [0.9, 1.1],
      gain: [-6, 6],
      noise: [10, 30],
      warp: [0.9, 1.1],
      timeMasks: 2,
      bandMasks: 2,
    },
  }).augment;

  it('draws for an utterance the same whatever its batch', () => {
    const together = drawAugment(['a', 'b'], augment, 80, key);
    const alone = drawAugment(['b'], augment, 80, key);
    expect(alone.speed![0]).toBe(together.speed![1]);
    expect(alone.warp![0]).toBe(together.warp![1]);
    expect([...alone.timeMasks!]).toEqual([...together.timeMasks!.subarray(4)]);
    expect([...alone.bandMasks!]).toEqual([...together.bandMasks!.subarray(4)]);
    expect(drawAugment(['b'], augment, 80, { ...key, epoch: 9 }).gain![0]).not.toBe(alone.gain![0]);
  });

  it('keeps to the ranges, and masks within the spectrogram', () => {
    const ids = utterances.map((u) => u.id);
    const rows = drawAugment(ids, augment, 80, key);
    for (const speed of rows.speed!) expect(speed).toBeGreaterThanOrEqual(Math.fround(0.9));
    for (const gain of rows.gain!) expect(Math.abs(gain)).toBeLessThanOrEqual(6);
    const noisy = [...rows.noise!].filter((snr) => !Number.isNaN(snr));
    expect(noisy.length).toBeGreaterThan(60);
    expect(noisy.length).toBeLessThan(150);
    for (let i = 0; i < rows.bandMasks!.length; i += 2) {
      expect(rows.bandMasks![i]! + rows.bandMasks![i + 1]!).toBeLessThanOrEqual(80);
      expect(rows.timeMasks![i]! + rows.timeMasks![i + 1]!).toBeLessThanOrEqual(1.000001);
    }
  });

  it('leaves out what is switched off', () => {
    const none = checkConfig({ augment: { timeMasks: 0, bandMasks: 0 } }).augment;
    expect(
      drawAugment(
        ['a'],
        { ...none, speed: 'none', warp: 'none', gain: undefined, noise: undefined },
        80,
        key,
      ),
    ).toEqual({});
  });
});

describe('learningRates', () => {
  const optimiser = checkConfig({
    optimiser: { learningRate: 1, centerLearningRate: 10, warmup: 0.25 },
  }).optimiser;

  it('multiplies by 7/8 per epoch under "decay"', () => {
    const at = (epoch: number) =>
      learningRates({ ...optimiser, schedule: 'decay', decay: 7 / 8 }, 0.5, epoch);
    expect(at(1)).toEqual({ model: 1, centers: 10 });
    expect(at(3).model).toBeCloseTo((7 / 8) ** 2, 12);
    expect(at(3).centers).toBeCloseTo(10 * (7 / 8) ** 2, 12);
  });

  it('rises to the peak and falls to zero under "one-cycle"', () => {
    const at = (progress: number) =>
      learningRates({ ...optimiser, schedule: 'one-cycle' }, progress, 1).model;
    expect(at(0.125)).toBeCloseTo(0.5, 12);
    expect(at(0.25)).toBeCloseTo(1, 12);
    expect(at(0.625)).toBeCloseTo(0.5, 12);
    expect(at(1)).toBeCloseTo(0, 12);
  });
});

describe('stepRequest', () => {
  it('puts partners and soft-label weights beside the rows they belong to', () => {
    const entry = (offset: number, length: number) => ({ offset, length }) as never;
    const byId = new Map([
      ['a', { id: 'a', label: 0, entry: entry(0, 1000) }],
      ['b', { id: 'b', label: 2, entry: entry(1000, 2000) }],
      ['c', { id: 'c', label: 1, entry: entry(3000, 1500) }],
    ]);
    const row = { id: 'b', partner: 'c', start: 5, partnerStart: 6, length: 7, snr: 3, lambda: 0.2 };
    const request = stepRequest(['a', 'b'], {
      config: checkConfig({}),
      unit: 'samples',
      bands: 80,
      classes: 3,
      fold: 1,
      epoch: 1,
      step: 4,
      rates: { model: 0.1, centers: 0.2 },
      byId,
      mixes: mixesById({ rows: [row] } as never),
    });
    expect([...request.labels]).toEqual([1, 0, 0, 0, 0, 1]);
    expect([...request.partnerLabels!]).toEqual([0, 0, 0, 0, 1, 0]);
    expect([...request.mix!.active]).toEqual([0, 1]);
    expect([...request.mix!.partnerOffsets]).toEqual([0, 3000]);
    expect([...request.mix!.segmentLengths]).toEqual([0, 7]);
    expect(request.rows.keys[0]).not.toBe(request.rows.keys[1]);
    expect(request).toMatchObject({ step: 4, learningRate: 0.1, centerLearningRate: 0.2 });
  });
});
