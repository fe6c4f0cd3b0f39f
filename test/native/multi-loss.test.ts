import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { UsageError } from '../../lib/errors.js';
import { multiLoss } from '../../lib/native/ops.js';
import type { SerEngine } from '../../lib/native/ser-engine.js';
import { Random } from '../../lib/random/philox.js';
import { testEngine } from './addon.js';
import { largestDifference, numericGradient } from './reference/gradient.js';
import { type MultiLossInput, multiLossReference } from './reference/multi-loss.js';

let engine: SerEngine;
beforeAll(async () => {
  engine = await testEngine();
});
afterAll(() => engine.dispose());

function draw(seed: number, batch = 7, classes = 4, width = 5): MultiLossInput {
  const random = new Random({ seed, stream: 'multi-loss test' });
  const normal = (length: number) => Float64Array.from({ length }, () => random.normal());
  const labels = new Float64Array(batch * classes);
  for (let row = 0; row < batch; row++) {
    const lambda = row % 3 === 0 ? 0 : 0.4 * random.uniform();
    labels[row * classes + random.below(classes)]! += 1 - lambda;
    labels[row * classes + random.below(classes)]! += lambda;
  }
  return {
    batch,
    classes,
    width,
    logits: normal(batch * classes),
    embedding: normal(batch * width),
    contrast: normal(batch * width),
    labels,
    baseClasses: new Int32Array(batch),
    centers: normal(classes * width),
    weights: { kl: 0.7, focal: 1.3, center: 0.9, supcon: 1.1 },
    gamma: 2,
    temperature: 0.5,
  };
}

async function expectAgreement(input: MultiLossInput): Promise<void> {
  const found = await multiLoss(input, { engine });
  const expected = multiLossReference(input);
  expect(Math.abs(found.total - expected.total)).toBeLessThan(1e-10);
  for (const name of ['kl', 'focal', 'center', 'supcon'] as const) {
    expect(Math.abs(found.raw[name] - expected.raw[name])).toBeLessThan(1e-10);
    expect(Math.abs(found.scaled[name] - expected.scaled[name])).toBeLessThan(1e-10);
  }
  for (const name of ['logits', 'embedding', 'contrast', 'centers'] as const) {
    const gradient = numericGradient(input[name], () => multiLossReference(input).total);
    expect(found.gradients[name]).toBeInstanceOf(Float64Array);
    expect(largestDifference(found.gradients[name], gradient)).toBeLessThan(1e-8);
  }
}

describe('multiLoss against the plain reference, float64', () => {
  test.each([1, 2, 3])('soft labels, draw %d', (seed) => expectAgreement(draw(seed)));

  test.each(['kl', 'focal', 'center', 'supcon'] as const)('%s alone', (name) => {
    const weights = { kl: 0, focal: 0, center: 0, supcon: 0, [name]: 1 };
    return expectAgreement({ ...draw(4), weights });
  });

  test.each([0, 0.5, 1, 3])('focal exponent %d', (gamma) => expectAgreement({ ...draw(5), gamma }));

  test('class weights, one of them 0', () =>
    expectAgreement({ ...draw(15), classWeights: Float64Array.of(0.4, 0, 2.5, 1) }));

  test("the method's own temperature", () => expectAgreement({ ...draw(6), temperature: 0.1 }));

  test('a tie of the soft label goes to the base class', async () => {
    const input = draw(7);
    input.labels.fill(0, 0, input.classes);
    input.labels[1] = 0.5;
    input.labels[3] = 0.5;
    for (const base of [1, 3]) {
      input.baseClasses[0] = base;
      await expectAgreement(input);
    }
  });

  test('a batch where no two utterances share a class', async () => {
    const input = draw(8, 4);
    input.labels.fill(0);
    for (let row = 0; row < 4; row++) input.labels[row * 4 + row] = 1;
    await expectAgreement(input);
    expect((await multiLoss(input, { engine })).raw.supcon).toBe(0);
  });

  test.each([1, 2])('a batch of %d', (batch) => expectAgreement(draw(9, batch)));

  test('a batch of many', async () => {
    const input = draw(10, 150, 6, 8);
    const found = await multiLoss(input, { engine });
    expect(Math.abs(found.total - multiLossReference(input).total)).toBeLessThan(1e-10);
  });

  test('logits of any size leave values and gradients finite', async () => {
    const input = draw(11);
    input.logits.forEach((value, index) => {
      input.logits[index] = 400 * value;
    });
    const found = await multiLoss(input, { engine });
    expect(Number.isFinite(found.total)).toBe(true);
    expect(found.gradients.logits.every(Number.isFinite)).toBe(true);
  });
});

describe('multiLoss', () => {
  test('computes in float32 for Float32Array', async () => {
    const input = draw(12);
    const single = {
      classWeights: Float32Array.of(0.5, 1, 1, 1.5),
      logits: Float32Array.from(input.logits),
      embedding: Float32Array.from(input.embedding),
      contrast: Float32Array.from(input.contrast),
      labels: Float32Array.from(input.labels),
      centers: Float32Array.from(input.centers),
    };
    const found = await multiLoss({ ...input, ...single }, { engine });
    expect(found.gradients.logits).toBeInstanceOf(Float32Array);
    const expected = multiLossReference({ ...input, classWeights: Float64Array.from(single.classWeights) });
    expect(Math.abs(found.total - expected.total)).toBeLessThan(1e-5);
  });

  test('takes classes for labels and fills in the defaults of the method', async () => {
    const { logits, embedding, contrast, centers } = draw(13);
    const classes = Int32Array.of(0, 1, 2, 3, 0, 1, 0);
    const labels = new Float64Array(28);
    classes.forEach((label, row) => {
      labels[row * 4 + label] = 1;
    });
    const found = await multiLoss({ logits, embedding, contrast, centers, labels: classes }, { engine });
    const expected = multiLossReference({
      ...draw(13),
      labels,
      weights: { kl: 1, focal: 1, center: 1, supcon: 1 },
      temperature: 0.1,
    });
    expect(Math.abs(found.total - expected.total)).toBeLessThan(1e-10);
  });

  test.each([
    ['logits must be a Float32Array or a Float64Array, found an array of 3', { logits: [1, 2, 3] }],
    [
      'embedding must be a Float64Array, as logits is, found Float32Array of 35',
      { embedding: new Float32Array(35) },
    ],
    [
      'logits, embedding and centers must be of B x C, B x E and C x E elements',
      { centers: new Float64Array(19) },
    ],
    ['contrast must be of B x E = 35 elements, found Float64Array of 34', { contrast: new Float64Array(34) }],
    ['labels[1] must be an integer in 0..3, found 4', { labels: Int32Array.of(0, 4, 0, 0, 0, 0, 0) }],
    ['classWeights must be of C = 4 elements', { classWeights: new Float64Array(3) }],
    ['labels must be of B = 7 elements', { labels: Int32Array.of(0) }],
    [
      'labels must be an Int32Array of classes or a Float64Array, as logits is, found undefined',
      { labels: undefined },
    ],
    ["weights must be of kl, focal, center and supcon, found 'centre'", { weights: { centre: 1 } }],
    ['request.temperature must be a finite number above 0, found 0', { temperature: 0 }],
  ])('refuses: %s', async (message, change) => {
    const failure = await multiLoss({ ...draw(14), ...(change as object) }, { engine }).catch(
      (error) => error,
    );
    expect(failure).toBeInstanceOf(UsageError);
    expect(failure.message).toContain(message);
    expect(failure.code).toBe('E_ARGUMENT');
  });
});
