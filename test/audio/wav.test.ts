import { readWav } from '../../lib/audio/wav.js';
import { encodeWav, tone, type WavShape } from './wav-encoder.js';

const source = tone(1001);

/** Largest difference of two signals of equal length. */
function difference(a: ArrayLike<number>, b: ArrayLike<number>): number {
  expect(a.length).toBe(b.length);
  let largest = 0;
  for (let i = 0; i < a.length; i++) largest = Math.max(largest, Math.abs(a[i]! - b[i]!));
  return largest;
}

describe('sample formats', () => {
  test.each<[WavShape['type'], number]>([
    ['u8', 1 / 256],
    ['i16', 0],
    ['i24', 0],
    ['i32', 0],
    ['f32', 0],
    ['f64', 0],
  ])('%s', (type, tolerance) => {
    const { samples, sampleRate, warnings } = readWav(encodeWav(source, { type, sampleRate: 44_100 }));
    expect(difference(samples, source)).toBeLessThanOrEqual(tolerance);
    expect(sampleRate).toBe(44_100);
    expect(warnings).toEqual([]);
  });

  test('extremes keep their sign and scale', () => {
    for (const type of ['u8', 'i16', 'i24', 'i32'] as const) {
      const { samples } = readWav(encodeWav([-1, 1, 0], { type }));
      expect(samples[0]).toBe(-1);
      expect(samples[1]).toBeGreaterThan(0.99);
      expect(samples[2]).toBe(0);
    }
  });

  test.each<WavShape>([
    { type: 'i24', validBits: 20 },
    { type: 'i32', validBits: 24 },
    { type: 'f32', validBits: 32 },
    { type: 'i16', validBits: 16, channels: 7 },
  ])('WAVE_FORMAT_EXTENSIBLE %j', (shape) => {
    expect(
      difference(readWav(encodeWav(source, shape)).samples.subarray(0, 100), mixed(shape.channels ?? 1)),
    ).toBe(0);
  });

  function mixed(channels: number): Float32Array {
    return Float32Array.from({ length: 100 }, (_, i) => {
      let sum = 0;
      for (let channel = 0; channel < channels; channel++) sum += source[i * channels + channel]!;
      return sum / channels;
    });
  }

  test('stereo is averaged, and opposite channels cancel', () => {
    const frames = [0.5, 0.25, -1, 0.5, 0.75, -0.75];
    expect([...readWav(encodeWav(frames, { channels: 2 })).samples]).toEqual([0.375, -0.25, 0]);
  });

  test.each([
    [2, /Microsoft ADPCM/],
    [7, /mu-law/],
    [0x1234, /0x1234/],
  ])('codec %i is left to ffmpeg', (tag, name) => {
    expect(() => readWav(encodeWav(source, { tag }))).toThrow(name);
    expect(() => readWav(encodeWav(source, { tag }))).toThrow(
      expect.objectContaining({ code: 'E_WAV_CODEC' }),
    );
  });
});

describe('chunks', () => {
  const junk: [string, Buffer][] = [
    ['FLLR', Buffer.alloc(4044, 'data')], // holds the bytes `data`, so searching for the word would be wrong
    ['bext', Buffer.alloc(603, 1)],
    ['LIST', Buffer.from('INFOISFT')],
    ['_PMX', Buffer.from('<x/>!')],
  ];

  test.each<[string, WavShape]>([
    ['before and after the audio', { before: junk, after: junk }],
    ['odd ones without padding', { before: junk, unpadded: true }],
    ['data before fmt', { dataFirst: true, before: junk }],
    ['RF64', { root: 'RF64', after: junk }],
    ['BW64', { root: 'BW64', before: junk, after: junk }],
  ])('%s', (_, shape) => {
    const { samples, warnings } = readWav(encodeWav(source, shape));
    expect(difference(samples, source)).toBe(0);
    expect(warnings).toEqual([]);
  });

  test.each([0, 0xffffffff])('a data size of %i means to the end, with a warning', (dataSize) => {
    const { samples, warnings } = readWav(encodeWav(source, { dataSize }));
    expect(difference(samples, source)).toBe(0);
    expect(warnings).toEqual([expect.stringMatching(/no length/)]);
    expect(readWav(encodeWav(source, { dataSize }), { streamed: true }).warnings).toEqual([]);
  });

  test('an empty data chunk followed by others is empty, not noise', () => {
    expect(readWav(encodeWav([], { after: junk })).samples).toHaveLength(0);
  });

  test('a truncated file gives what is there, with a warning', () => {
    const whole = encodeWav(source, { channels: 1, type: 'i24' });
    const { samples, warnings } = readWav(whole.subarray(0, whole.length - 1501));
    expect(difference(samples, source.subarray(0, 501))).toBe(0);
    expect(warnings).toEqual([expect.stringMatching(/truncated: .* promises 3003 bytes/)]);
  });

  test('what is missing is named', () => {
    const wav = encodeWav(source);
    expect(() => readWav(wav.subarray(0, 12))).toThrow(/no `fmt ` chunk/);
    expect(() => readWav(wav.subarray(0, 36))).toThrow(/no `data` chunk/);
    expect(() => readWav(Buffer.from('not audio at all'))).toThrow(/expected a WAV file/);
    expect(() => readWav(encodeWav(source, { channels: 0 }))).toThrow(/no channels/);
    expect(() => readWav(encodeWav(source, { sampleRate: 0 }))).toThrow(/0 Hz/);
  });

  test('no header of 64 random bytes does worse than a clear error', () => {
    const wav = encodeWav(source);
    let state = 1;
    for (let round = 0; round < 2000; round++) {
      const copy = Buffer.from(wav);
      for (let k = 0; k < 3; k++) {
        state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
        copy[4 + ((state >>> 8) % 40)] = state >>> 24;
      }
      try {
        readWav(copy);
      } catch (error) {
        expect((error as { code: string }).code).toMatch(/^E_(WAV_CODEC|AUDIO_DAMAGED)$/);
      }
    }
  });
});
