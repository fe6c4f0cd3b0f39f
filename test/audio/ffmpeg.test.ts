import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { decodeWithFfmpeg, type Ffmpeg, locateFfmpeg } from '../../lib/audio/ffmpeg.js';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'ser-native-ffmpeg-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** A stand-in that behaves as the script says: what ffmpeg does when all is well is tested with the real one. */
function program(name: string, script: string): Ffmpeg {
  const path = join(folder, name);
  writeFileSync(path, `#!/bin/sh\n${script}\n`);
  chmodSync(path, 0o755);
  return { path, version: 'test', source: 'FFMPEG_BIN' };
}

describe('locating', () => {
  const { FFMPEG_BIN } = process.env;
  afterEach(() => {
    if (FFMPEG_BIN === undefined) delete process.env.FFMPEG_BIN;
    else process.env.FFMPEG_BIN = FFMPEG_BIN;
  });

  test('FFMPEG_BIN comes first', async () => {
    const { path } = program('ffmpeg-wished', 'echo "ffmpeg version 9.9-test Copyright"');
    process.env.FFMPEG_BIN = path;
    expect(await locateFfmpeg()).toEqual({ path, version: '9.9-test', source: 'FFMPEG_BIN' });
  });

  test('a FFMPEG_BIN that is no ffmpeg is an error, not passed over', async () => {
    process.env.FFMPEG_BIN = join(folder, 'no-such-program');
    await expect(locateFfmpeg()).rejects.toMatchObject({ code: 'E_FFMPEG_BIN', exitCode: 4 });
  });
});

test('its last words are in the error, without addresses', async () => {
  const ffmpeg = program('ffmpeg-fails', 'echo "[mov @ 0x55d0c0ffee] moov atom not found" >&2; exit 1');
  await expect(decodeWithFfmpeg(ffmpeg, 'x.m4a')).rejects.toMatchObject({
    code: 'E_FFMPEG',
    reason: 'ffmpeg cannot decode it: moov atom not found',
  });
});

test('only local files and the pipe may be opened, and the path is never taken for an option or an address', async () => {
  const ffmpeg = program('ffmpeg-args', `printf '%s\\n' "$@" > ${join(folder, 'args')}; exit 1`);
  await expect(decodeWithFfmpeg(ffmpeg, '-http://x')).rejects.toThrow();
  const args = readFileSync(join(folder, 'args'), 'utf8').split('\n');
  expect(args[args.indexOf('-protocol_whitelist') + 1]).toBe('file,pipe');
  expect(args[args.indexOf('-i') + 1]).toBe('file:-http://x');
  expect(args).toContain('-nostdin');
});

test.each([
  ['a time limit', { timeoutMs: 200 }, 'E_DECODE_TIMEOUT'],
  ['an abort', { signal: undefined }, 'E_INTERRUPTED'],
])('%s kills it', async (_, options, code) => {
  const mark = join(folder, `${code}.survived`);
  const ffmpeg = program(`ffmpeg-${code}`, `exec sleep 30; touch ${mark}`);
  const stop = new AbortController();
  const decoding = decodeWithFfmpeg(ffmpeg, 'x', 'signal' in options ? { signal: stop.signal } : options);
  if ('signal' in options) setTimeout(() => stop.abort(), 200);
  await expect(decoding).rejects.toMatchObject({ code });
  expect(existsSync(mark)).toBe(false);
});
