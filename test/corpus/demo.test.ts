import { createHash } from 'node:crypto';

import { afterEach, describe, expect, jest, test } from '@jest/globals';

import { bell, cosineOfTurns, exp2, exponential, fromDecibels } from '../../lib/corpus/demo/arithmetic.js';
import { demoCorpus, isDemoUri, synthesiseDemo } from '../../lib/corpus/demo/index.js';
import { SENTENCES } from '../../lib/corpus/demo/sentences.js';
import { readCorpus } from '../../lib/corpus/index.js';
import { UsageError } from '../../lib/errors.js';
import { Random } from '../../lib/random/philox.js';

const RATE = 16_000;

const sha256 = (samples: Int16Array): string =>
  createHash('sha256')
    .update(Buffer.from(samples.buffer, samples.byteOffset, samples.byteLength))
    .digest('hex');

const rms = (samples: Int16Array): number =>
  Math.sqrt(samples.reduce((sum, sample) => sum + sample * sample, 0) / samples.length) / 32768;

afterEach(() => {
  jest.restoreAllMocks();
});

describe('the corpus', () => {
  test('is 8 speakers x 4 emotions x 10 sentences, balanced, and says that it is synthetic', async () => {
    const corpus = await readCorpus('demo');
    expect(corpus.synthetic).toBe(true);
    expect(corpus.classes).toEqual(['neutral', 'happiness', 'sadness', 'anger']);
    expect(corpus.utterances).toHaveLength(320);
    expect(new Set(corpus.utterances.map(({ id }) => id)).size).toBe(320);
    const cells = new Map<string, number>();
    for (const { speaker, emotion } of corpus.utterances) {
      cells.set(`${speaker} ${emotion}`, (cells.get(`${speaker} ${emotion}`) ?? 0) + 1);
    }
    expect(cells.size).toBe(32);
    expect([...cells.values()].every((count) => count === SENTENCES.length)).toBe(true);
    expect(corpus.utterances.every(({ path, gender }) => isDemoUri(path) && gender !== undefined)).toBe(true);
    expect(corpus.utterances.filter(({ gender }) => gender === 'female')).toHaveLength(160);
  });

  test('takes the seed into its URIs', async () => {
    const corpus = await readCorpus('demo', { seed: 5 });
    expect(corpus.utterances[0]!.path).toMatch(/^demo:\d+\/5\//);
    expect(demoCorpus(5)).toEqual(corpus);
    await expect(readCorpus('demo', { seed: -1 })).rejects.toThrow(UsageError);
    await expect(readCorpus('demo', { seed: 1.5 })).rejects.toThrow(UsageError);
  });
});

describe('synthesis', () => {
  // Pinned: other samples need another DEMO_VERSION, or stores would keep the old ones.
  test.each([
    ['demo:1/0/m1-neutral-01', 26680, 'eec6bf4b0a5c7ec2c29bb40b33472f6d7ccf407e28d68e586c0d1cb83f64fecc'],
    ['demo:1/7/f3-anger-08', 21800, '9f78dc3948ab1d24c3bde9b8a82601d78806b70fe579631006c53c86c41b96d7'],
  ])('%s is the same to the bit everywhere', (uri, length, hash) => {
    const samples = synthesiseDemo(uri);
    expect(samples).toHaveLength(length);
    expect(sha256(samples)).toBe(hash);
  });

  test('calls no Math function whose last bit depends on the engine', async () => {
    const inexact = [
      'sin',
      'cos',
      'tan',
      'exp',
      'expm1',
      'pow',
      'log',
      'log2',
      'log10',
      'hypot',
      'cbrt',
      'random',
    ];
    for (const name of inexact) {
      jest.spyOn(Math, name as 'sin').mockImplementation(() => {
        throw new Error(`Math.${name} was called`);
      });
    }
    jest.resetModules(); // so that a function taken out of Math at the head of a module is the spied one, too
    const fresh = await import('../../lib/corpus/demo/index.js');
    expect(fresh.synthesiseDemo).not.toBe(synthesiseDemo);
    expect(fresh.synthesiseDemo('demo:1/0/f1-happiness-04').length).toBeGreaterThan(RATE);
  });

  test('does not depend on what was rendered before', () => {
    const alone = sha256(synthesiseDemo('demo:1/3/m2-sadness-05'));
    synthesiseDemo('demo:1/3/m3-anger-06');
    expect(sha256(synthesiseDemo('demo:1/3/m2-sadness-05'))).toBe(alone);
    expect(sha256(synthesiseDemo('demo:1/4/m2-sadness-05'))).not.toBe(alone);
  });

  test('yields about 1 to 2.7 s, audible, never clipped, never twice the same', () => {
    const { utterances } = demoCorpus();
    const hashes = new Set<string>();
    for (const { path } of utterances.filter((_, index) => index % 5 === 0)) {
      const samples = synthesiseDemo(path);
      hashes.add(sha256(samples));
      expect(samples.length).toBeGreaterThanOrEqual(1.0 * RATE);
      expect(samples.length).toBeLessThanOrEqual(2.7 * RATE);
      expect(Math.max(...samples)).toBeLessThan(32767);
      expect(Math.min(...samples)).toBeGreaterThan(-32768);
      expect(rms(samples)).toBeGreaterThan(0.002);
    }
    expect(hashes.size).toBe(64);
  });

  test('anger is louder and sadness slower than neutral, on average and not always', () => {
    const { utterances } = demoCorpus();
    const measure = (emotion: string, of: (samples: Int16Array) => number): number[] =>
      utterances
        .filter((one) => one.emotion === emotion && one.id.endsWith('2'))
        .map(({ path }) => of(synthesiseDemo(path)));
    const mean = (values: number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;
    const level = (samples: Int16Array): number => 20 * Math.log10(rms(samples));
    const anger = measure('anger', level);
    const neutral = measure('neutral', level);
    expect(mean(anger) - mean(neutral)).toBeGreaterThan(3);
    expect(Math.min(...anger)).toBeLessThan(Math.max(...neutral));
    const length = (samples: Int16Array): number => samples.length / RATE;
    expect(mean(measure('sadness', length)) - mean(measure('neutral', length))).toBeGreaterThan(0.1);
  });

  test.each([
    'demo:1/0/m9-anger-01',
    'demo:1/0/m1-fear-01',
    'demo:1/0/m1-anger-11',
    'demo:0/0/m1-anger-01',
    'file.wav',
  ])('%s is refused', (uri) => {
    expect(() => synthesiseDemo(uri)).toThrow(UsageError);
  });
});

describe('arithmetic agrees with Math', () => {
  test('to 12 digits', () => {
    for (let x = -30; x <= 30; x += 0.37) {
      expect(exp2(x) / 2 ** x).toBeCloseTo(1, 12);
      expect(exponential(x) / Math.exp(x)).toBeCloseTo(1, 12);
      expect(fromDecibels(x) / 10 ** (x / 20)).toBeCloseTo(1, 12);
      expect(cosineOfTurns(x)).toBeCloseTo(Math.cos(2 * Math.PI * x), 12);
    }
  });

  test('bell draws have mean 0 and deviation 1', () => {
    const random = new Random({ seed: 1, stream: 'test' });
    const draws = Array.from({ length: 20_000 }, () => bell(random));
    const mean = draws.reduce((sum, draw) => sum + draw, 0) / draws.length;
    const variance = draws.reduce((sum, draw) => sum + (draw - mean) ** 2, 0) / draws.length;
    expect(Math.abs(mean)).toBeLessThan(0.03);
    expect(Math.abs(variance - 1)).toBeLessThan(0.03);
  });
});
