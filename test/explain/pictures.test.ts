import { crc32, inflateSync } from 'node:zlib';
import { encodeGreyPng } from '../../lib/explain/png.js';
import { spectrogram } from '../../lib/explain/spectrogram.js';

interface Decoded {
  width: number;
  height: number;
  pixels: Uint8Array;
}

/** Reads a greyscale PNG with the filters "none" and "up", checking every checksum. */
function decode(file: Buffer): Decoded {
  expect(file.subarray(0, 8).toString('hex')).toBe('89504e470d0a1a0a');
  const chunks = new Map<string, Buffer>();
  for (let at = 8; at < file.length; ) {
    const length = file.readUInt32BE(at);
    const body = file.subarray(at + 4, at + 8 + length);
    expect(file.readUInt32BE(at + 8 + length)).toBe(crc32(body));
    chunks.set(body.subarray(0, 4).toString('latin1'), body.subarray(4));
    at += 12 + length;
  }
  expect([...chunks.keys()]).toEqual(['IHDR', 'IDAT', 'IEND']);
  const header = chunks.get('IHDR')!;
  expect([...header.subarray(8)]).toEqual([8, 0, 0, 0, 0]);
  const [width, height] = [header.readUInt32BE(0), header.readUInt32BE(4)];
  const rows = inflateSync(chunks.get('IDAT')!);
  expect(rows.length).toBe(height * (width + 1));
  const pixels = new Uint8Array(width * height);
  for (let y = 0; y < height; y++) {
    const filter = rows[y * (width + 1)];
    for (let x = 0; x < width; x++) {
      const above = filter === 2 && y > 0 ? pixels[(y - 1) * width + x]! : 0;
      pixels[y * width + x] = rows[y * (width + 1) + 1 + x]! + above;
    }
  }
  return { width, height, pixels };
}

test('a PNG holds the pixels it was made of', () => {
  const pixels = Uint8Array.from({ length: 7 * 5 }, (_, i) => (i * 37) % 256);
  expect(decode(encodeGreyPng(7, 5, pixels))).toEqual({ width: 7, height: 5, pixels });
});

test('a PNG of another size than its pixels is refused', () => {
  expect(() => encodeGreyPng(3, 2, new Uint8Array(5))).toThrow(/5 pixels do not fill a picture of 3 x 2/);
});

/** Row of the brightest pixel of a column, counted from the bottom. */
function loudestBand({ width, height, pixels }: Decoded, column: number): number {
  let best = 0;
  for (let y = 0; y < height; y++) if (pixels[y * width + column]! > pixels[best * width + column]!) best = y;
  return height - 1 - best;
}

test('a spectrogram shows a rising tone rise, and silence black', () => {
  const samples = new Float32Array(16_000);
  for (let i = 0; i < 16_000; i++) {
    const hz = i < 6000 ? 300 : 3000;
    samples[i] = i < 12_000 ? 0.5 * Math.sin((2 * Math.PI * hz * i) / 16_000) : 0;
  }
  const picture = spectrogram(samples);
  const decoded = decode(Buffer.from(picture.png, 'base64'));
  expect(decoded).toMatchObject({ width: picture.width, height: picture.height });
  const mel = (hz: number) => 2595 * Math.log10(1 + hz / 700);
  const band = (hz: number) => ((mel(hz) - mel(60)) / (mel(7800) - mel(60))) * (picture.height + 1) - 1;
  expect(Math.abs(loudestBand(decoded, 10) - band(300))).toBeLessThanOrEqual(1);
  expect(Math.abs(loudestBand(decoded, 60) - band(3000))).toBeLessThanOrEqual(1);
  const last = Array.from({ length: picture.height }, (_, y) => decoded.pixels[(y + 1) * picture.width - 1]);
  expect(Math.max(...(last as number[]))).toBe(0);
});

test('a long utterance takes no more room than a short one, the shortest has a column', () => {
  expect(spectrogram(new Float32Array(16_000 * 60).fill(0.1)).width).toBeLessThanOrEqual(280);
  expect(spectrogram(new Float32Array(400)).width).toBe(1);
});
