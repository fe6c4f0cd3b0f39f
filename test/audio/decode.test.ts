import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { decodeBuffer, decodeFile } from '../../lib/audio/decode.js';
import { locateFfmpeg } from '../../lib/audio/ffmpeg.js';
import { DataError } from '../../lib/errors.js';
import { fixture } from './fixture.js';
import { encodeWav, tone } from './wav-encoder.js';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'ser-native-decode-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function write(name: string, bytes: Uint8Array | string): string {
  const path = join(folder, name);
  writeFileSync(path, bytes);
  return path;
}

/** Largest cross-correlation coefficient's lag, and the coefficient: lossy codecs keep the wave, not the bits. */
function align(a: Int16Array, b: Int16Array, reach = 50): { lag: number; correlation: number } {
  let best = { lag: 0, correlation: -1 };
  const end = Math.min(a.length, b.length) - reach;
  for (let lag = -reach; lag <= reach; lag++) {
    let [ab, aa, bb] = [0, 0, 0];
    for (let i = reach; i < end; i++) {
      const [x, y] = [a[i]!, b[i + lag]!];
      ab += x * y;
      aa += x * x;
      bb += y * y;
    }
    const correlation = ab / Math.sqrt(aa * bb);
    if (correlation > best.correlation) best = { lag, correlation };
  }
  return best;
}

describe('decoders', () => {
  test('16-bit 16 kHz mono WAV keeps every bit, extremes included', async () => {
    const values = Int16Array.from({ length: 65_536 }, (_, i) => i - 32_768);
    const wav = encodeWav(Float32Array.from(values, (value) => value / 32_768));
    const decoded = await decodeFile(write('all.wav', wav));
    expect(decoded.samples).toEqual(values);
    expect(decoded).toMatchObject({ decoder: 'wav@1', warnings: [] });
    expect(decoded.fileSha256).toBe(createHash('sha256').update(wav).digest('hex'));
  });

  test('a stereo copy of a mono signal keeps every bit', async () => {
    const mono = tone(1000);
    const frames = Float32Array.from({ length: 2000 }, (_, i) => mono[i >> 1]!);
    const { samples } = await decodeBuffer(encodeWav(frames, { channels: 2 }));
    expect(samples).toEqual(Int16Array.from(mono, (value) => value * 32_768));
  });

  test('the same sound in FLAC and WAV gives the same samples', async () => {
    const [wav, flac] = await Promise.all(
      ['sweep.wav', 'sweep.flac'].map((name) => decodeFile(fixture(name))),
    );
    expect(flac!.samples).toEqual(wav!.samples);
    expect(flac!.samples).toHaveLength(9600);
  });

  test.each([
    ['sweep.mp3', 'mpg123-wasm@1', 0.99],
    ['sweep.vorbis.ogg', 'libvorbis-wasm@1', 0.99],
    ['sweep.opus.ogg', 'libopus-wasm@1', 0.97],
  ])('%s decodes without ffmpeg, aligned and without padding', async (name, decoder, floor) => {
    const reference = (await decodeFile(fixture('sweep.wav'))).samples;
    const decoded = await decodeFile(fixture(name));
    expect(decoded).toMatchObject({ decoder, warnings: [] });
    expect(decoded.samples).toHaveLength(reference.length);
    const { lag, correlation } = align(reference, decoded.samples);
    expect(Math.abs(lag)).toBeLessThanOrEqual(1);
    expect(correlation).toBeGreaterThan(floor);
  });

  test.each([
    ['sweep.mp3', 0.4],
    ['sweep.opus.ogg', 0.6],
  ])('%s cut short gives what is there, with a warning', async (name, part) => {
    const bytes = readFileSync(fixture(name));
    const { samples, warnings } = await decodeBuffer(bytes.subarray(0, Math.floor(bytes.length * part)));
    expect(samples.length).toBeLessThan(9000);
    expect(warnings).toContainEqual(expect.stringMatching(/^truncated: /));
  });

  test('content decides, not the extension', async () => {
    const path = write('mp3.wav', readFileSync(fixture('sweep.mp3')));
    expect((await decodeFile(path)).decoder).toBe('mpg123-wasm@1');
  });

  test.each(['sweep.m4a', 'sweep.adpcm.wav'])(
    '%s goes through ffmpeg, or says that it is missing',
    async (name) => {
      const reference = (await decodeFile(fixture('sweep.wav'))).samples;
      const ffmpeg = await locateFfmpeg();
      if (ffmpeg === undefined) {
        await expect(decodeFile(fixture(name))).rejects.toThrow(/needs ffmpeg, and none was found/);
        return;
      }
      const fromFile = await decodeFile(fixture(name));
      expect(fromFile.decoder).toBe(`ffmpeg@${ffmpeg.version}`);
      expect(fromFile.warnings).toEqual([]);
      expect(align(reference, fromFile.samples).correlation).toBeGreaterThan(0.97);
      const fromBytes = await decodeBuffer(readFileSync(fixture(name)));
      expect(fromBytes.samples).toEqual(fromFile.samples);
    },
  );
});

