/**
 * Writes tar archives in the pax format of POSIX.1-2001: ustar headers, and an extended header before an entry whose name or
 * size a ustar header cannot hold. Times, owners and modes say nothing of the machine, so the same files give the same bytes.
 */
import { open } from 'node:fs/promises';
import { DataError } from '../errors.js';

export interface TarEntry {
  /** Path in the archive, with `/`. */
  name: string;
  /** Of the content, in bytes. */
  size: number;
  executable: boolean;
  /** File that holds the content, or the content. */
  content: string | Buffer;
}

const BLOCK = 512;
const NAME_BYTES = 100;
/** Eleven octal digits. */
const LARGEST_USTAR = 8 ** 11 - 1;
const CHUNK = 1 << 20;
/** 2000-01-01: some tools warn of files from 1970. */
const TIME = 946_684_800;

/**
 * The bytes of an archive of these entries, in their order.
 *
 * @throws DataError `E_BUNDLE_CHANGED` where a file has another size than its entry says: it changes under the reader
 */
export async function* tarBytes(entries: Iterable<TarEntry>): AsyncGenerator<Buffer> {
  for (const entry of entries) {
    yield headers(entry);
    if (typeof entry.content === 'string') yield* fileBytes(entry.content, entry.size);
    else yield entry.content;
    yield padding(entry.size);
  }
  yield Buffer.alloc(2 * BLOCK);
}

async function* fileBytes(path: string, size: number): AsyncGenerator<Buffer> {
  const file = await open(path, 'r');
  try {
    let left = size;
    while (left > 0) {
      // A buffer of its own for each chunk: a stream further on may still hold the one before.
      const { bytesRead, buffer } = await file.read(Buffer.allocUnsafe(Math.min(CHUNK, left)));
      if (bytesRead === 0) break;
      left -= bytesRead;
      yield buffer.subarray(0, bytesRead);
    }
    const more = await file.read(Buffer.allocUnsafe(1));
    if (left > 0 || more.bytesRead > 0) {
      throw new DataError(`${path} changed while it was read`, {
        code: 'E_BUNDLE_CHANGED',
        cure: 'Run it again when nothing else writes there.',
      });
    }
  } finally {
    await file.close();
  }
}

function headers({ name, size, executable }: TarEntry): Buffer {
  const mode = executable ? 0o755 : 0o644;
  const records: string[] = [];
  if (Buffer.byteLength(name) > NAME_BYTES || /[^\x20-\x7e]/.test(name))
    records.push(paxRecord('path', name));
  if (size > LARGEST_USTAR) records.push(paxRecord('size', String(size)));
  const own = header(asciiName(name), Math.min(size, LARGEST_USTAR), mode, '0');
  if (records.length === 0) return own;
  const body = Buffer.from(records.join(''));
  return Buffer.concat([
    header('PaxHeaders/entry', body.length, 0o644, 'x'),
    body,
    padding(body.length),
    own,
  ]);
}

/** For a reader without pax: unique enough, and of the right length. */
function asciiName(name: string): string {
  const plain = name.replace(/[^\x20-\x7e]/g, '_');
  return plain.length <= NAME_BYTES ? plain : plain.slice(-NAME_BYTES);
}

function header(name: string, size: number, mode: number, type: '0' | 'x'): Buffer {
  const block = Buffer.alloc(BLOCK);
  const octal = (value: number, digits: number): string => value.toString(8).padStart(digits, '0');
  block.write(name, 0, 'latin1');
  block.write(octal(mode, 7), 100);
  block.write(octal(0, 7), 108);
  block.write(octal(0, 7), 116);
  block.write(octal(size, 11), 124);
  block.write(octal(TIME, 11), 136);
  block.write(type, 156);
  block.write('ustar\0' + '00', 257);
  // The checksum counts its own field as eight spaces.
  block.fill(' ', 148, 156);
  const sum = block.reduce((total, byte) => total + byte, 0);
  block.write(`${octal(sum, 6)}\0 `, 148);
  return block;
}

/** `<length> <key>=<value>\n`, whose length counts its own digits. */
function paxRecord(key: string, value: string): string {
  const rest = ` ${key}=${value}\n`;
  const bytes = Buffer.byteLength(rest);
  let length = bytes + String(bytes).length;
  length = bytes + String(length).length;
  return `${length}${rest}`;
}

function padding(size: number): Buffer {
  return Buffer.alloc((BLOCK - (size % BLOCK)) % BLOCK);
}
