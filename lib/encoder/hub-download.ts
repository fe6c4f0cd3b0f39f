/** One file of the hub: fetched where an earlier try stopped, checked against its digest, and only then given its name. */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { type FileHandle, open, rename, rm, stat } from 'node:fs/promises';
import { RuntimeError } from '../errors.js';
import type { HubHttp } from './hub-http.js';

export interface HubFile {
  name: string;
  bytes: number;
  /** SHA-256 of the content (large files), or git's SHA-1 of it (small ones). Also the name of its blob. */
  digest: string;
}

export interface DownloadOptions {
  /** Bytes of the file that are there. */
  onBytes: (bytes: number) => void;
  onNote: (text: string) => void;
}

/**
 * Fetches `file` from `url` to `blob`, by way of `<blob>.incomplete`, which a later call goes on with.
 *
 * @throws RuntimeError `E_HUB_CORRUPT` where the content differs from its digest twice; what `HubHttp` throws
 */
export async function downloadBlob(
  http: HubHttp,
  url: string,
  file: HubFile,
  blob: string,
  { onBytes, onNote }: DownloadOptions,
): Promise<void> {
  const partial = `${blob}.incomplete`;
  for (let again = false; ; again = true) {
    const whole = await fetchAll(http, url, file, partial, onBytes);
    if (whole && (await hasDigest(partial, file))) break;
    await rm(partial, { force: true });
    if (again) {
      throw new RuntimeError(
        `${file.name} arrived damaged twice: it does not have the digest ${file.digest}`,
        {
          code: 'E_HUB_CORRUPT',
          cure: 'Try again later; if it stays so, something between this machine and the hub changes the file (a proxy, a mirror).',
        },
      );
    }
    onNote(`${file.name} arrived damaged; fetching it anew`);
    onBytes(0);
  }
  await rename(partial, blob);
}

/** Fills `partial` up to the file's size; false where the hub's file turns out to be of another size. */
async function fetchAll(
  http: HubHttp,
  url: string,
  file: HubFile,
  partial: string,
  onBytes: (bytes: number) => void,
): Promise<boolean> {
  let furthest = await sizeOf(partial);
  if (furthest > file.bytes) {
    await rm(partial);
    furthest = 0;
  }
  let at = furthest;
  const count = (bytes: number): void => {
    at = bytes;
    onBytes(bytes);
  };
  const progressed = (): boolean => {
    const more = at > furthest;
    furthest = Math.max(at, furthest);
    return more;
  };
  const attempt = async (): Promise<boolean> => {
    const output = await open(partial, 'a');
    try {
      count((await output.stat()).size);
      if (at < file.bytes && !(await append(http, url, file, output, at, count))) return false;
      await output.sync();
    } finally {
      await output.close();
    }
    if (at < file.bytes) throw new Error(`the connection ended after ${at} of ${file.bytes} bytes`);
    return true;
  };
  return await http.retry(`${file.name} did not arrive whole`, attempt, progressed);
}

/** Returns false where the rest cannot be had because the hub's file has another size. */
async function append(
  http: HubHttp,
  url: string,
  file: HubFile,
  output: FileHandle,
  have: number,
  onBytes: (bytes: number) => void,
): Promise<boolean> {
  const answer = await http.open(url, have > 0 ? { range: `bytes=${have}-` } : {});
  try {
    if (answer.status === 416) return false;
    let at = have;
    if (answer.status === 206) {
      if (!continues(answer.headers.get('content-range'), have)) return false;
    } else if (have > 0) {
      // The host does not resume: it sends the file from its start.
      await output.truncate(0);
      at = 0;
    }
    const length = answer.headers.get('content-length');
    if (length !== null && !answer.headers.has('content-encoding') && at + Number(length) !== file.bytes) {
      return false;
    }
    for await (const chunk of answer.chunks()) {
      if (at + chunk.length > file.bytes) return false;
      // Not write(), which may take a part of it only.
      await output.writeFile(chunk);
      at += chunk.length;
      onBytes(at);
    }
    return true;
  } finally {
    answer.close();
  }
}

function continues(range: string | null, have: number): boolean {
  return range?.match(/^bytes (\d+)-/)?.[1] === String(have);
}

async function sizeOf(path: string): Promise<number> {
  return await stat(path).then(
    ({ size }) => size,
    () => 0,
  );
}

async function hasDigest(path: string, { digest, bytes }: HubFile): Promise<boolean> {
  const hash = digest.length === 64 ? createHash('sha256') : createHash('sha1').update(`blob ${bytes}\0`);
  for await (const chunk of createReadStream(path, { highWaterMark: 1 << 20 })) hash.update(chunk as Buffer);
  return hash.digest('hex') === digest;
}
