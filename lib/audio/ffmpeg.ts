/** ffmpeg as a child process, for every format that is not decoded inside this process. */
import { execFile, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { InterruptedError, RuntimeError } from '../errors.js';
import { AudioError } from './audio-error.js';
import type { DecodedAudio } from './pcm.js';
import { readWav } from './wav.js';

export interface Ffmpeg {
  /** Program to run: a path, or the bare name if it was found on PATH. */
  path: string;
  /** As ffmpeg prints it: `7.0.2`, `5.1.9-0+deb12u1`, `N-12345-gabcdef`. */
  version: string;
  source: 'FFMPEG_BIN' | 'ffmpeg-static' | 'PATH';
}

export interface FfmpegOptions {
  signal?: AbortSignal;
  /** Time limit of one file in milliseconds. */
  timeoutMs?: number;
}

export const DECODE_TIMEOUT_MS = 120_000;
/** What a person without ffmpeg has to do. */
export const FFMPEG_CURE =
  'Install ffmpeg (`apt install ffmpeg`, `brew install ffmpeg`), or set FFMPEG_BIN to its path, or convert the files to WAV or FLAC.';
/** Float32 output; about an hour and a half at 48 kHz mono. A longer file is no utterance. */
const MAX_OUTPUT_BYTES = 1 << 30;
const STDERR_TAIL = 2_000;

const located = new Map<string, Promise<Ffmpeg | undefined>>();

/**
 * Finds ffmpeg: `FFMPEG_BIN`, then the optional package ffmpeg-static, then PATH. The answer is kept for the process.
 * @returns undefined if there is none
 * @throws RuntimeError `E_FFMPEG_BIN` if FFMPEG_BIN is set and names no working ffmpeg: a wish is not passed over in silence
 */
export function locateFfmpeg(): Promise<Ffmpeg | undefined> {
  const key = `${process.env.FFMPEG_BIN ?? ''}\n${process.env.PATH ?? ''}`;
  let found = located.get(key);
  if (found === undefined) {
    found = search();
    located.set(key, found);
  }
  return found;
}

async function search(): Promise<Ffmpeg | undefined> {
  const wished = process.env.FFMPEG_BIN;
  if (wished) {
    const version = await versionOf(wished);
    if (version === undefined) {
      throw new RuntimeError(`FFMPEG_BIN names ${wished}, which does not answer as ffmpeg does`, {
        code: 'E_FFMPEG_BIN',
        cure: 'Set FFMPEG_BIN to an ffmpeg program, or unset it.',
      });
    }
    return { path: wished, version, source: 'FFMPEG_BIN' };
  }
  const bundled = await staticBinary();
  if (bundled !== undefined) {
    const version = await versionOf(bundled);
    if (version !== undefined) return { path: bundled, version, source: 'ffmpeg-static' };
  }
  const version = await versionOf('ffmpeg');
  return version === undefined ? undefined : { path: 'ffmpeg', version, source: 'PATH' };
}

/** The package may be absent (it is optional), or present without its program (install scripts may be switched off). */
async function staticBinary(): Promise<string | undefined> {
  // In a variable, because the type checker must not look for a package that may not be installed.
  const name = 'ffmpeg-static';
  try {
    const module = (await import(name)) as { default?: unknown };
    const path = module.default;
    return typeof path === 'string' && existsSync(path) ? path : undefined;
  } catch {
    return undefined;
  }
}

function versionOf(program: string): Promise<string | undefined> {
  return new Promise((resolve) => {
    execFile(program, ['-version'], { timeout: 10_000 }, (error, stdout) => {
      resolve(error ? undefined : /^ffmpeg version (\S+)/.exec(stdout)?.[1]);
    });
  });
}

/**
 * Decodes the first audio stream of a file at its own rate, in float32, channels averaged by us: ffmpeg's own mixing
 * weighs surround channels and its resampler differs between versions.
 * @throws AudioError naming ffmpeg's last words, or `E_DECODE_TIMEOUT`; InterruptedError when `signal` fires
 */
export async function decodeWithFfmpeg(
  ffmpeg: Ffmpeg,
  path: string,
  options: FfmpegOptions = {},
): Promise<DecodedAudio> {
  const args = [
    ...['-nostdin', '-hide_banner', '-loglevel', 'error'],
    // Playlists may name addresses; nothing but local files and our own pipe is opened.
    ...['-protocol_whitelist', 'file,pipe', '-i', `file:${path}`],
    ...['-map', '0:a:0', '-vn', '-sn', '-dn', '-map_metadata', '-1'],
    ...['-c:a', 'pcm_f32le', '-f', 'wav', 'pipe:1'],
  ];
  const wav = await runFfmpeg(ffmpeg.path, args, options);
  return readWav(wav, { streamed: true });
}

/** Runs ffmpeg and collects its output; resolves only when the process has ended well. */
function runFfmpeg(program: string, args: string[], options: FfmpegOptions): Promise<Buffer> {
  const { signal, timeoutMs = DECODE_TIMEOUT_MS } = options;
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(interrupted());
    const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'], windowsHide: true });
    const chunks: Buffer[] = [];
    let bytes = 0;
    let stderr = '';
    /** Why we killed it, if we did; told once the process is gone, so that none outlives its caller. */
    let verdict: Error | undefined;
    const kill = (reason: Error) => {
      verdict ??= reason;
      child.kill('SIGKILL');
    };
    const onAbort = () => kill(interrupted());
    signal?.addEventListener('abort', onAbort, { once: true });
    const timer = setTimeout(() => {
      kill(
        new AudioError(`ffmpeg did not finish within ${timeoutMs / 1000} s`, {
          code: 'E_DECODE_TIMEOUT',
          cure: 'Check the file; if it is only long, cut it into utterances.',
          transient: true,
        }),
      );
    }, timeoutMs);
    const settle = () => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', onAbort);
    };
    child.stdout.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
      chunks.push(chunk);
      if (bytes > MAX_OUTPUT_BYTES) {
        kill(
          new AudioError('it is hours long, not an utterance', { code: 'E_AUDIO_TOO_LONG', cure: 'Cut it.' }),
        );
      }
    });
    child.stderr.on('data', (chunk: Buffer) => {
      stderr = (stderr + chunk.toString('utf8')).slice(-STDERR_TAIL);
    });
    child.on('error', (cause) => {
      settle();
      reject(
        new AudioError(`ffmpeg could not be started (${cause.message})`, {
          code: 'E_NO_DECODER',
          cure: FFMPEG_CURE,
          cause,
          transient: true,
        }),
      );
    });
    child.on('close', (code, killedBy) => {
      settle();
      if (verdict !== undefined) return reject(verdict);
      if (code === 0) return resolve(Buffer.concat(chunks));
      const words = lastWords(stderr);
      const end = code === null ? `was killed by ${killedBy}` : `ended with code ${code}`;
      reject(
        new AudioError(`ffmpeg cannot decode it: ${words || end}`, {
          code: 'E_FFMPEG',
          cure: 'Check that the file plays; copy it again or leave it out.',
          transient: code === null,
        }),
      );
    });
  });
}

/** The last lines of ffmpeg's log, without its memory addresses. */
function lastWords(stderr: string): string {
  const lines = stderr
    .split(/\r?\n/)
    .map((line) => line.replace(/^\[[^\]]* @ 0x[0-9a-f]+\]\s*/i, '').trim())
    .filter((line) => line !== '');
  return lines.slice(-3).join('; ');
}

function interrupted(): InterruptedError {
  return new InterruptedError('Decoding was stopped', { code: 'E_INTERRUPTED' });
}
