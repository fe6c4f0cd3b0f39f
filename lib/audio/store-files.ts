/** The store's files on disk: written under a name of their own, made durable, then renamed; swept when abandoned. */
import { createHash, randomBytes } from 'node:crypto';
import { type FileHandle, mkdir, open, readdir, rename, rm, stat, utimes } from 'node:fs/promises';
import { endianness, hostname } from 'node:os';
import { join } from 'node:path';
import { DataError, hasCode } from '../errors.js';
import { formatIndex, INDEX_FILE, type StoreIndex } from './store-index.js';

const HOST = createHash('sha256').update(hostname()).digest('hex').slice(0, 8);
const DAY_MS = 86_400_000;

/** Unique to this process and call, so builds that run side by side never share a file. */
function partialName(): string {
  return `partial-${HOST}-${process.pid}-${randomBytes(4).toString('hex')}`;
}

/** Turns a failed write into a sentence with its cure. */
function storageError(cause: unknown, directory: string): unknown {
  const fail = (code: string, what: string, cure: string) =>
    new DataError(`The decoded audio cannot be stored in ${directory}: ${what}`, { code, cure, cause });
  const elsewhere = 'or set SER_CACHE to another folder';
  if (hasCode(cause, 'ENOSPC', 'EDQUOT'))
    return fail('E_DISK_FULL', 'the disk is full', `Free some space, ${elsewhere}.`);
  if (hasCode(cause, 'EFBIG'))
    return fail('E_DISK_FULL', 'the file is too large for this disk', `Raise the limit, ${elsewhere}.`);
  if (hasCode(cause, 'EACCES', 'EPERM', 'EROFS')) {
    return fail(
      'E_CACHE_READ_ONLY',
      'it may not be written to',
      `Give yourself the right to write there, ${elsewhere}.`,
    );
  }
  if (hasCode(cause, 'ENOTDIR', 'EEXIST')) {
    return fail('E_CACHE_PATH', 'a file stands where a folder should', `Remove that file, ${elsewhere}.`);
  }
  return cause;
}

async function storing<T>(directory: string, action: () => Promise<T>): Promise<T> {
  try {
    return await action();
  } catch (error) {
    throw storageError(error, directory);
  }
}

/** The packed file while it grows. `commit` or `discard` ends it. */
export class PackedWriter {
  #length = 0;

  private constructor(
    private readonly directory: string,
    private readonly partial: string,
    private readonly file: FileHandle,
  ) {}

  static open(directory: string): Promise<PackedWriter> {
    return storing(directory, async () => {
      await mkdir(directory, { recursive: true });
      const partial = join(directory, partialName());
      return new PackedWriter(directory, partial, await open(partial, 'wx'));
    });
  }

  /** Samples written. */
  get length(): number {
    return this.#length;
  }

  /** Appends samples; resolves to the offset of the first. */
  async append(samples: Int16Array): Promise<number> {
    const bytes = littleEndian(samples);
    const offset = this.#length;
    await storing(this.directory, async () => {
      // A write may take only a part when the disk is nearly full; the next one then tells why.
      for (let at = 0; at < bytes.length; ) {
        at += (await this.file.write(bytes, at, bytes.length - at)).bytesWritten;
      }
    });
    this.#length += samples.length;
    return offset;
  }

  /** Makes the file durable and gives it its name. */
  commit(name: string): Promise<string> {
    return storing(this.directory, async () => {
      await this.file.sync();
      await this.file.close();
      const path = join(this.directory, name);
      await rename(this.partial, path);
      return path;
    });
  }

  async discard(): Promise<void> {
    await this.file.close().catch(() => {});
    await rm(this.partial, { force: true }).catch(() => {});
  }
}

/** Replaces the index; readers see the old one or the new one, whole. */
export function writeIndex(directory: string, index: StoreIndex): Promise<void> {
  return writeStoreFile(directory, INDEX_FILE, formatIndex(index));
}

/** Replaces a file of the store, likewise. */
export function writeStoreFile(directory: string, name: string, text: string): Promise<void> {
  return storing(directory, async () => {
    await mkdir(directory, { recursive: true });
    const partial = join(directory, partialName());
    try {
      const file = await open(partial, 'wx');
      try {
        await file.writeFile(text);
        await file.sync();
      } finally {
        await file.close();
      }
      await rename(partial, join(directory, name));
    } catch (error) {
      await rm(partial, { force: true }).catch(() => {});
      throw error;
    }
    await syncDirectory(directory);
  });
}

/** Makes the renames durable; some file systems refuse to, and then have no need of it. */
async function syncDirectory(directory: string): Promise<void> {
  const handle = await open(directory, 'r').catch(() => undefined);
  try {
    await handle?.sync();
  } catch {
    // Nothing a user could do, and both files are complete.
  } finally {
    await handle?.close();
  }
}

/** Starts the day of grace of a packed file that a new index no longer names: another process may still read it. */
export async function retire(path: string): Promise<void> {
  const now = new Date();
  await utimes(path, now, now).catch(() => {});
}

/** Removes what killed builds and replaced stores left behind. Never fails: it only saves space. */
export async function sweep(directory: string, current: string): Promise<void> {
  const names = await readdir(directory).catch(() => [] as string[]);
  for (const name of names) {
    const path = join(directory, name);
    const partial = /^partial-([0-9a-f]{8})-(\d+)-/.exec(name);
    let dead = false;
    if (partial !== null && partial[1] === HOST) {
      dead = Number(partial[2]) !== process.pid && !isAlive(Number(partial[2]));
    } else if (partial !== null || (/^samples-[0-9a-f]{16}\.i16$/.test(name) && name !== current)) {
      const age = await stat(path).then(
        ({ mtimeMs }) => Date.now() - mtimeMs,
        () => 0,
      );
      dead = age > DAY_MS;
    }
    if (dead) await rm(path, { force: true }).catch(() => {});
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return !hasCode(error, 'ESRCH');
  }
}

const SWAP = endianness() === 'BE';

/** The bytes of samples as stored; a copy only on big-endian machines. */
export function littleEndian(samples: Int16Array): Buffer {
  const bytes = Buffer.from(samples.buffer, samples.byteOffset, samples.byteLength);
  return SWAP ? Buffer.from(bytes).swap16() : bytes;
}

/** Samples from stored bytes; `bytes` begins at an even address, as fresh allocations do. */
export function fromLittleEndian(bytes: Buffer): Int16Array {
  if (SWAP) bytes.swap16();
  return new Int16Array(bytes.buffer, bytes.byteOffset, bytes.length / 2);
}
