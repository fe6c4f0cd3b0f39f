/**
 * MP3, Ogg Vorbis and Ogg Opus inside this process, by libmpg123, libvorbis and libopus compiled to WebAssembly. They need no install script and no ffmpeg, give the same samples on every machine, and take milliseconds
 * where starting a process takes a tenth of a second.
 */
import { AudioError } from './audio-error.js';
import { type DecodedAudio, mixDown } from './pcm.js';
import type { AudioFormat } from './sniff.js';

export type WasmFormat = Extract<AudioFormat, 'mp3' | 'ogg-vorbis' | 'ogg-opus'>;

/** Name and version of each decoder, kept in the store's index; the version changes when the samples would. */
export const WASM_DECODERS: Record<WasmFormat, string> = {
  mp3: 'mpg123-wasm@1',
  'ogg-vorbis': 'libvorbis-wasm@1',
  'ogg-opus': 'libopus-wasm@1',
};

export function isWasmFormat(format: AudioFormat): format is WasmFormat {
  return Object.hasOwn(WASM_DECODERS, format);
}

interface Decoded {
  channelData: Float32Array[];
  samplesDecoded: number;
  sampleRate: number;
  errors: { message: string }[];
}

interface Decoder {
  ready: Promise<void>;
  decode(bytes: Uint8Array): Decoded | Promise<Decoded>;
  decodeFile?(bytes: Uint8Array): Promise<Decoded>;
  free(): void;
}

/**
 * Decodes a whole file.
 * @param bytes the stream from its first byte, without an ID3 tag before Ogg
 * @throws AudioError `E_AUDIO_DAMAGED` if nothing comes out; damaged parts that could be passed over are warnings
 */
export async function decodeWithWasm(format: WasmFormat, bytes: Uint8Array): Promise<DecodedAudio> {
  let decoded: Decoded;
  try {
    decoded = await runDecoder(format, bytes);
  } catch (cause) {
    throw damaged(
      `the ${format} decoder gave up: ${cause instanceof Error ? cause.message : String(cause)}`,
      cause,
    );
  }
  const { channelData, samplesDecoded, sampleRate, errors } = decoded;
  const length = format === 'ogg-opus' ? opusLength(bytes, samplesDecoded) : samplesDecoded;
  const channels = channelData.map((channel) => channel.subarray(0, length));
  const trouble = errors[0]?.message;
  const warnings: string[] = [];
  if (channels.length === 0 || samplesDecoded === 0) {
    throw damaged(`no ${format} audio could be decoded from it${trouble ? ` (${trouble})` : ''}`);
  }
  if (trouble !== undefined) warnings.push(`the ${format} decoder skipped damaged parts: ${trouble}`);
  const cut = format === 'mp3' ? mp3IsCut(bytes, length) : oggIsCut(bytes);
  if (cut) warnings.push(`truncated: the ${format} stream does not reach its own end`);
  return { samples: mixDown(channels), sampleRate, warnings };
}

/** One at a time: the work is synchronous anyway, and `console.error` is swapped meanwhile. */
let turn: Promise<unknown> = Promise.resolve();

function runDecoder(format: WasmFormat, bytes: Uint8Array): Promise<Decoded> {
  const mine = turn.then(() => decodeQuietly(format, bytes));
  turn = mine.catch(() => {});
  return mine;
}

async function decodeQuietly(format: WasmFormat, bytes: Uint8Array): Promise<Decoded> {
  const decoder = await createDecoder(format);
  await decoder.ready;
  // The decoders print what they also return in `errors`; standard error belongs to the progress line.
  const { error: print } = console;
  console.error = (...words: unknown[]) => {
    if (!/libopus|libvorbis|mpg123|wasm-audio-decoders/.test(String(words[0]))) print(...words);
  };
  try {
    return await (decoder.decodeFile ? decoder.decodeFile(bytes) : decoder.decode(bytes));
  } finally {
    console.error = print;
    await decoder.ready;
    decoder.free();
  }
}

/** Loaded on first use: a corpus of WAV files needs none of them. */
async function createDecoder(format: WasmFormat): Promise<Decoder> {
  switch (format) {
    case 'mp3': {
      const { MPEGDecoder } = await import('mpg123-decoder');
      return new MPEGDecoder();
    }
    case 'ogg-vorbis': {
      const { OggVorbisDecoder } = await import('@wasm-audio-decoders/ogg-vorbis');
      return new OggVorbisDecoder();
    }
    case 'ogg-opus': {
      const { OggOpusDecoder } = await import('ogg-opus-decoder');
      return new OggOpusDecoder();
    }
  }
}

function damaged(reason: string, cause?: unknown): AudioError {
  return new AudioError(reason, { code: 'E_AUDIO_DAMAGED', cure: 'Copy or download the file again.', cause });
}

/**
 * Samples of an Opus stream by RFC 7845: the last page's position less the pre-skip. The decoder cuts the end by the
 * position alone, and so leaves as many samples of padding as the pre-skip has; chained and cut streams, whose
 * positions say something else, keep what was decoded.
 */
function opusLength(bytes: Uint8Array, decoded: number): number {
  const stream = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const head = stream.indexOf('OpusHead');
  const page = stream.lastIndexOf('OggS');
  if (head < 0 || head + 12 > stream.length || page < 0 || page + 14 > stream.length) return decoded;
  const preSkip = stream.readUInt16LE(head + 10);
  const length = Number(stream.readBigInt64LE(page + 6)) - preSkip;
  return length > 0 && length < decoded && decoded - length <= preSkip ? length : decoded;
}

/** Whether an Ogg file lacks the page marked as the stream's last, or a part of it. */
function oggIsCut(bytes: Uint8Array): boolean {
  const stream = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const page = stream.lastIndexOf('OggS');
  if (page < 0 || page + 27 > stream.length || (stream[page + 5]! & 4) === 0) return true;
  const segments = stream[page + 26]!;
  let end = page + 27 + segments;
  for (let i = 0; i < segments; i++) end += stream[page + 27 + i] ?? 0;
  return end > stream.length;
}

/** Samples that gapless decoding may take off both ends: the encoder's delay and its padding. */
const MP3_DELAY = 3_000;

/** Whether fewer samples came out than the encoder's Xing or Info frame, if there is one, counts frames. */
function mp3IsCut(bytes: Uint8Array, decoded: number): boolean {
  const stream = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (const name of ['Xing', 'Info']) {
    const at = stream.indexOf(name);
    // The lowest flag says that the count of frames follows; a tag may hold the word by chance, hence both checks.
    if (at < 0 || at + 12 > stream.length || stream.readUInt32BE(at + 4) > 15 || (stream[at + 7]! & 1) === 0)
      continue;
    // 576 samples a frame is the least that any layer III stream has.
    return stream.readUInt32BE(at + 8) * 576 > decoded + MP3_DELAY;
  }
  return false;
}
