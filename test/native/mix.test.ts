import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { UsageError } from '../../lib/errors.js';
import { planMix } from '../../lib/mix/plan.js';
import { mix } from '../../lib/native/ops.js';
import type { SerEngine } from '../../lib/native/ser-engine.js';
import { Random } from '../../lib/random/philox.js';
import { testEngine } from './addon.js';
import { eamReference, lamReference } from './reference/mix.js';

let engine: SerEngine;
beforeAll(async () => {
  engine = await testEngine();
});
afterAll(() => engine.dispose());

function noise(seed: number, length: number, amplitude: number): Int16Array {
  const random = new Random({ seed, stream: 'mix test' });
  return Int16Array.from({ length }, () => Math.round(random.range(-amplitude, amplitude)));
}

const samples = new Map([
  ['a', noise(1, 2000, 9000)],
  ['b', noise(2, 3001, 4000)],
  ['c', noise(3, 700, 32767)],
  ['silent', new Int16Array(1500)],
]);
const utterances = ['a', 'b', 'c'].map((id) => ({ id, length: samples.get(id)!.length }));

function plan(kind: 'eam' | 'lam', seed: number) {
  const settings = { kind, probability: 1, snr: [-5, 10] as [number, number], segment: 'any' as const };
  return planMix({ settings, seed, fold: 1, epoch: 1, epochs: 1, utterances });
}

const bits = (array: Float32Array) =>
  Buffer.from(array.buffer, array.byteOffset, array.byteLength).toString('hex');

describe('mix', () => {
  test.each([1, 2, 3, 4])('EAM is bit-equal to the plain reference, plan %d', async (seed) => {
    const drawn = plan('eam', seed);
    const mixed = await mix(drawn, samples, { engine });
    expect(mixed.map(({ id, partner, lambda }) => ({ id, partner, lambda }))).toEqual(
      drawn.rows.map(({ id, partner, lambda }) => ({ id, partner, lambda })),
    );
    mixed.forEach((row, index) => {
      const expected = eamReference(samples.get(row.id)!, samples.get(row.partner)!, drawn.rows[index]!);
      expect(bits(row.samples)).toBe(bits(expected!));
      expect(row.skipped).toBe(false);
    });
  });

  test('LAM is bit-equal to the plain reference and as long as the longer of the two', async () => {
    const mixed = await mix(plan('lam', 5), samples, { engine });
    expect(mixed).toHaveLength(3);
    for (const row of mixed) {
      const [base, partner] = [samples.get(row.id)!, samples.get(row.partner)!];
      expect(bits(row.samples)).toBe(bits(lamReference(base, partner)!));
      expect(row.lambda).toBeCloseTo(partner.length / (base.length + partner.length), 12);
    }
  });

  test('a plan replayed gives the same bits', async () => {
    const first = await mix(plan('eam', 6), samples, { engine });
    const again = await mix(JSON.parse(JSON.stringify(plan('eam', 6))), Object.fromEntries(samples), {
      engine,
    });
    expect(again.map((row) => bits(row.samples))).toEqual(first.map((row) => bits(row.samples)));
  });

  test('the segment has the planned signal-to-noise ratio', async () => {
    const row = { id: 'a', partner: 'b', start: 500, partnerStart: 100, length: 900, snr: 4 };
    const [mixed] = await mix({ kind: 'eam', rows: [row] }, samples, { engine });
    let own = 0;
    let added = 0;
    for (let t = 500; t < 1400; t++) {
      const base = samples.get('a')![t]! / 32768;
      own += base ** 2;
      added += (mixed!.samples[t]! - base) ** 2;
    }
    expect(10 * Math.log10(own / added)).toBeCloseTo(4, 4);
  });

  test('an absent lambda is computed', async () => {
    const row = { id: 'a', partner: 'b', start: 0, partnerStart: 0, length: 500, snr: 0 };
    expect((await mix({ kind: 'eam', rows: [row] }, samples, { engine }))[0]!.lambda).toBeCloseTo(0.125, 12);
    const lam = await mix({ kind: 'lam', rows: [{ id: 'a', partner: 'b' }] }, samples, { engine });
    expect(lam[0]!.lambda).toBeCloseTo(3001 / 5001, 12);
  });

  test.each(['eam', 'lam'] as const)('a silent partner leaves the base alone, %s', async (kind) => {
    const row = { id: 'a', partner: 'silent', start: 0, partnerStart: 0, length: 500, snr: 0 };
    const [mixed] = await mix({ kind, rows: [row] }, samples, { engine });
    expect(mixed!.skipped).toBe(true);
    expect(mixed!.lambda).toBe(0);
    expect(Array.from(mixed!.samples)).toEqual(Array.from(samples.get('a')!, (sample) => sample / 32768));
  });

  test('a plan that mixes nothing gives nothing', async () => {
    expect(await mix({ kind: 'none', rows: [] }, samples, { engine })).toEqual([]);
  });

  const eam = { id: 'a', partner: 'b', start: 0, partnerStart: 0, length: 500, snr: 0 };
  test.each([
    ["plan.kind must be 'eam', 'lam' or 'none', found 'mixup'", { kind: 'mixup', rows: [] }],
    [
      "plan.rows[1].partner must be an utterance that `samples` holds, found 'z'",
      { kind: 'eam', rows: [eam, { ...eam, partner: 'z' }] },
    ],
    [
      'plan.rows[0].length must be an integer in 1..700, found 701',
      { kind: 'eam', rows: [{ ...eam, partner: 'c', length: 701 }] },
    ],
    [
      'plan.rows[0].start must be an integer in 0..1500, found 1501',
      { kind: 'eam', rows: [{ ...eam, start: 1501 }] },
    ],
    [
      'plan.rows[0].snr must be a finite number of dB, found NaN',
      { kind: 'eam', rows: [{ ...eam, snr: Number.NaN }] },
    ],
    [
      'plan.rows[0].lambda must be a number in [0, 1], found 2',
      { kind: 'lam', rows: [{ ...eam, lambda: 2 }] },
    ],
    ['plan.rows must be an array, found undefined', { kind: 'eam' }],
  ])('refuses: %s', async (message, wrong) => {
    const failure = await mix(wrong as never, samples, { engine }).catch((error) => error);
    expect(failure).toBeInstanceOf(UsageError);
    expect(failure.message).toContain(message);
  });

  test('refuses waveforms that are no int16', async () => {
    const rows = [{ id: 'a', partner: 'b' }];
    const wrong = { a: new Float32Array(500), b: noise(1, 500, 5) };
    await expect(mix({ kind: 'lam', rows }, wrong as never, { engine })).rejects.toThrow(
      "samples of 'a' must be an Int16Array at 16 kHz, found Float32Array of 500",
    );
  });
});
