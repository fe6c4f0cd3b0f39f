import { pbkdf2 } from 'node:crypto';
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, truncateSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { promisify } from 'node:util';
import { ZipArchive } from '../../lib/runtime/zip.js';
import { makeZip } from './make-zip.js';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'ser-zip-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const long = Buffer.from(Array.from({ length: 300_000 }, (_, i) => (i * i) % 251));

test.each([
  ['plain', {}],
  ['zip64', { zip64: true }],
  ['with a comment that ends the file', { comment: 'made by hand' }],
])('%s archives give back every byte', async (_name, options) => {
  const path = join(folder, 'a.zip');
  makeZip(
    path,
    [
      { name: 'deep/er/long.bin', data: long },
      { name: 'stored.txt', data: 'as it is', stored: true },
      { name: 'empty', data: '', stored: true },
      { name: 'run', data: '#!', mode: 0o755 },
    ],
    options,
  );
  await using archive = await ZipArchive.open(path);
  expect(archive.entries.map(({ name, size }) => [name, size])).toEqual([
    ['deep/er/long.bin', 300_000],
    ['stored.txt', 8],
    ['empty', 0],
    ['run', 2],
  ]);
  let bytes = 0;
  for (const entry of archive.entries) {
    await archive.extract(entry, join(folder, 'out', entry.name), (count) => {
      bytes += count;
    });
  }
  expect(readFileSync(join(folder, 'out/deep/er/long.bin')).equals(long)).toBe(true);
  expect(readFileSync(join(folder, 'out/stored.txt'), 'utf8')).toBe('as it is');
  expect(readFileSync(join(folder, 'out/empty')).length).toBe(0);
  expect(statSync(join(folder, 'out/run')).mode & 0o111).not.toBe(0);
  expect(bytes).toBe(300_010);
});

test('a wrong checksum is refused', async () => {
  const path = join(folder, 'a.zip');
  makeZip(path, [{ name: 'x', data: 'hello', crc: 1 }]);
  await using archive = await ZipArchive.open(path);
  await expect(archive.extract(archive.entries[0]!, join(folder, 'x'))).rejects.toMatchObject({
    code: 'E_ARCHIVE',
  });
});

test('damaged deflate data are refused', async () => {
  const path = join(folder, 'a.zip');
  makeZip(path, [{ name: 'x', data: 'not deflated', stored: true }]);
  await using archive = await ZipArchive.open(path);
  const entry = { ...archive.entries[0]!, method: 8 };
  await expect(archive.extract(entry, join(folder, 'x'))).rejects.toMatchObject({ code: 'E_ARCHIVE' });
});

test('a truncated archive and a file of another kind are refused with the file named', async () => {
  const path = join(folder, 'a.zip');
  makeZip(path, [{ name: 'x', data: long, stored: true }]);
  truncateSync(path, 200_000);
  await expect(ZipArchive.open(path)).rejects.toMatchObject({
    code: 'E_ARCHIVE',
    message: expect.stringContaining(path),
  });
  truncateSync(path, 5);
  await expect(ZipArchive.open(path)).rejects.toMatchObject({ code: 'E_ARCHIVE' });
});

test.each(['../outside', '/etc/passwd', 'a/../../b', 'a\\b'])(
  'an entry named %s is refused before anything is written',
  async (name) => {
    const path = join(folder, 'a.zip');
    makeZip(path, [{ name, data: 'x' }]);
    await expect(ZipArchive.open(path)).rejects.toMatchObject({
      code: 'E_ARCHIVE',
      message: expect.stringContaining('unsafe path'),
    });
  },
);

test('a cancelled extraction rejects, and its file is not made again once its folder was removed', async () => {
  const path = join(folder, 'a.zip');
  makeZip(path, [{ name: 'x', data: long }]);
  await using archive = await ZipArchive.open(path);
  const target = join(folder, 'out', 'x');
  const stop = new AbortController();
  const stopped = archive.extract(archive.entries[0]!, target, undefined, stop.signal);
  await mkdir(dirname(target), { recursive: true });
  // Threads that open files are busy for a while, as on a loaded machine.
  const busy = Array.from({ length: 12 }, () => promisify(pbkdf2)('x', 'y', 60_000, 64, 'sha512'));
  stop.abort();
  await expect(stopped).rejects.toMatchObject({ code: 'ABORT_ERR' });
  rmSync(target, { force: true });
  await Promise.all(busy);
  await setTimeout(50);
  expect(existsSync(target)).toBe(false);
});
