/**
 * FLAC as RFC 9639 lays it out, lossless to the bit at every depth. Written here rather than taken from npm because the
 * WebAssembly packages find frames with a parser that loses a short last frame (one RAVDESS file in six); every frame's
 * checksum and the MD5 of all samples are verified, so a damaged file never passes as a shorter recording.
 */
import { createHash } from 'node:crypto';
import { AudioError } from './audio-error.js';
import { BitReader } from './bit-reader.js';
import { readSubframe } from './flac-subframe.js';
import type { DecodedAudio } from './pcm.js';

// Bound once: where globals are looked up through a sandbox, as in a test runner, each call would cost a microsecond.
const { abs } = Math;

/** Name and version kept in the store's index; the version changes when the samples would. */
export const FLAC_DECODER = 'flac@1';

interface StreamInfo {
  sampleRate: number;
  channels: number;
  bits: number;
  /** 0 where the encoder did not know. */
  total: number;
  md5: Buffer;
  /** First byte after the metadata blocks. */
  start: number;
}

interface FrameHeader {
  blockSize: number;
  channels: number;
  /** 8: left and side, 9: side and right, 10: mid and side; below: independent channels. */
  assignment: number;
  bits: number;
}

/** Blocks of samples, one array per channel, in doubles: a 33-bit side channel and every predictor sum are exact in them. */
type Block = Float64Array[];

/**
 * Decodes a whole FLAC file.
 * @param bytes from `fLaC` on
 * @throws AudioError `E_AUDIO_DAMAGED`, with the sample at which the damage begins
 */
export function decodeFlac(bytes: Uint8Array): DecodedAudio {
  const info = readStreamInfo(bytes);
  const warnings: string[] = [];
  const reader = new BitReader(bytes, info.start);
  const hash = createHash('md5');
  const pieces: Float32Array[] = [];
  let done = 0;
  while (info.total > 0 ? done < info.total : reader.byte < bytes.length) {
    if (info.total === 0 && !atSync(bytes, reader.byte)) {
      warnings.push(`stopped at byte ${reader.byte} of ${bytes.length}, where no FLAC frame starts`);
      break;
    }
    const block = readFrame(reader, bytes, info, done);
    hash.update(packBlock(block, info.bits));
    pieces.push(mixBlock(block, info.bits));
    done += block[0]!.length;
  }
  if (info.total > 0 && done !== info.total) {
    throw damaged(`its frames hold ${done} samples, its header promises ${info.total}`);
  }
  // Encoders that write to a pipe leave the MD5 zero.
  if (info.md5.some((byte) => byte !== 0) && !hash.digest().equals(info.md5)) {
    throw damaged('its samples do not match its own MD5 checksum');
  }
  const samples = new Float32Array(done);
  let at = 0;
  for (const piece of pieces) {
    samples.set(piece, at);
    at += piece.length;
  }
  return { samples, sampleRate: info.sampleRate, warnings };
}

/** Sample rate and length that the header names; undefined where the encoder did not know the length. */
export function flacLength(bytes: Uint8Array): { sampleRate: number; frames: number } | undefined {
  const { sampleRate, total } = readStreamInfo(bytes);
  return total > 0 ? { sampleRate, frames: total } : undefined;
}

function damaged(reason: string): AudioError {
  return new AudioError(`damaged FLAC: ${reason}`, {
    code: 'E_AUDIO_DAMAGED',
    cure: 'Copy or download the file again.',
  });
}

function atSync(bytes: Uint8Array, at: number): boolean {
  return bytes[at] === 0xff && (bytes[at + 1]! & 0xfe) === 0xf8;
}

function readStreamInfo(bytes: Uint8Array): StreamInfo {
  if (bytes.length < 42) throw damaged('its header is cut short');
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if ((bytes[4]! & 0x7f) !== 0 || view.getUint32(4) % 2 ** 24 < 34)
    throw damaged('it does not begin with STREAMINFO');
  const packed = view.getUint32(18);
  const high = bytes[21]! & 15;
  const info = {
    sampleRate: packed >>> 12,
    channels: ((packed >>> 9) & 7) + 1,
    bits: ((packed >>> 4) & 31) + 1,
    total: high * 2 ** 32 + view.getUint32(22),
    md5: Buffer.from(bytes.subarray(26, 42)),
  };
  let at = 4;
  for (let last = false; !last; ) {
    if (at + 4 > bytes.length) throw damaged('its metadata runs past the end of the file');
    last = (bytes[at]! & 0x80) !== 0;
    at += 4 + (view.getUint32(at) % 2 ** 24);
  }
  return { ...info, start: at };
}

