import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { UsageError } from '../../lib/errors.js';
import { frameAttention } from '../../lib/native/ops.js';
import type { SerEngine } from '../../lib/native/ser-engine.js';
import { Random } from '../../lib/random/philox.js';
import { testEngine } from './addon.js';
import { type FlamInput, flamReference } from './reference/frame-attention.js';
import { largestDifference, numericGradient } from './reference/gradient.js';

let engine: SerEngine;
beforeAll(async () => {
  engine = await testEngine();
});
afterAll(() => engine.dispose());

function draw(seed: number, lengths: number[], width: number, heads: number): FlamInput {
  const random = new Random({ seed, stream: 'flam test' });
  const normal = (length: number, scale = 1) => Float64Array.from({ length }, () => scale * random.normal());
  const frames = lengths.reduce((sum, length) => sum + length, 0);
  return {
    frames: normal(frames * width),
    lengths,
    width,
    heads,
    inputWeight: normal(3 * width * width, 0.5),
    inputBias: normal(3 * width, 0.5),
    outputWeight: normal(width * width, 0.5),
    outputBias: normal(width, 0.5),
    score: normal(width),
  };
}

const ARRAYS = ['frames', 'inputWeight', 'inputBias', 'outputWeight', 'outputBias', 'score'] as const;

describe('frameAttention against the plain reference, float64', () => {
  test.each([
    ['several utterances', [5, 1, 3], 4, 2],
    ['one head', [4, 2], 4, 1],
    ['a head per element', [3], 4, 4],
    ['single frames, where every weight is 1', [1, 1], 4, 2],
  ] as const)('%s', async (_, lengths, width, heads) => {
    const input = draw(1, [...lengths], width, heads);
    const upstream = draw(2, [lengths.length], width, heads).frames;
    const found = await frameAttention({ ...input, upstream }, { engine });
    const expected = flamReference(input);
    expect(largestDifference(found.pooled, expected.pooled)).toBeLessThan(1e-10);
    expect(largestDifference(found.weights, expected.weights)).toBeLessThan(1e-10);
    const objective = () =>
      flamReference(input).pooled.reduce((sum, z, index) => sum + z * upstream[index]!, 0);
    for (const name of ARRAYS) {
      expect(largestDifference(found.gradients[name], numericGradient(input[name], objective))).toBeLessThan(
        1e-8,
      );
    }
  });

  test('longer utterances, values', async () => {
    const input = draw(3, [120, 77, 1, 200], 32, 4);
    const found = await frameAttention(input, { engine });
    const expected = flamReference(input);
    expect(largestDifference(found.pooled, expected.pooled)).toBeLessThan(1e-9);
    expect(largestDifference(found.weights, expected.weights)).toBeLessThan(1e-9);
  });

  test('an absent upstream is ones', async () => {
    const input = draw(4, [4, 3], 4, 2);
    const absent = await frameAttention(input, { engine });
    const ones = await frameAttention({ ...input, upstream: new Float64Array(8).fill(1) }, { engine });
    expect(absent.gradients).toEqual(ones.gradients);
  });
});

describe('frameAttention', () => {
  test('gives weights that sum to 1 within each utterance, untouched by its batch mates', async () => {
    const input = draw(5, [6, 9], 8, 2);
    const both = await frameAttention(input, { engine });
    const sum = (from: number, to: number) =>
      Array.from(both.weights.slice(from, to)).reduce((total, w) => total + w, 0);
    expect(sum(0, 6)).toBeCloseTo(1, 12);
    expect(sum(6, 15)).toBeCloseTo(1, 12);
    const alone = await frameAttention(
      { ...input, frames: input.frames.slice(0, 6 * 8), lengths: [6] },
      { engine },
    );
    expect(largestDifference(alone.weights, both.weights.slice(0, 6))).toBeLessThan(1e-12);
  });

  test('takes the largest divisor of D up to 16 for heads', async () => {
    const input = draw(6, [3], 18, 9);
    const { heads: _, ...request } = input;
    const found = await frameAttention(request, { engine });
    expect(largestDifference(found.pooled, flamReference(input).pooled)).toBeLessThan(1e-10);
  });

  test('computes in float32 for Float32Array', async () => {
    const input = draw(7, [5, 2], 8, 2);
    const single = Object.fromEntries(ARRAYS.map((name) => [name, Float32Array.from(input[name])]));
    const found = await frameAttention({ ...input, ...(single as object) }, { engine });
    expect(found.pooled).toBeInstanceOf(Float32Array);
    expect(found.gradients.score).toBeInstanceOf(Float32Array);
    expect(largestDifference(found.pooled, flamReference(input).pooled)).toBeLessThan(1e-4);
  });

  test.each([
    ['heads must be a divisor of D = 4, found 3', { heads: 3 }],
    ['lengths[1] must be an integer in 1..2147483647, found 0', { lengths: [2, 0] }],
    ['frames must be of sum(lengths) x D = 24 elements, found Float64Array of 20', { lengths: [6] }],
    ["lengths must be an Int32Array or an array of integers, found '5'", { lengths: '5' }],
    ['score must be a Float32Array or a Float64Array, found undefined', { score: undefined }],
    [
      'outputWeight must be of D x D = 16 elements, found Float64Array of 15',
      { outputWeight: new Float64Array(15) },
    ],
  ])('refuses: %s', async (message, change) => {
    const failure = await frameAttention({ ...draw(8, [5], 4, 2), ...(change as object) }, { engine }).catch(
      (error) => error,
    );
    expect(failure).toBeInstanceOf(UsageError);
    expect(failure.message).toContain(message);
  });
});
