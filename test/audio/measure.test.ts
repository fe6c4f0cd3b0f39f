import { measure } from '../../lib/audio/measure.js';
import { tone } from './wav-encoder.js';

const int16 = (samples: ArrayLike<number>, gain = 1) =>
  Int16Array.from(samples, (value) => Math.max(-32768, Math.min(32767, Math.round(32768 * gain * value))));

test('a clean tone is neither clipped nor offset, and is heard from end to end', () => {
  const { offset, clipped, leading, trailing } = measure(int16(tone(16_000, 440, 16_000, 0.99)));
  expect({ clipped, leading, trailing }).toEqual({ clipped: 0, leading: 0, trailing: 0 });
  expect(Math.abs(offset)).toBeLessThan(1e-3);
});

test('flat tops are counted at full scale, and where a clipped recording was made quieter', () => {
  const loud = measure(int16(tone(16_000, 440), 3)).clipped;
  expect(loud).toBeGreaterThan(1000);
  const quieter = int16(tone(16_000, 440), 3).map((sample) => Math.round(sample * 0.5));
  expect(measure(quieter).clipped).toBe(loud);
});

test('soft sounds, whose tops are flat for want of resolution, are not called clipped', () => {
  expect(measure(int16(tone(16_000, 50, 16_000, 0.001))).clipped).toBe(0);
});

test('a DC offset is the mean of the samples', () => {
  expect(measure(int16(tone(16_000, 400).map((value) => 0.5 * value + 0.1))).offset).toBeCloseTo(0.1, 3);
});

test('silence before and after is measured up to 80 ms of the sound', () => {
  const samples = new Int16Array(48_000);
  samples.set(int16(tone(16_000, 440)), 16_000);
  const { leading, trailing } = measure(samples);
  expect(leading).toBeGreaterThan(0.88);
  expect(leading).toBeLessThanOrEqual(0.93);
  expect(trailing).toBeGreaterThan(0.88);
  expect(trailing).toBeLessThanOrEqual(0.93);
});
