import { eamLambda, planMix } from '../../lib/mix/plan.js';
import { mixSchedule } from '../../lib/mix/schedule.js';
import type { MixCandidate, MixSettings } from '../../lib/mix/types.js';

const settings: MixSettings = { kind: 'eam', probability: 0.5, snr: [-5, 10], segment: 'any' };
const utterances: MixCandidate[] = Array.from({ length: 400 }, (_, i) => ({
  id: `u${i}`,
  length: 16_000 + ((i * 7919) % 48_000),
  active: [4000, 12_000] as [number, number],
}));
const base = { settings, seed: 7, fold: 2, epoch: 3, epochs: 10, utterances };

describe('planMix', () => {
  it('repeats exactly, and changes with seed, fold and epoch', () => {
    const plan = planMix(base);
    expect(planMix(base)).toEqual(plan);
    for (const change of [{ seed: 8 }, { fold: 3 }, { epoch: 4 }])
      expect(planMix({ ...base, ...change }).rows).not.toEqual(plan.rows);
  });

  it('survives JSON without loss', () => {
    const plan = planMix(base);
    expect(JSON.parse(JSON.stringify(plan))).toEqual(plan);
  });

  it('does not depend on the number of epochs under a constant schedule', () => {
    const plan = planMix(base);
    const first = plan.rows[0]!;
    const shorter = planMix({ ...base, epochs: 20 });
    expect(shorter.rows[0]).toEqual(first); // a constant schedule does not depend on the number of epochs
  });

  it('obeys the published bounds', () => {
    const byId = new Map(utterances.map((u) => [u.id, u]));
    const plan = planMix({ ...base, settings: { ...settings, probability: 1 } });
    expect(plan.rows).toHaveLength(400);
    for (const row of plan.rows) {
      const i = byId.get(row.id)!;
      const j = byId.get(row.partner)!;
      expect(row.partner).not.toBe(row.id);
      expect(row.length).toBeGreaterThanOrEqual(1);
      expect(row.length).toBeLessThanOrEqual(Math.floor((i.length - 1) / 2));
      expect(row.start + row.length).toBeLessThanOrEqual(i.length);
      expect(row.partnerStart + row.length).toBeLessThanOrEqual(j.length);
      expect(row.snr).toBeGreaterThanOrEqual(-5);
      expect(row.snr).toBeLessThan(10);
      expect(row.lambda).toBeCloseTo(eamLambda(row.length, i.length, row.snr), 15);
      expect(row.lambda).toBeLessThanOrEqual(0.38);
    }
    const mean = plan.rows.reduce((sum, row) => sum + row.lambda, 0) / 400;
    expect(mean).toBeGreaterThan(0.07);
    expect(mean).toBeLessThan(0.11);
  });

  it('mixes about the asked share, and none at probability 0', () => {
    const share = planMix(base).rows.length / 400;
    expect(share).toBeGreaterThan(0.4);
    expect(share).toBeLessThan(0.6);
    expect(planMix({ ...base, settings: { ...settings, probability: 0 } }).rows).toEqual([]);
    expect(planMix({ ...base, settings: { ...settings, kind: 'none' } }).rows).toEqual([]);
  });

  it('draws voiced segments within the active part of both utterances', () => {
    const plan = planMix({ ...base, settings: { ...settings, probability: 1, segment: 'voiced' } });
    for (const row of plan.rows) {
      for (const start of [row.start, row.partnerStart]) {
        expect(start).toBeGreaterThanOrEqual(4000);
        expect(start + row.length).toBeLessThanOrEqual(12_000);
      }
    }
  });

  it('weights LAM labels by true lengths', () => {
    const plan = planMix({ ...base, settings: { ...settings, kind: 'lam', probability: 1 } });
    const byId = new Map(utterances.map((u) => [u.id, u.length]));
    for (const row of plan.rows) {
      const li = byId.get(row.id)!;
      const lj = byId.get(row.partner)!;
      expect(row.lambda).toBeCloseTo(lj / (li + lj), 15);
    }
  });

  it('refuses impossible settings and a single utterance', () => {
    expect(() => planMix({ ...base, settings: { ...settings, probability: 1.5 } })).toThrow(/probability/);
    expect(() => planMix({ ...base, settings: { ...settings, snr: [10, -5] } })).toThrow(/snr/);
    expect(() => planMix({ ...base, utterances: utterances.slice(0, 1) })).toThrow(/at least 2/);
  });
});

describe('mixSchedule', () => {
  it('is linear between the first and the last epoch', () => {
    const moving: MixSettings = { ...settings, probability: 0, probabilityEnd: 1, snrEnd: [0, 20] };
    expect(mixSchedule(moving, 1, 11)).toEqual({ probability: 0, snr: [-5, 10] });
    expect(mixSchedule(moving, 6, 11)).toEqual({ probability: 0.5, snr: [-2.5, 15] });
    expect(mixSchedule(moving, 11, 11)).toEqual({ probability: 1, snr: [0, 20] });
  });
});