function readFrame(reader: BitReader, bytes: Uint8Array, info: StreamInfo, done: number): Block {
  const where = `at sample ${done}`;
  const first = reader.byte;
  if (first >= bytes.length) {
    throw damaged(`the file ends ${where}, its header promises ${info.total} samples: it is truncated`);
  }
  if (!atSync(bytes, first)) throw damaged(`no frame where one should start, ${where}`);
  const header = readFrameHeader(reader, info);
  const headerEnd = reader.byte;
  if (header === undefined || reader.bits(8) !== crc8(bytes, first, headerEnd)) {
    throw damaged(`a frame header is wrong ${where}`);
  }
  const { assignment, channels, bits, blockSize } = header;
  const block: Block = [];
  for (let channel = 0; channel < channels; channel++) {
    // The difference of two channels needs one bit more than either.
    const side =
      (assignment === 8 && channel === 1) ||
      (assignment === 9 && channel === 0) ||
      (assignment === 10 && channel === 1);
    const samples = new Float64Array(blockSize);
    if (!readSubframe(reader, samples, bits + (side ? 1 : 0)) || reader.byte > bytes.length) {
      throw damaged(
        reader.byte > bytes.length
          ? `the file ends in the frame ${where}: it is truncated`
          : `bad data ${where}`,
      );
    }
    block.push(samples);
  }
  reader.align();
  const last = reader.byte;
  if (last + 2 > bytes.length) throw damaged(`the file ends in the frame ${where}: it is truncated`);
  if (reader.bits(16) !== crc16(bytes, first, last)) throw damaged(`a frame's checksum is wrong ${where}`);
  restoreChannels(block, assignment);
  return block;
}

/** Up to and without the header's CRC; undefined for reserved codes or a format that changes in mid-stream. */
function readFrameHeader(reader: BitReader, info: StreamInfo): FrameHeader | undefined {
  reader.bits(16);
  const sizeCode = reader.bits(4);
  const rateCode = reader.bits(4);
  const assignment = reader.bits(4);
  const depthCode = reader.bits(3);
  if (reader.bits(1) !== 0 || sizeCode === 0 || rateCode === 15 || assignment > 10) return undefined;
  // The frame or sample number, in a UTF-8-like code; the checksums make it redundant.
  const lead = reader.bits(8);
  const more = Math.clz32(~(lead << 24)) - 1;
  for (let i = 0; i < more; i++) reader.bits(8);

  let blockSize: number;
  if (sizeCode === 1) blockSize = 192;
  else if (sizeCode <= 5) blockSize = 576 << (sizeCode - 2);
  else if (sizeCode === 6) blockSize = reader.bits(8) + 1;
  else if (sizeCode === 7) blockSize = reader.bits(16) + 1;
  else blockSize = 256 << (sizeCode - 8);

  const RATES = [
    info.sampleRate,
    88200,
    176400,
    192000,
    8000,
    16000,
    22050,
    24000,
    32000,
    44100,
    48000,
    96000,
  ];
  let rate = RATES[rateCode];
  if (rateCode === 12) rate = reader.bits(8) * 1000;
  else if (rateCode === 13) rate = reader.bits(16);
  else if (rateCode === 14) rate = reader.bits(16) * 10;

  const bits = [info.bits, 8, 12, -1, 16, 20, 24, 32][depthCode]!;
  const channels = assignment < 8 ? assignment + 1 : 2;
  if (rate !== info.sampleRate || bits !== info.bits || channels !== info.channels) return undefined;
  return { blockSize, channels, assignment, bits };
}

function restoreChannels(block: Block, assignment: number): void {
  if (assignment < 8) return;
  const [a, b] = block as [Float64Array, Float64Array];
  for (let i = 0; i < a.length; i++) {
    const [x, y] = [a[i]!, b[i]!];
    if (assignment === 8) {
      b[i] = x - y;
    } else if (assignment === 9) {
      a[i] = x + y;
    } else {
      // Mid lost its last bit in the encoder; the sum and the difference of two integers have the same parity.
      const mid = 2 * x + abs(y % 2);
      a[i] = (mid + y) / 2;
      b[i] = (mid - y) / 2;
    }
  }
}

function mixBlock(block: Block, bits: number): Float32Array {
  const scale = 1 / (block.length * 2 ** (bits - 1));
  const mono = new Float32Array(block[0]!.length);
  for (let i = 0; i < mono.length; i++) {
    let sum = 0;
    for (const channel of block) sum += channel[i]!;
    mono[i] = sum * scale;
  }
  return mono;
}

/** The bytes that FLAC's MD5 is taken of: channels interleaved, little-endian, whole bytes. */
function packBlock(block: Block, bits: number): Buffer {
  const width = Math.ceil(bits / 8);
  const length = block[0]!.length;
  const packed = Buffer.allocUnsafe(length * block.length * width);
  let at = 0;
  for (let i = 0; i < length; i++) {
    for (const channel of block) {
      let value = channel[i]! | 0;
      for (let byte = 0; byte < width; byte++, value >>= 8) packed[at++] = value & 0xff;
    }
  }
  return packed;
}

const CRC8 = crcTable(8, 0x07);
const CRC16 = crcTable(16, 0x8005);

function crcTable(width: 8 | 16, polynomial: number): Uint16Array {
  const top = 1 << (width - 1);
  const mask = (1 << width) - 1;
  return Uint16Array.from({ length: 256 }, (_, byte) => {
    let crc = byte << (width - 8);
    for (let bit = 0; bit < 8; bit++) crc = ((crc << 1) ^ ((crc & top) !== 0 ? polynomial : 0)) & mask;
    return crc;
  });
}

function crc8(bytes: Uint8Array, from: number, to: number): number {
  let crc = 0;
  for (let i = from; i < to; i++) crc = CRC8[crc ^ bytes[i]!]!;
  return crc;
}

function crc16(bytes: Uint8Array, from: number, to: number): number {
  let crc = 0;
  for (let i = from; i < to; i++) crc = ((crc << 8) & 0xffff) ^ CRC16[(crc >> 8) ^ bytes[i]!]!;
  return crc;
}
