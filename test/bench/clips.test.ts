import { audioSeconds, drawClips, makeBatches, NOISE_SAMPLES, paddedSeconds } from '../../lib/bench/clips.js';
import { quartiles, sum } from '../../lib/bench/quartiles.js';

const clips = drawClips({ law: 'iemocap' }, 32 * 50, 1);
const waste = (batches: ReturnType<typeof makeBatches>) =>
  sum(batches.map(paddedSeconds)) / sum(batches.map(audioSeconds));

describe('clips', () => {
  it('have the lengths of the law, within the noise', () => {
    const seconds = clips.map(({ length }) => length / 16_000);
    expect(Math.min(...seconds)).toBeGreaterThanOrEqual(0.5);
    expect(Math.max(...seconds)).toBeLessThanOrEqual(16);
    expect(sum(seconds) / seconds.length).toBeCloseTo(4.4, 0);
    expect(clips.every(({ offset, length }) => offset >= 0 && offset + length <= NOISE_SAMPLES)).toBe(true);
    expect(drawClips({ law: 'iemocap' }, 10, 1)).toEqual(clips.slice(0, 10));
    expect(drawClips({ seconds: 2 }, 3, 1).map(({ length }) => length)).toEqual([32_000, 32_000, 32_000]);
  });

  it('are all in every way of batching, once', () => {
    for (const batching of ['drawn', 'grouped', 'packed'] as const) {
      const ids = makeBatches(clips, 32, batching, 1)
        .flat()
        .map(({ id }) => id);
      expect(ids.length).toBe(clips.length);
      expect(new Set(ids).size).toBe(clips.length);
    }
  });

  it('waste two thirds of a drawn batch on padding, and next to nothing of one of similar lengths', () => {
    const [drawn, grouped] = (['drawn', 'grouped'] as const).map((way) => makeBatches(clips, 32, way, 1));
    expect(waste(drawn!)).toBeGreaterThan(2.5);
    expect(waste(grouped!)).toBeLessThan(1.1);
  });

  it('come packed in batches of nearly one length in seconds', () => {
    const packed = makeBatches(clips, 32, 'packed', 1).slice(0, -1).map(audioSeconds);
    const mean = sum(packed) / packed.length;
    for (const seconds of packed) expect(Math.abs(seconds - mean)).toBeLessThan(12);
  });
});

test('quartiles lie between the sorted values', () => {
  expect(quartiles([4, 1, 3, 2, 5])).toEqual({ median: 3, lower: 2, upper: 4 });
  expect(quartiles([1, 2])).toEqual({ median: 1.5, lower: 1.25, upper: 1.75 });
  expect(quartiles([7])).toEqual({ median: 7, lower: 7, upper: 7 });
});
