import { cutOut, deletionCuts, elsewhere, framePower, largest } from '../../lib/explain/delete-frames.js';
import { deletionCurve, summariseDeletion } from '../../lib/explain/deletion-test.js';
import type { NativeModel } from '../../lib/native/engine.js';
import { Random } from '../../lib/random/philox.js';

const random = () => new Random({ seed: 1, stream: 'test' });

test('the frames of largest value, as many as the share asks for', () => {
  expect([...largest([0.1, 0.4, 0.2, 0.3], 0.5)]).toEqual([0, 1, 0, 1]);
  expect([...largest([1, 1, 1, 1], 0.25)]).toEqual([1, 0, 0, 0]);
  expect([...largest([3, 2, 1], 0.01)]).toEqual([1, 0, 0]);
});

test('elsewhere: as many frames in as many pieces, turned round', () => {
  const mask = Uint8Array.of(0, 1, 1, 0, 0, 0, 1, 0, 0, 0);
  const source = random();
  for (let draw = 0; draw < 20; draw++) {
    const moved = elsewhere(mask, source);
    expect(moved.reduce((a, b) => a + b)).toBe(3);
    expect([...moved]).not.toEqual([...mask]);
    const doubled = [...mask, ...mask].join('');
    expect(doubled).toContain([...moved].join(''));
  }
});

test('cutting joins what is left, with fades at the cuts only', () => {
  const samples = new Float32Array(1000).fill(1);
  const kept = cutOut(samples, Uint8Array.of(0, 1, 0, 0, 1));
  expect(kept).toHaveLength(600);
  expect(kept[0]).toBe(1);
  expect(kept[199]).toBeLessThan(0.02); // fades out before the first cut
  expect(kept[200]).toBeLessThan(0.02); // and in after it
  expect(kept[300]).toBe(1);
  expect(kept[599]).toBeLessThan(0.02);
  expect([...cutOut(samples, new Uint8Array(5))]).toEqual([...samples]);
  expect(cutOut(samples, new Uint8Array(5).fill(1))).toHaveLength(0);
});

test('frame power finds the loud part', () => {
  const samples = new Float32Array(1000);
  samples.fill(0.5, 400, 600);
  expect([...framePower(samples, 5)]).toEqual([0, 0, 0.25, 0, 0]);
});

test('every share is cut from the highest, loudest, lowest, and from random places', () => {
  const weights = Array.from({ length: 20 }, (_, i) => i);
  const cuts = deletionCuts(new Float32Array(20_000).fill(0.1), weights, [0.1, 0.5], 3, random());
  expect(cuts.map(({ order, share }) => `${order}${share}`)).toEqual([
    ...['highest0', 'loudest0', 'lowest0', 'random0', 'random0', 'random0'],
    ...['highest1', 'loudest1', 'lowest1', 'random1', 'random1', 'random1'],
  ]);
  expect(cuts.map(({ samples }) => samples.length)).toEqual([
    ...new Array(6).fill(18_000),
    ...new Array(6).fill(10_000),
  ]);
});

/**
 * A model that hears one thing: how much of the sample value 0.5 is left of 4000 at first. Its weights point there or away.
 */
function listener(pointing: 'there' | 'away'): NativeModel {
  return {
    async forwardSamples(waves: readonly Float32Array[]) {
      const logits = waves.flatMap((wave) => [wave.filter((sample) => sample === 0.5).length / 1000, 0]);
      const [first, last] = pointing === 'there' ? [4, 7] : [12, 15];
      const weights = Float32Array.from({ length: 20 }, (_, frame) =>
        frame >= first && frame <= last ? 0.2 : 0.0125,
      );
      return { logits: Float32Array.from(logits), weights, frames: Int32Array.of(20) };
    },
  } as unknown as NativeModel;
}

const facts = { speaker: 's', seed: 1, classes: 2, precision: 'fp32', maxSeconds: 160 } as const;

function marked(): Float32Array {
  const samples = new Float32Array(20_000).fill(0.1);
  return samples.fill(0.5, 4000, 8000);
}

test('weights that point at what matters are told from weights that do not', async () => {
  const curve = async (pointing: 'there' | 'away', speaker: string) =>
    (await deletionCurve(listener(pointing), marked(), { ...facts, id: speaker, speaker }))!;
  const there = await Promise.all(['a', 'b', 'c', 'd'].map((speaker) => curve('there', speaker)));
  const whole = 1 / (1 + Math.exp(-4));
  expect(there[0]!.probability.highest[0]).toBeCloseTo(whole, 6);
  expect(there[0]!.probability.highest[2]).toBeCloseTo(0.5, 1); // all of it is cut out
  expect(there[0]!.probability.lowest[2]).toBeCloseTo(whole, 2);
  const test = summariseDeletion(there)!;
  expect(test).toMatchObject({ utterances: 4, speakers: 4, shares: [0, 0.1, 0.2, 0.3, 0.5] });
  expect(test.gap.random.mean).toBeGreaterThan(0.05);
  expect(test.gap.random.ci95![0]).toBeGreaterThan(0);
  expect(test.gap.loudest.mean).toBeCloseTo(0, 6); // the marked part is the loudest as well
  const away = await Promise.all(['a', 'b', 'c', 'd'].map((speaker) => curve('away', speaker)));
  expect(summariseDeletion(away)!.gap.random.mean).toBeLessThan(0);
});

test('the same utterance and seed give the same curve; too short a one none', async () => {
  const model = listener('there');
  const once = await deletionCurve(model, marked(), { ...facts, id: 'u' });
  expect(await deletionCurve(model, marked(), { ...facts, id: 'u' })).toEqual(once);
  expect(await deletionCurve(model, new Float32Array(500).fill(0.1), { ...facts, id: 'u' })).toBeNull();
  expect(summariseDeletion([])).toBeNull();
});

test('the batch limit changes nothing', async () => {
  const model = listener('there');
  const once = await deletionCurve(model, marked(), { ...facts, id: 'u' });
  expect(await deletionCurve(model, marked(), { ...facts, id: 'u', maxSeconds: 2 })).toEqual(once);
});
