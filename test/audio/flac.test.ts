import { readFileSync } from 'node:fs';
import { decodeFlac } from '../../lib/audio/flac.js';
import { readWav } from '../../lib/audio/wav.js';
import { fixture } from './fixture.js';

const mono = readFileSync(fixture('sweep.flac'));
const stereo = readFileSync(fixture('stereo24.flac'));

test('16-bit mono is bit-equal to its WAV source', () => {
  const { samples, sampleRate, warnings } = decodeFlac(mono);
  expect(sampleRate).toBe(22_050);
  expect(samples).toEqual(readWav(readFileSync(fixture('sweep.wav'))).samples);
  expect(warnings).toEqual([]);
});

test('24-bit stereo passes its own MD5, short last block included', () => {
  // Decoding verifies the checksum of all samples of both channels; 9600 is no multiple of the block size 1152.
  expect(decodeFlac(stereo).samples).toHaveLength(9600);
});

test('every flipped bit after the header is noticed', () => {
  // Metadata other than STREAMINFO has no checksum and no bearing on the samples.
  const start = 4 + 4 + 34;
  const reference = decodeFlac(mono).samples;
  let noticed = 0;
  for (let at = start; at < mono.length; at += 97) {
    const copy = Buffer.from(mono);
    copy[at]! ^= 1 << (at % 8);
    try {
      expect(decodeFlac(copy).samples).toEqual(reference);
    } catch (error) {
      expect((error as { code?: string }).code).toBe('E_AUDIO_DAMAGED');
      noticed++;
    }
  }
  expect(noticed).toBeGreaterThan(70);
});

test('a truncated file is refused, wherever it ends', () => {
  for (let length = 10; length < stereo.length; length += 501) {
    expect(() => decodeFlac(stereo.subarray(0, length))).toThrow(
      /damaged FLAC: .*(truncated|cut short|past the end)/,
    );
  }
});

test('a tag after the audio is no damage', () => {
  const tagged = Buffer.concat([mono, Buffer.from('TAG'), Buffer.alloc(125)]);
  expect(decodeFlac(tagged).samples).toEqual(decodeFlac(mono).samples);
});

test('streams of unknown length and without checksum are read to their end', () => {
  const copy = Buffer.from(mono);
  copy[21]! &= 0xf0;
  copy.fill(0, 22, 42);
  expect(decodeFlac(copy).samples).toEqual(decodeFlac(mono).samples);
});
