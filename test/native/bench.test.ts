import { UsageError } from '../../lib/errors.js';
import type { SerEngine } from '../../lib/native/ser-engine.js';
import { testEngine } from './addon.js';

let engine: SerEngine;
beforeAll(async () => {
  engine = await testEngine();
});
afterAll(() => engine.dispose());

const lengths = Int32Array.of(8000, 5000, 12_000);
const request = { name: 'multi-loss', lengths, precision: 'fp32' as const, repeats: 4, seconds: 5 };

describe('rates of the device', () => {
  test('name each precision and product, with times above nothing', async () => {
    const { copyBytes, copySeconds, products } = await engine.measureDevice(['fp32'], 0.2);
    expect(copyBytes / copySeconds[0]!).toBeGreaterThan(1e8);
    expect(products.map(({ way }) => way)).toEqual([
      'linear',
      'packed',
      'linear',
      'packed',
      'linear',
      'packed',
    ]);
    for (const { precision, seconds } of products) {
      expect(precision).toBe('fp32');
      expect(seconds.length).toBeGreaterThanOrEqual(3);
      expect(Math.min(...seconds)).toBeGreaterThan(0);
    }
  });

  test('refuse a precision that is none', async () => {
    await expect(engine.measureDevice(['fp8' as never], 1)).rejects.toThrow(
      /precisions\[0\] must be 'fp32' or 'bf16'/,
    );
    await expect(engine.measureDevice(['fp32'], 0)).rejects.toThrow(UsageError);
  });

  test('stop when they are aborted', async () => {
    const signal = AbortSignal.timeout(300);
    await expect(engine.measureDevice(['fp32'], 600, { signal })).rejects.toMatchObject({
      code: 'E_CANCELLED',
    });
  });
});

describe('operations', () => {
  test('are timed beside their composites and agree with them', async () => {
    const names = await engine.opNames();
    expect(names).toEqual(
      expect.arrayContaining(['multi-loss', 'FLAM', 'EAM mixing', 'waveform convolutions']),
    );
    const timing = await engine.timeOp(request);
    expect([timing.ownForward.length, timing.plainForward.length, timing.plainBackward.length]).toEqual([
      4, 4, 4,
    ]);
    expect(timing.difference).toBeLessThan(1e-5);
    expect(timing.shape).toMatch(/^3 rows/);
  });

  test.each([
    [{ name: 'no such' }, /no operation is called 'no such'/],
    [{ lengths: Int32Array.of(8000, 5000) }, /at least three utterances/],
    [{ lengths: Int32Array.of(8000, 5000, 399) }, /lengths\[2\] must be at least 400/],
    [{ repeats: 0 }, /repeats/],
  ])('refuse %o', async (change, message) => {
    await expect(engine.timeOp({ ...request, ...change })).rejects.toThrow(message);
  });

  test("memory of the CPU is the system's to tell", async () => {
    expect(await engine.memoryUse(true)).toEqual({ current: 0, peak: 0 });
  });
});
