/** Compresses a stream into a file with xz or gzip, counting what comes out. */
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { open } from 'node:fs/promises';
import { Readable, Transform, type Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';
import { hasCode, RuntimeError } from '../errors.js';
import { runCommand } from '../runtime/run-command.js';

export type Compression = 'xz' | 'gz';

export interface Compressed {
  bytes: number;
  /** Hexadecimal. */
  sha256: string;
}

export interface CompressOptions {
  signal?: AbortSignal;
  /** Hears of every piece that was taken in, in bytes. */
  onTaken?: (bytes: number) => void;
  /** Asked after every piece that came out; what it throws ends the work. */
  onWritten?: (bytes: number) => void;
}

export async function hasXz(env: NodeJS.ProcessEnv): Promise<boolean> {
  return (await runCommand('xz', ['--version'], { env, timeoutMs: 20_000 })).status === 0;
}

/**
 * @throws RuntimeError `E_BUNDLE_XZ` where xz fails; what the source, the disk or `onWritten` throws
 */
export async function compressTo(
  file: string,
  source: AsyncIterable<Buffer>,
  compression: Compression,
  { signal, onTaken, onWritten }: CompressOptions = {},
): Promise<Compressed> {
  const hash = createHash('sha256');
  let bytes = 0;
  const count = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      bytes += chunk.length;
      hash.update(chunk);
      try {
        onWritten?.(bytes);
        done(null, chunk);
      } catch (error) {
        done(error as Error);
      }
    },
  });
  const taken = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      onTaken?.(chunk.length);
      done(null, chunk);
    },
  });
  const input = Readable.from(source);
  // Opened before anything can fail: a stream that opens it itself may do so after its caller has removed what is left.
  const output = (await open(file, 'w')).createWriteStream();
  if (compression === 'gz') {
    await pipeline(input, taken, createGzip({ level: 9 }), count, output, { signal });
  } else {
    await throughXz(input, taken, count, output, signal);
  }
  return { bytes, sha256: hash.digest('hex') };
}

async function throughXz(
  input: Readable,
  taken: Transform,
  count: Transform,
  output: Writable,
  signal: AbortSignal | undefined,
): Promise<void> {
  // All cores: a bundle with weights takes minutes on one.
  const child = spawn('xz', ['-6', '--threads=0', '--stdout'], { stdio: ['pipe', 'pipe', 'pipe'] });
  let said = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    said = (said + text).slice(-2000);
  });
  const ended = new Promise<string | undefined>((resolve) => {
    child.once('error', (error) => resolve(error.message));
    child.once('close', (status, by) => resolve(status === 0 ? undefined : said.trim() || `${status ?? by}`));
  });
  // A full disk or a limit that is passed must not wait until xz has taken all of its input.
  const stop = new AbortController();
  const both = signal === undefined ? stop.signal : AbortSignal.any([signal, stop.signal]);
  const first: Error[] = [];
  const watched = (work: Promise<void>): Promise<void> =>
    work.catch((error: Error) => {
      first.push(error);
      stop.abort();
    });
  await Promise.all([
    watched(pipeline(input, taken, child.stdin, { signal: both })),
    watched(pipeline(child.stdout, count, output, { signal: both })),
  ]);
  if (first.length > 0) child.kill();
  const problem = await ended;
  // That xz went away shows as a broken pipe; its own words say why.
  const [cause] = first;
  if (cause !== undefined && !hasCode(cause, 'EPIPE')) throw cause;
  if (problem !== undefined) {
    throw new RuntimeError(`xz failed: ${problem}`, {
      code: 'E_BUNDLE_XZ',
      cure: 'Name an archive that ends in .tar.gz with --out; it needs no program.',
      cause,
    });
  }
}
