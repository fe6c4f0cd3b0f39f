/**
 * WAV files (RIFF, RF64, BW64), read as they are found in corpora, not as the specification wishes: any chunk order,
 * missing padding, sizes of streams that were never closed, audio that neither starts at byte 44 nor ends at the file's end.
 */
import { AudioError } from './audio-error.js';
import type { DecodedAudio } from './pcm.js';

/** Name and version kept in the store's index; the version changes when the samples would. */
export const WAV_DECODER = 'wav@1';

export interface WavOptions {
  /** The bytes come from a pipe, so unknown sizes are expected and no reason for a warning. */
  streamed?: boolean;
}

interface Format {
  kind: 'integer' | 'float';
  channels: number;
  sampleRate: number;
  /** Bytes of one sample of one channel. */
  width: number;
}

interface Chunk {
  offset: number;
  length: number;
}

const UNKNOWN_SIZE = 0xffffffff;
/** Bytes 2..16 of every sub-format GUID that extends a plain format tag; the second family is Ambisonic B-format. */
const GUID_TAILS = ['000000001000800000aa00389b71', '00002107d3118644c8c1ca000000'];

/**
 * Reads a WAV file: PCM of 8 to 32 bits, float of 32 or 64, any rate, channels averaged to mono.
 * @throws AudioError `E_WAV_CODEC` for codecs this reader leaves to ffmpeg (ADPCM, mu-law, MP3 in WAV ...), `E_AUDIO_DAMAGED` otherwise
 */
export function readWav(bytes: Uint8Array, options: WavOptions = {}): DecodedAudio {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const warnings: string[] = [];
  const { format, data } = findChunks(view, warnings, options.streamed ?? false);
  const frame = format.width * format.channels;
  const frames = Math.floor(data.length / frame);
  return { samples: readFrames(view, data.offset, frames, format), sampleRate: format.sampleRate, warnings };
}

function damaged(reason: string): AudioError {
  return new AudioError(reason, { code: 'E_AUDIO_DAMAGED', cure: 'Copy or download the file again.' });
}

function fourcc(view: DataView, at: number): string {
  if (at + 4 > view.byteLength) return '';
  let text = '';
  for (let i = 0; i < 4; i++) text += String.fromCharCode(view.getUint8(at + i));
  return text;
}

function isChunkId(id: string): boolean {
  return /^[\x20-\x7e]{4}$/.test(id) && id.trim() !== '';
}

/** Walks the chunks until format and audio are known. */
function findChunks(view: DataView, warnings: string[], streamed: boolean): { format: Format; data: Chunk } {
  const end = view.byteLength;
  const root = fourcc(view, 0);
  if (!['RIFF', 'RF64', 'BW64'].includes(root) || fourcc(view, 8) !== 'WAVE') {
    throw damaged(`expected a WAV file, found ${JSON.stringify(root)} at its start`);
  }
  let format: Format | undefined;
  let data: Chunk | undefined;
  let dataSize64: number | undefined;
  let at = 12;
  while (at + 8 <= end) {
    const id = fourcc(view, at);
    let size = view.getUint32(at + 4, true);
    const body = at + 8;
    if (id === 'ds64' && body + 16 <= end) {
      dataSize64 = Number(view.getBigUint64(body + 8, true));
    } else if (id === 'fmt ') {
      format = readFormat(view, body, Math.min(size, end - body));
    } else if (id === 'data' && data === undefined) {
      if (size === UNKNOWN_SIZE && dataSize64 !== undefined) size = dataSize64;
      const rest = end - body;
      if (size === 0 && chunksReachEnd(view, body)) {
        // An honest empty chunk: what follows it are other chunks.
        data = { offset: body, length: 0 };
      } else if (size === 0 || size === UNKNOWN_SIZE) {
        if (!streamed) {
          warnings.push(`its data chunk gives no length (${size}); read to the end of the file`);
        }
        data = { offset: body, length: rest };
        size = rest;
      } else if (size > rest) {
        if (!streamed) {
          warnings.push(`truncated: its data chunk promises ${size} bytes and ${rest} are there`);
        }
        data = { offset: body, length: rest };
        size = rest;
      } else {
        data = { offset: body, length: size };
      }
    }
    if (format !== undefined && data !== undefined) break;
    at = nextChunk(view, body, size);
  }
  if (format === undefined) throw damaged('it has no `fmt ` chunk, so its sample format is unknown');
  if (data === undefined) throw damaged('it has no `data` chunk, so it holds no audio');
  return { format, data };
}

