import { resampleTo16k } from '../../lib/audio/resample.js';

const RATES = [8_000, 11_025, 22_050, 24_000, 44_100, 48_000, 96_000, 15_999];

function sine(hertz: number, sampleRate: number, seconds = 0.5): Float32Array {
  return Float32Array.from({ length: Math.round(seconds * sampleRate) }, (_, i) =>
    Math.sin((2 * Math.PI * hertz * i) / sampleRate),
  );
}

/** Away from both ends, where the silence beyond the signal is part of the sum. */
function middle(samples: Float32Array): Float32Array {
  return samples.subarray(2000, samples.length - 2000);
}

function rms(samples: Float32Array): number {
  return Math.sqrt(samples.reduce((sum, value) => sum + value * value, 0) / samples.length);
}

test('16 kHz passes through untouched', () => {
  const samples = sine(1000, 16_000);
  expect(resampleTo16k(samples, 16_000)).toBe(samples);
});

test.each(RATES)('from %i Hz, tones in the pass band keep amplitude and phase to 90 dB', (rate) => {
  for (const hertz of [100, 1000, 3300, 7000]) {
    if (hertz > 0.45 * rate) continue;
    const output = resampleTo16k(sine(hertz, rate), rate);
    const expected = sine(hertz, 16_000);
    const error = output.map((value, i) => value - (expected[i] ?? 0));
    const snr = 20 * Math.log10(rms(middle(expected)) / rms(middle(error)));
    expect(snr).toBeGreaterThan(90);
  }
});

test.each([22_050, 44_100, 48_000])('from %i Hz, nothing above 8 kHz folds back', (rate) => {
  for (const hertz of [8_050, 9_000, 10_500, 0.49 * rate]) {
    const level = 20 * Math.log10(rms(middle(resampleTo16k(sine(hertz, rate), rate))) * Math.SQRT2);
    expect(level).toBeLessThan(-90);
  }
});

test('from 8 kHz, no image appears above 4 kHz', () => {
  const output = middle(resampleTo16k(sine(3000, 8_000), 8_000));
  // The image of 3 kHz would lie at 5 kHz.
  let [re, im] = [0, 0];
  for (let i = 0; i < output.length; i++) {
    const window = 0.5 - 0.5 * Math.cos((2 * Math.PI * i) / output.length);
    re += window * output[i]! * Math.cos((2 * Math.PI * 5000 * i) / 16_000);
    im += window * output[i]! * Math.sin((2 * Math.PI * 5000 * i) / 16_000);
  }
  expect(20 * Math.log10((4 * Math.hypot(re, im)) / output.length)).toBeLessThan(-90);
});

test.each(RATES)('from %i Hz, a constant keeps its value', (rate) => {
  const output = middle(resampleTo16k(new Float32Array(rate >> 1).fill(0.7), rate));
  expect(Math.max(...output.map((value) => Math.abs(value - 0.7)))).toBeLessThan(1e-6);
});

test.each(RATES)('from %i Hz, the length is that of the same time, rounded up', (rate) => {
  for (const length of [0, 1, 2, 441, 1000, 12_345]) {
    expect(resampleTo16k(new Float32Array(length), rate)).toHaveLength(Math.ceil((length * 16_000) / rate));
  }
});

test('an impulse stays where it was, symmetric about itself', () => {
  const samples = new Float32Array(48_000);
  samples[24_000] = 1;
  const output = resampleTo16k(samples, 48_000);
  const peak = output.indexOf(Math.max(...output));
  expect(peak).toBe(8_000);
  for (let k = 1; k < 100; k++) expect(output[peak + k]).toBeCloseTo(output[peak - k]!, 7);
});

test('rates that no recorder has are refused', () => {
  for (const rate of [0, -1, 44_100.5, Number.NaN, 10_000_000]) {
    expect(() => resampleTo16k(new Float32Array(10), rate)).toThrow(/sample rate must be/);
  }
});
