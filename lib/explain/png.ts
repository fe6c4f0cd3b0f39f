/** Greyscale PNG files: what a spectrogram in a page needs, and no more. */
import { crc32, deflateSync } from 'node:zlib';

const SIGNATURE = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);

/**
 * An 8-bit greyscale PNG.
 *
 * @param pixels row by row from the top, width x height; 0 is black
 * @throws RangeError where there are not as many pixels
 */
export function encodeGreyPng(width: number, height: number, pixels: Uint8Array): Buffer {
  if (width < 1 || height < 1 || pixels.length !== width * height) {
    throw new RangeError(`${pixels.length} pixels do not fill a picture of ${width} x ${height}`);
  }
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header.set([8, 0, 0, 0, 0], 8); // bits, greyscale, deflate, the one filter method, not interlaced
  // Every row begins with its filter; "up" suits a spectrogram, whose neighbouring bands are alike.
  const rows = Buffer.alloc(height * (width + 1));
  for (let y = 0; y < height; y++) {
    rows[y * (width + 1)] = 2;
    for (let x = 0; x < width; x++) {
      const above = y === 0 ? 0 : pixels[(y - 1) * width + x]!;
      rows[y * (width + 1) + 1 + x] = pixels[y * width + x]! - above;
    }
  }
  return Buffer.concat([
    SIGNATURE,
    chunk('IHDR', header),
    chunk('IDAT', deflateSync(rows, { level: 9 })),
    chunk('IEND', Buffer.alloc(0)),
  ]);
}

function chunk(type: string, content: Buffer): Buffer {
  const body = Buffer.concat([Buffer.from(type, 'latin1'), content]);
  const frame = Buffer.alloc(8);
  frame.writeUInt32BE(content.length, 0);
  frame.writeUInt32BE(crc32(body), 4);
  return Buffer.concat([frame.subarray(0, 4), body, frame.subarray(4)]);
}
