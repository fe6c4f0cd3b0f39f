import { activePart } from '../../lib/audio/active-part.js';
import { wholeWeights } from '../../lib/predict/whole-weights.js';
import { tone } from './wav-encoder.js';

/** Half a second of faint noise, a second of tone, half a second of faint noise. */
function padded(noise: number): Float32Array {
  const samples = new Float32Array(32_000);
  for (let i = 0; i < samples.length; i++) samples[i] = noise * (i % 2 ? 1 : -1);
  samples.set(tone(16_000, 200, 16_000, 0.3), 8000);
  return samples;
}

describe('activePart', () => {
  it('finds the tone, give or take the margin of 80 ms', () => {
    const [start, end] = activePart(padded(0.0001), 40);
    expect(start).toBeGreaterThanOrEqual(8000 - 1280 - 400);
    expect(start).toBeLessThanOrEqual(8000 - 1000);
    expect(end).toBeGreaterThanOrEqual(24_000 + 1000);
    expect(end).toBeLessThanOrEqual(24_000 + 1280 + 400);
  });

  it('keeps all where the floor is lower than the noise, or nothing is heard', () => {
    expect(activePart(padded(0.05), 40)).toEqual([0, 32_000]);
    expect(activePart(new Float32Array(5000), 40)).toEqual([0, 5000]);
    expect(activePart(new Float32Array(100).fill(0.5), 40)).toEqual([0, 100]);
  });
});

describe('wholeWeights', () => {
  it('puts the weights where they were heard and zeros elsewhere', () => {
    const whole = wholeWeights([0.5, 0.5], 1280, 2560, 5120);
    expect(whole).toEqual([0, 0.5, 0.5, 0]);
  });
});