describe('what is refused, with the reason', () => {
  const zeros = new Float32Array(1000);
  const nan = tone(1000);
  nan[500] = Number.NaN;
  const infinite = tone(1000);
  infinite[2] = Number.NEGATIVE_INFINITY;

  test.each<[string, string, Uint8Array | string, RegExp]>([
    ['E_AUDIO_EMPTY', 'empty', '', /the file is empty/],
    ['E_AUDIO_SHORT', 'short', encodeWav(tone(399)), /399 samples at 16 kHz, expected at least 400/],
    ['E_AUDIO_SHORT', 'short at 48 kHz', encodeWav(tone(1190), { sampleRate: 48_000 }), /397 samples/],
    ['E_AUDIO_SHORT', 'no samples', encodeWav([]), /has 0 samples/],
    ['E_AUDIO_SILENT', 'silent', encodeWav(zeros), /all its samples are zero/],
    ['E_AUDIO_NAN', 'NaN', encodeWav(nan, { type: 'f32' }), /1 of its 1000 samples are not numbers/],
    ['E_AUDIO_NAN', 'infinite', encodeWav(infinite, { type: 'f64' }), /not numbers/],
    ['E_AUDIO_DAMAGED', 'absurd rate', encodeWav(tone(1000), { sampleRate: 3 }), /sample rate of 3 Hz/],
    ['E_AUDIO_DAMAGED', 'cut FLAC', readFileSync(fixture('sweep.flac')).subarray(0, 4000), /truncated/],
    ['E_AUDIO_DAMAGED', 'header only', encodeWav(tone(1000)).subarray(0, 12), /no `fmt ` chunk/],
    [
      'E_NOT_AUDIO',
      'LFS stub',
      'version https://git-lfs.github.com/spec/v1\noid sha256:0\n',
      /Git LFS pointer/,
    ],
    ['E_NOT_AUDIO', 'web page', '<!DOCTYPE html><html>404</html>', /web page/],
  ])('%s: %s', async (code, name, bytes, reason) => {
    const path = write(`${name}.wav`, bytes);
    const error = await decodeFile(path).catch((caught: unknown) => caught);
    expect(error).toBeInstanceOf(DataError);
    expect(error).toMatchObject({ code, message: expect.stringMatching(reason), cure: expect.any(String) });
    // The path stands before the reason, once.
    expect((error as Error).message.split(path)).toHaveLength(2);
  });

  test('a missing file and a folder', async () => {
    await expect(decodeFile(join(folder, 'none.wav'))).rejects.toThrow(/the file does not exist/);
    await expect(decodeFile(folder)).rejects.toThrow(/it is a folder/);
  });

  test('random bytes and damaged lossy files end in a DataError or a warning, never in a crash', async () => {
    for (const name of ['sweep.mp3', 'sweep.vorbis.ogg', 'sweep.opus.ogg']) {
      const bytes = readFileSync(fixture(name));
      for (const [from, to] of [
        [0, 60],
        [200, bytes.length],
        [bytes.length >> 1, bytes.length],
      ] as const) {
        const copy = Buffer.from(bytes);
        for (let i = from; i < to; i++) copy[i] = (copy[i]! * 31 + i * 17) & 0xff;
        const outcome = await decodeBuffer(copy).catch((error: unknown) => error);
        if (outcome instanceof Error) expect(outcome).toBeInstanceOf(DataError);
      }
    }
  });

  test('an aborted signal stops before anything is read', async () => {
    const signal = AbortSignal.abort();
    await expect(decodeFile(fixture('sweep.wav'), { signal })).rejects.toMatchObject({
      code: 'E_INTERRUPTED',
    });
  });
});

test('samples beyond full scale saturate, with a warning', async () => {
  const loud = tone(1000, 440, 16_000, 0.9).map((value) => value * 2);
  const { samples, warnings } = await decodeBuffer(encodeWav(loud, { type: 'f32' }));
  expect(Math.max(...samples)).toBe(32_767);
  expect(Math.min(...samples)).toBe(-32_768);
  expect(warnings).toEqual([expect.stringMatching(/^clipped: \d+ samples/)]);
});

test('float samples round to the nearest step, halves to the even one', async () => {
  const steps = [0.4, 0.5, 0.6, 1.5, 2.5, -0.5, -1.5, -2.5, 100.49];
  const frames = Float32Array.from({ length: 400 }, (_, i) => (steps[i] ?? 7) / 32_768);
  const { samples } = await decodeBuffer(encodeWav(frames, { type: 'f64' }));
  expect([...samples.subarray(0, 9)].map((value) => value + 0)).toEqual([0, 0, 1, 2, 2, 0, -2, -2, 100]);
});
