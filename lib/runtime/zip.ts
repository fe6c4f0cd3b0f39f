/**
 * A reader for zip archives (wheels and libtorch archives), so that unpacking needs no Python and no program on PATH. Reads the
 * central directory, streams single entries, checks lengths and CRC-32, knows zip64, stored and deflated entries, and nothing
 * else. Source: PKWARE APPNOTE 6.3.10, sections 4.3 and 4.5.3.
 */

import { createReadStream } from 'node:fs';
import { type FileHandle, mkdir, open } from 'node:fs/promises';
import { dirname } from 'node:path';
import { Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { crc32, createInflateRaw } from 'node:zlib';
import { RuntimeError } from '../errors.js';

export interface ZipEntry {
  /** Path inside the archive, with `/`. */
  name: string;
  /** Unpacked length, bytes. */
  size: number;
  compressedSize: number;
  crc: number;
  /** 0 = stored, 8 = deflated. */
  method: number;
  /** Of the local header. */
  offset: number;
  /** Unix permission bits, 0 when the archive has none. */
  mode: number;
}

const END_SIGNATURE = 0x06054b50;
const END64_SIGNATURE = 0x06064b50;
const LOCATOR64_SIGNATURE = 0x07064b50;
const CENTRAL_SIGNATURE = 0x02014b50;
const LOCAL_SIGNATURE = 0x04034b50;
const END_BYTES = 22;
const LOCATOR64_BYTES = 20;
const LOCAL_BYTES = 30;
const MAX_COMMENT = 0xffff;

export class ZipArchive implements AsyncDisposable {
  private constructor(
    readonly path: string,
    private readonly file: FileHandle,
    readonly entries: readonly ZipEntry[],
  ) {}

  /** Throws RuntimeError `E_ARCHIVE` when the file is no zip archive or is truncated. */
  static async open(path: string): Promise<ZipArchive> {
    const file = await open(path, 'r');
    try {
      return new ZipArchive(path, file, await readDirectory(path, file));
    } catch (error) {
      await file.close();
      throw error;
    }
  }

  /** Unpacks one entry to `target`, creating its folder. `onBytes` is told of each piece written. */
  async extract(
    entry: ZipEntry,
    target: string,
    onBytes?: (bytes: number) => void,
    signal?: AbortSignal,
  ): Promise<void> {
    if (entry.method !== 0 && entry.method !== 8)
      throw damaged(this.path, `${entry.name} is packed with method ${entry.method}`);
    // Name and extra field of the local header may differ in length from those of the directory.
    const local = await readAt(this.path, this.file, entry.offset, LOCAL_BYTES);
    if (local.readUInt32LE(0) !== LOCAL_SIGNATURE)
      throw damaged(this.path, `${entry.name} has no header at its offset`);
    const start = entry.offset + LOCAL_BYTES + local.readUInt16LE(26) + local.readUInt16LE(28);
    let crc = 0;
    let size = 0;
    const check = new Transform({
      transform(chunk: Buffer, _encoding, done) {
        crc = crc32(chunk, crc);
        size += chunk.length;
        onBytes?.(chunk.length);
        done(null, chunk);
      },
    });
    await mkdir(dirname(target), { recursive: true });
    // Opened before anything can fail: a stream that opens it itself may do so after its caller has removed the folder.
    const opened = await open(target, 'w', entry.mode & 0o111 ? 0o755 : 0o644);
    const sink = opened.createWriteStream({ highWaterMark: 1 << 20 });
    if (entry.compressedSize === 0) {
      await pipeline([], check, sink, { signal });
    } else {
      const source = createReadStream(this.path, {
        start,
        end: start + entry.compressedSize - 1,
        highWaterMark: 1 << 20,
      });
      try {
        if (entry.method === 8)
          await pipeline(source, createInflateRaw({ chunkSize: 1 << 18 }), check, sink, { signal });
        else await pipeline(source, check, sink, { signal });
      } catch (error) {
        if (isDeflateError(error)) throw damaged(this.path, `${entry.name} does not inflate`);
        throw error;
      }
    }
    if (size !== entry.size || crc !== entry.crc)
      throw damaged(this.path, `${entry.name} has another length or checksum than listed`);
  }

  async close(): Promise<void> {
    await this.file.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}

async function readDirectory(path: string, file: FileHandle): Promise<ZipEntry[]> {
  const { size } = await file.stat();
  if (size < END_BYTES) throw damaged(path, 'it is too short');
  const tailLength = Math.min(size, END_BYTES + MAX_COMMENT + LOCATOR64_BYTES);
  const tail = await readAt(path, file, size - tailLength, tailLength);
  let end = tail.length - END_BYTES;
  while (end >= 0 && tail.readUInt32LE(end) !== END_SIGNATURE) end--;
  if (end < 0) throw damaged(path, 'it has no directory at its end (truncated, or no zip archive)');
  let count = tail.readUInt16LE(end + 10);
  let length = tail.readUInt32LE(end + 12);
  let offset = tail.readUInt32LE(end + 16);
  const locator = end - LOCATOR64_BYTES;
  if (locator >= 0 && tail.readUInt32LE(locator) === LOCATOR64_SIGNATURE) {
    const end64 = await readAt(path, file, toNumber(tail.readBigUInt64LE(locator + 8)), 56);
    if (end64.readUInt32LE(0) !== END64_SIGNATURE) throw damaged(path, 'its zip64 directory is missing');
    count = toNumber(end64.readBigUInt64LE(32));
    length = toNumber(end64.readBigUInt64LE(40));
    offset = toNumber(end64.readBigUInt64LE(48));
  }
  if (offset + length > size) throw damaged(path, 'its directory lies outside of the file (truncated?)');
  const directory = await readAt(path, file, offset, length);
  const entries: ZipEntry[] = [];
  let at = 0;
  for (let i = 0; i < count; i++) {
    if (at + 46 > directory.length || directory.readUInt32LE(at) !== CENTRAL_SIGNATURE)
      throw damaged(path, 'its directory is damaged');
    const nameLength = directory.readUInt16LE(at + 28);
    const extraLength = directory.readUInt16LE(at + 30);
    const commentLength = directory.readUInt16LE(at + 32);
    const nameAt = at + 46;
    const entry: ZipEntry = {
      name: directory.toString('utf8', nameAt, nameAt + nameLength),
      method: directory.readUInt16LE(at + 10),
      crc: directory.readUInt32LE(at + 16),
      compressedSize: directory.readUInt32LE(at + 20),
      size: directory.readUInt32LE(at + 24),
      offset: directory.readUInt32LE(at + 42),
      mode: (directory.readUInt32LE(at + 38) >>> 16) & 0o777,
    };
    readZip64Sizes(entry, directory.subarray(nameAt + nameLength, nameAt + nameLength + extraLength));
    refuseEscape(path, entry.name);
    entries.push(entry);
    at = nameAt + nameLength + extraLength + commentLength;
  }
  return entries;
}

/** Fields that do not fit 32 bits are 0xffffffff in the entry and follow in extra field 1, in this order. */
function readZip64Sizes(entry: ZipEntry, extra: Buffer): void {
  for (let at = 0; at + 4 <= extra.length; ) {
    const id = extra.readUInt16LE(at);
    const length = extra.readUInt16LE(at + 2);
    if (id === 1) {
      let field = at + 4;
      for (const key of ['size', 'compressedSize', 'offset'] as const) {
        if (entry[key] !== 0xffffffff || field + 8 > extra.length) continue;
        entry[key] = toNumber(extra.readBigUInt64LE(field));
        field += 8;
      }
    }
    at += 4 + length;
  }
}

/** An archive must not write outside of the folder it is unpacked to. */
function refuseEscape(path: string, name: string): void {
  if (name.startsWith('/') || name.includes('\\') || name.includes('\0') || name.split('/').includes('..')) {
    throw damaged(path, `it has an entry with an unsafe path (${JSON.stringify(name)})`);
  }
}

async function readAt(path: string, file: FileHandle, position: number, length: number): Promise<Buffer> {
  const buffer = Buffer.alloc(length);
  const { bytesRead } = await file.read(buffer, 0, length, position);
  if (bytesRead !== length) throw damaged(path, 'it ends too early');
  return buffer;
}

function toNumber(value: bigint): number {
  return value > BigInt(Number.MAX_SAFE_INTEGER) ? Number.MAX_SAFE_INTEGER : Number(value);
}

function damaged(path: string, reason: string): RuntimeError {
  return new RuntimeError(`${path} cannot be unpacked: ${reason}.`, {
    code: 'E_ARCHIVE',
    cure: 'Fetch the file again; the copy is incomplete or not a wheel or zip archive.',
  });
}

/** zlib's errors have codes of their own, `Z_DATA_ERROR` and so on. */
function isDeflateError(error: unknown): boolean {
  return (
    typeof error === 'object' && error !== null && 'code' in error && String(error.code).startsWith('Z_')
  );
}
