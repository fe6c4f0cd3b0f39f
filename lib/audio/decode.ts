/** From a file or bytes of any audio format to what the store keeps: 16 kHz, mono, int16; or the reason why not. */
import { createHash, randomUUID } from 'node:crypto';
import { readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { hasCode, InterruptedError } from '../errors.js';
import { AudioError } from './audio-error.js';
import { decodeWithFfmpeg, FFMPEG_CURE, type FfmpegOptions, locateFfmpeg } from './ffmpeg.js';
import { decodeFlac, FLAC_DECODER, flacLength } from './flac.js';
import { type DecodedAudio, toInt16 } from './pcm.js';
import { MAX_RATE, MIN_RATE, resampleTo16k } from './resample.js';
import { sniffFormat } from './sniff.js';
import { MIN_SAMPLES, SAMPLE_RATE } from './types.js';
import { decodeWithWasm, isWasmFormat, WASM_DECODERS } from './wasm.js';
import { readWav, WAV_DECODER } from './wav.js';

export type DecodeOptions = FfmpegOptions;

export interface DecodedFile {
  /** 16 kHz, mono. */
  samples: Int16Array<ArrayBuffer>;
  /** What was odd about the file and how it was read all the same. */
  warnings: string[];
  /** Decoder and version: `wav@1`, `flac@1`, `ffmpeg@7.0.2`. */
  decoder: string;
  /** Of the file's bytes, in hexadecimal. */
  fileSha256: string;
  /** Hertz of the file itself, before it was brought to 16 kHz. */
  sourceRate: number;
}

/** Utterances are seconds long; this is some three hours of 16-bit audio at 48 kHz. */
const MAX_FILE_BYTES = 1 << 30;

/**
 * Decodes an audio file. Its content decides the decoder, not its name: WAV and FLAC are read here, MP3 and Ogg by
 * WebAssembly decoders in this process, everything else by ffmpeg. 16-bit mono WAV and FLAC at 16 kHz keep every bit.
 * @throws AudioError (a DataError) naming the reason: missing, empty, damaged, shorter than 400 samples, all zero, NaN;
 *   InterruptedError when `signal` fires
 */
export async function decodeFile(path: string, options: DecodeOptions = {}): Promise<DecodedFile> {
  try {
    const bytes = await readAudioFile(path, options.signal);
    return await decode(bytes, path, options);
  } catch (error) {
    throw error instanceof AudioError && error.path === undefined ? error.at(path) : error;
  }
}

/** As `decodeFile`, for bytes in memory. */
export function decodeBuffer(bytes: Uint8Array, options: DecodeOptions = {}): Promise<DecodedFile> {
  return decode(bytes, undefined, options);
}

/**
 * Sample rate and length of an audio file as it lies there, before it becomes what the store keeps. A FLAC file is asked for
 * them; others are decoded.
 * @throws AudioError as `decodeFile`
 */
export async function measureFile(path: string): Promise<{ sampleRate: number; frames: number }> {
  try {
    const bytes = await readAudioFile(path);
    const { format, start } = sniffFormat(bytes);
    const known = format === 'flac' ? flacLength(bytes.subarray(start)) : undefined;
    if (known !== undefined) return known;
    const { audio } = await decodeSource(bytes, path, {});
    return { sampleRate: audio.sampleRate, frames: audio.samples.length };
  } catch (error) {
    throw error instanceof AudioError && error.path === undefined ? error.at(path) : error;
  }
}

async function readAudioFile(path: string, signal?: AbortSignal): Promise<Buffer> {
  try {
    const { size } = await stat(path);
    if (size > MAX_FILE_BYTES) {
      throw new AudioError(`it has ${size} bytes: not an utterance`, {
        code: 'E_AUDIO_TOO_LONG',
        cure: 'Cut it into utterances.',
      });
    }
    return await readFile(path, { signal });
  } catch (error) {
    if (signal?.aborted) throw interrupted();
    if (error instanceof AudioError) throw error;
    throw unreadable(error);
  }
}

/** A sentence for each way in which a file cannot be opened. */
export function unreadable(cause: unknown): AudioError {
  const [reason, cure] = hasCode(cause, 'ENOENT', 'ENOTDIR')
    ? ['the file does not exist', 'Check the path, or fetch the missing part of the corpus.']
    : hasCode(cause, 'EACCES', 'EPERM')
      ? ['the file may not be read', 'Give yourself the right to read it (`chmod u+r`).']
      : hasCode(cause, 'EISDIR')
        ? ['it is a folder, not a file', 'Name an audio file.']
        : [`the file cannot be read (${cause instanceof Error ? cause.message : String(cause)})`, undefined];
  return new AudioError(reason, { code: 'E_AUDIO_UNREADABLE', cure, cause, transient: true });
}

async function decode(
  bytes: Uint8Array,
  path: string | undefined,
  options: DecodeOptions,
): Promise<DecodedFile> {
  if (options.signal?.aborted) throw interrupted();
  if (bytes.length === 0) {
    throw new AudioError('the file is empty (0 bytes)', {
      code: 'E_AUDIO_EMPTY',
      cure: 'Copy or download the file again.',
    });
  }
  const { audio, decoder } = await decodeSource(bytes, path, options);
  const { samples, warnings } = toStoreFormat(audio);
  const fileSha256 = createHash('sha256').update(bytes).digest('hex');
  return { samples, warnings, decoder, fileSha256, sourceRate: audio.sampleRate };
}

/** Chooses the decoder. */
async function decodeSource(
  bytes: Uint8Array,
  path: string | undefined,
  options: DecodeOptions,
): Promise<{ audio: DecodedAudio; decoder: string }> {
  const { format, start, notAudio } = sniffFormat(bytes);
  if (notAudio !== undefined) {
    throw new AudioError(notAudio.reason, { code: 'E_NOT_AUDIO', cure: notAudio.cure });
  }
  let what = 'its format is not WAV, FLAC, MP3 or Ogg';
  if (format === 'wav') {
    try {
      return { audio: readWav(bytes.subarray(start)), decoder: WAV_DECODER };
    } catch (error) {
      if (!(error instanceof AudioError) || error.code !== 'E_WAV_CODEC') throw error;
      what = error.reason;
    }
  } else if (format === 'flac') {
    return { audio: decodeFlac(bytes.subarray(start)), decoder: FLAC_DECODER };
  } else if (isWasmFormat(format)) {
    // MP3 decoders read the tag themselves; the gapless information follows it.
    const stream = format === 'mp3' ? bytes : bytes.subarray(start);
    return { audio: await decodeWithWasm(format, stream), decoder: WASM_DECODERS[format] };
  }
  const ffmpeg = await locateFfmpeg();
  if (ffmpeg === undefined) {
    throw new AudioError(`${what}, so it needs ffmpeg, and none was found`, {
      code: 'E_NO_DECODER',
      cure: FFMPEG_CURE,
      transient: true,
    });
  }
  const decoder = `ffmpeg@${ffmpeg.version}`;
  if (path !== undefined) return { audio: await decodeWithFfmpeg(ffmpeg, resolve(path), options), decoder };
  // Not through a pipe: MP4 and others keep their index at the end, and ffmpeg has to seek.
  const temporary = join(tmpdir(), `ser-native-${randomUUID()}`);
  try {
    await writeFile(temporary, bytes, { mode: 0o600 });
    return { audio: await decodeWithFfmpeg(ffmpeg, temporary, options), decoder };
  } finally {
    await rm(temporary, { force: true });
  }
}

/** Resamples, rounds, and refuses audio that no model can learn from. */
export function toStoreFormat(audio: DecodedAudio): { samples: Int16Array<ArrayBuffer>; warnings: string[] } {
  const { sampleRate } = audio;
  if (!Number.isInteger(sampleRate) || sampleRate < MIN_RATE || sampleRate > MAX_RATE) {
    throw new AudioError(
      `its header gives a sample rate of ${sampleRate} Hz, expected ${MIN_RATE} to ${MAX_RATE}`,
      { code: 'E_AUDIO_DAMAGED', cure: 'Copy or download the file again.' },
    );
  }
  let notFinite = 0;
  // NaN and the infinities are the values that do not vanish when subtracted from themselves.
  for (const sample of audio.samples) if (sample - sample !== 0) notFinite++;
  if (notFinite > 0) {
    throw new AudioError(
      `${notFinite} of its ${audio.samples.length} samples are not numbers (NaN or infinite)`,
      {
        code: 'E_AUDIO_NAN',
        cure: 'Export it again; the program that wrote it failed.',
      },
    );
  }
  const { samples, clipped } = toInt16(resampleTo16k(audio.samples, sampleRate));
  if (samples.length < MIN_SAMPLES) {
    throw new AudioError(
      `it has ${samples.length} samples at ${SAMPLE_RATE / 1000} kHz, expected at least ${MIN_SAMPLES} (25 ms)`,
      { code: 'E_AUDIO_SHORT', cure: 'Leave it out.' },
    );
  }
  if (samples.every((sample) => sample === 0)) {
    throw new AudioError('all its samples are zero', { code: 'E_AUDIO_SILENT', cure: 'Leave it out.' });
  }
  const warnings = [...audio.warnings];
  if (clipped > 0) warnings.push(`clipped: ${clipped} samples lay beyond full scale`);
  return { samples, warnings };
}

function interrupted(): InterruptedError {
  return new InterruptedError('Decoding was stopped', { code: 'E_INTERRUPTED' });
}
