/** A bundle, unpacked in an empty folder, is set up by its own launcher against the LibTorch that this machine has. */
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { bundle } from '../../lib/bundle/bundle.js';
import { cacheRoot } from '../../lib/runtime/cache.js';
import { whatIsReady } from '../../lib/runtime/setup.js';
import { run } from '../cli/command.js';

const FIXTURE = fileURLToPath(new URL('../fixtures/encoders/wavlm-base-like', import.meta.url));

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'ser-bundle-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** Without network where the system lets a user have a namespace of its own. */
const cut = spawnSync('unshare', ['-rn', 'true']).status === 0 ? ['unshare', '-rn'] : [];

function inBundle(
  root: string,
  ...args: string[]
): { status: number | null; stdout: string; stderr: string } {
  const [program, ...rest] = [...cut, join(root, 'ser-native'), ...args];
  const { PATH, HOME, SER_CACHE, XDG_CACHE_HOME } = process.env;
  const env = {
    PATH,
    HOME,
    NO_COLOR: '1',
    ...(SER_CACHE && { SER_CACHE }),
    ...(XDG_CACHE_HOME && { XDG_CACHE_HOME }),
  };
  const { status, stdout, stderr } = spawnSync(program!, rest, { cwd: root, env, encoding: 'utf8' });
  return { status, stdout, stderr };
}

test('unpacked without network, it finds the addon of the same sources ready, and carries an encoder', async () => {
  const out = join(folder, 'own', 'ser.tar.gz');
  const { code, stdout } = await run(['bundle', '--out', out, '--weights', FIXTURE, '--json'], {
    cwd: folder,
  });
  expect(code).toBe(0);
  const result = JSON.parse(stdout);
  expect(result).toMatchObject({
    file: out,
    bytes: (await stat(out)).size,
    weights: ['weights/wavlm-base-like'],
  });
  expect(result.parts.map(({ name }: { name: string }) => name)).toEqual([
    'package',
    'node_modules',
    'weights',
  ]);
  execFileSync('tar', ['-xf', out, '-C', folder]);
  const root = join(folder, result.folder);
  expect(await readdir(join(root, 'node_modules'))).not.toContain('jest');
  expect(await readFile(join(root, 'README.md'), 'utf8')).toContain('weights/wavlm-base-like');

  const help = inBundle(root, '--help');
  expect(help).toMatchObject({ status: 0, stderr: '' });
  // The digest of an addon covers every source that it is compiled from: were one missing, this would not be ready.
  const ready = await whatIsReady(cacheRoot(), 'cpu', process.env);
  expect(ready).toBeDefined();
  const setup = inBundle(root, 'setup', '--variant', 'cpu', '--json');
  expect(setup.status).toBe(0);
  expect(JSON.parse(setup.stdout)).toMatchObject({ ready: true, addon: { file: ready?.addon.file } });
  const doctor = inBundle(root, 'doctor', '--json');
  expect(JSON.parse(doctor.stdout)).toMatchObject({ ok: true, addon: { state: 'ready' } });
  expect(existsSync(join(root, 'weights/wavlm-base-like/model.safetensors'))).toBe(true);
});

test.each(['xz', 'gz'])('a .tar.%s above the limit is not kept, nor is half of one', async (compression) => {
  await expect(
    bundle({ out: join(folder, `small.tar.${compression}`), limitMiB: 0.5 }),
  ).rejects.toMatchObject({
    code: 'E_BUNDLE_TOO_LARGE',
    exitCode: 2,
    message: expect.stringMatching(/larger than 0.5 MiB; before compression: package \d+\.\d MiB/),
  });
  expect((await readdir(folder)).filter((name) => name.startsWith('small'))).toEqual([]);
});

test.each(['xz', 'gz'])('a signal stops a .tar.%s and leaves nothing', async (compression) => {
  const stop = new AbortController();
  const onProgress = ({ type }: { type: string }) => type === 'progress' && stop.abort();
  await expect(
    bundle({ out: join(folder, `stopped.tar.${compression}`), signal: stop.signal, onProgress }),
  ).rejects.toMatchObject({ exitCode: 130 });
  expect((await readdir(folder)).filter((name) => name.startsWith('stopped'))).toEqual([]);
});

test.each([
  ['a name of neither kind', { out: 'x.zip' }, 'E_BUNDLE_NAME'],
  ['a limit of nothing', { limitMiB: 0 }, 'E_BUNDLE_LIMIT'],
  ['an encoder twice', { weights: [FIXTURE, FIXTURE] }, 'E_BUNDLE_WEIGHTS'],
  ['an encoder that is not there', { weights: ['./nope'] }, 'E_ENCODER_FOLDER'],
])('%s is refused', async (_, options, code) => {
  await expect(bundle({ out: join(folder, 'never.tar.gz'), ...options })).rejects.toMatchObject({ code });
});