/** Chunks start at even offsets; some writers forget the padding byte, and then the next identifier stands one earlier. */
function nextChunk(view: DataView, body: number, size: number): number {
  const next = body + size;
  if (size % 2 === 0) return next;
  const padded = isChunkId(fourcc(view, next + 1)) || next + 1 >= view.byteLength;
  return !padded && isChunkId(fourcc(view, next)) ? next : next + 1;
}

/** Whether a chain of plausible chunks leads from `at` to exactly the end of the file. */
function chunksReachEnd(view: DataView, at: number): boolean {
  const end = view.byteLength;
  while (at + 8 <= end && isChunkId(fourcc(view, at))) {
    at = nextChunk(view, at + 8, view.getUint32(at + 4, true));
  }
  return at === end || at === end + 1;
}

function readFormat(view: DataView, at: number, size: number): Format {
  if (size < 16) throw damaged(`its \`fmt \` chunk has ${size} bytes, expected at least 16`);
  let tag = view.getUint16(at, true);
  const channels = view.getUint16(at + 2, true);
  const sampleRate = view.getUint32(at + 4, true);
  const blockAlign = view.getUint16(at + 12, true);
  const bits = view.getUint16(at + 14, true);
  if (tag === 0xfffe) {
    if (size < 40) throw damaged(`its extensible \`fmt \` chunk has ${size} bytes, expected 40`);
    // Valid bits (at + 18) are the upper ones of the container, so the container's scale holds whatever their number.
    let tail = '';
    for (let i = 2; i < 16; i++)
      tail += view
        .getUint8(at + 24 + i)
        .toString(16)
        .padStart(2, '0');
    tag = GUID_TAILS.includes(tail) ? view.getUint16(at + 24, true) : -1;
  }
  if (tag !== 1 && tag !== 3) {
    throw new AudioError(`its codec (${codecName(tag)}) is not PCM or float`, { code: 'E_WAV_CODEC' });
  }
  if (channels === 0) throw damaged('it declares no channels');
  if (sampleRate === 0) throw damaged('it declares a sample rate of 0 Hz');
  // The block size wins over the bit depth: 12-bit samples live in two bytes, 24-bit ones sometimes in four.
  const declared = blockAlign / channels;
  const width = Number.isInteger(declared) && declared > 0 ? declared : Math.ceil(bits / 8);
  const kind = tag === 3 ? 'float' : 'integer';
  const known = kind === 'float' ? width === 4 || width === 8 : width >= 1 && width <= 4;
  if (!known || bits > width * 8 || bits === 0) {
    throw new AudioError(`its sample format (${kind}, ${bits} bits in ${width} bytes) is not supported`, {
      code: 'E_WAV_CODEC',
    });
  }
  return { kind, channels, sampleRate, width };
}

function codecName(tag: number): string {
  const names: Record<number, string> = {
    2: 'Microsoft ADPCM',
    6: 'A-law',
    7: 'mu-law',
    17: 'IMA ADPCM',
    49: 'GSM 6.10',
    80: 'MPEG',
    85: 'MP3',
    255: 'AAC',
  };
  return names[tag] ?? (tag < 0 ? 'an unknown sub-format' : `format tag 0x${tag.toString(16)}`);
}

function readFrames(view: DataView, offset: number, frames: number, format: Format): Float32Array {
  const { channels, width } = format;
  const read = sampleReader(view, format);
  const mono = new Float32Array(frames);
  let at = offset;
  for (let i = 0; i < frames; i++) {
    let sum = 0;
    for (let channel = 0; channel < channels; channel++, at += width) sum += read(at);
    mono[i] = sum / channels;
  }
  return mono;
}

/** A reader of one sample, scaled so that full scale is 1. */
function sampleReader(view: DataView, format: Format): (at: number) => number {
  if (format.kind === 'float') {
    return format.width === 4 ? (at) => view.getFloat32(at, true) : (at) => view.getFloat64(at, true);
  }
  switch (format.width) {
    case 1: // The one unsigned depth.
      return (at) => (view.getUint8(at) - 128) / 128;
    case 2:
      return (at) => view.getInt16(at, true) / 32768;
    case 3:
      return (at) => (view.getUint16(at, true) | (view.getInt8(at + 2) << 16)) / 8388608;
    default:
      return (at) => view.getInt32(at, true) / 2147483648;
  }
}
