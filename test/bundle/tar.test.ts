import { execFileSync } from 'node:child_process';
import { chmod, mkdtemp, readFile, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TarEntry, tarBytes } from '../../lib/bundle/tar.js';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'ser-tar-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const text = (name: string, content: string, executable = false): TarEntry => ({
  name,
  size: Buffer.byteLength(content),
  executable,
  content: Buffer.from(content),
});

async function bytesOf(entries: TarEntry[]): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of tarBytes(entries)) chunks.push(chunk);
  return Buffer.concat(chunks);
}

test('tar unpacks what was written: long and non-ASCII names, empty files, files of whole blocks, modes', async () => {
  const long = `a/${'long-folder/'.repeat(20)}file.txt`;
  const big = join(folder, 'big.bin');
  await writeFile(big, Buffer.alloc(3 * 2 ** 20 + 7, 5));
  const entries = [
    text('a/plain.txt', 'plain\n'),
    text('a/empty', ''),
    text('a/block', 'x'.repeat(512)),
    text('a/run', '#!/bin/sh\n', true),
    text('a/Wörter über Äpfel.txt', 'umlauts'),
    text(long, 'deep'),
    { name: 'a/big.bin', size: 3 * 2 ** 20 + 7, executable: false, content: big },
  ];
  const archive = join(folder, 'x.tar');
  await writeFile(archive, await bytesOf(entries));
  execFileSync('tar', ['-xf', archive, '-C', folder], { env: { ...process.env, LC_ALL: 'C.UTF-8' } });
  const read = (name: string) => readFile(join(folder, name), 'utf8');
  expect(await read('a/plain.txt')).toBe('plain\n');
  expect(await read('a/empty')).toBe('');
  expect(await read('a/block')).toHaveLength(512);
  expect(await read('a/Wörter über Äpfel.txt')).toBe('umlauts');
  expect(await read(long)).toBe('deep');
  expect((await readFile(join(folder, 'a/big.bin'))).equals(await readFile(big))).toBe(true);
  expect((await stat(join(folder, 'a/run'))).mode & 0o111).not.toBe(0);
  expect((await stat(join(folder, 'a/plain.txt'))).mode & 0o111).toBe(0);
});

test('a pax record counts the digits of its own length, at 99 and 100 bytes as well', async () => {
  for (let length = 80; length < 120; length++) {
    const name = `é${'n'.repeat(length - 2)}`;
    const bytes = await bytesOf([text(name, 'x')]);
    const body = bytes.subarray(512, 1024).toString('utf8');
    const size = Number.parseInt(bytes.subarray(124, 135).toString(), 8);
    expect(Number.parseInt(body, 10)).toBe(size);
    expect(body.slice(0, body.indexOf('\n'))).toContain(`path=${name}`);
  }
});

test('the same content gives the same bytes, whenever and by whomever it was written', async () => {
  const file = join(folder, 'x');
  await writeFile(file, 'content');
  const entry = { name: 'x', size: 7, executable: false, content: file };
  const first = await bytesOf([entry]);
  await utimes(file, 1e9, 1e9);
  await chmod(file, 0o600);
  expect((await bytesOf([entry])).equals(first)).toBe(true);
});

test.each([
  ['shorter', 9],
  ['longer', 5],
])('a file that is %s than it was is refused', async (_, size) => {
  const file = join(folder, 'x');
  await writeFile(file, 'content');
  await expect(bytesOf([{ name: 'x', size, executable: false, content: file }])).rejects.toMatchObject({
    code: 'E_BUNDLE_CHANGED',
  });
});
