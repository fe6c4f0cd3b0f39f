import { existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { formatHubModel, hubCache, parseHubModel } from '../../lib/encoder/hub-cache.js';
import {
  type ResolvedEncoder,
  type ResolveEncoderOptions,
  resolveEncoder,
} from '../../lib/encoder/resolve.js';
import { failure } from './failure.js';
import { COMMIT, FakeHub, gitSha1, sha256, WHISPER_TINY, wavlmFiles } from './hub-fixtures.js';

const ID = 'microsoft/wavlm-base';
const WHISPER = join(import.meta.dirname, '..', '..', '..', 'shared', 'models', 'whisper-tiny.en');
let home: string;
let hub: FakeHub;
beforeEach(async () => {
  home = mkdtempSync(join(tmpdir(), 'ser-resolve-'));
  hub = await FakeHub.start();
  hub.add(ID, wavlmFiles());
});
afterEach(async () => {
  await hub.stop();
  rmSync(home, { recursive: true, force: true });
});

function find(
  source: string,
  options: ResolveEncoderOptions = {},
  env: NodeJS.ProcessEnv = {},
): Promise<ResolvedEncoder> {
  return resolveEncoder(source, {
    ...options,
    hub: { env: { HF_ENDPOINT: hub.endpoint, HF_HOME: home, ...env }, attempts: 1 },
  });
}

function put(path: string, content: Buffer | string): void {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, content);
}

/** As Python's huggingface_hub leaves it: file by file, the ref first. */
function cacheAsPython(names: readonly string[], revision = 'main', commit = COMMIT): string {
  const repository = join(home, 'hub', 'models--microsoft--wavlm-base');
  put(join(repository, 'refs', revision), commit);
  const snapshot = join(repository, 'snapshots', commit);
  mkdirSync(snapshot, { recursive: true });
  for (const name of names) {
    const content = wavlmFiles()[name]!;
    const blob = content.length > 2000 ? sha256(content) : gitSha1(content);
    put(join(repository, 'blobs', blob), content);
    symlinkSync(join('..', '..', 'blobs', blob), join(snapshot, name));
  }
  return snapshot;
}

const needed = ['config.json', 'preprocessor_config.json', 'model.safetensors'];

test('a folder', async () => {
  const folder = join(home, 'mine');
  put(join(folder, 'config.json'), JSON.stringify(WHISPER_TINY));
  put(join(folder, 'model.safetensors'), 'x');
  expect(await find(folder, { window30: true })).toEqual({
    source: folder,
    directory: folder,
    files: [join(folder, 'model.safetensors')],
    config: expect.objectContaining({ kind: 'whisper', window30: true }),
  });
});

test('a folder wins over a model of the same name', async () => {
  for (const name of needed) put(join(home, ID, name), wavlmFiles()[name]!);
  const before = process.cwd();
  process.chdir(home);
  try {
    expect((await find(ID)).directory).toBe(join(process.cwd(), ID));
  } finally {
    process.chdir(before);
  }
  expect(hub.requests).toEqual([]);
});

test('what Python has fetched is found without asking the hub', async () => {
  const snapshot = cacheAsPython(needed);
  for (const options of [{}, { offline: true }]) {
    expect(await find(ID, options)).toMatchObject({
      source: ID,
      directory: snapshot,
      files: [join(snapshot, 'model.safetensors')],
      config: { family: 'wavlm', layers: 12 },
      revision: COMMIT,
      sha256: sha256(wavlmFiles()['model.safetensors']!),
    });
  }
  expect(hub.requests).toEqual([]);
});

test('each revision has its own snapshot, and a commit needs no ref', async () => {
  const other = 'a'.repeat(40);
  cacheAsPython(needed);
  const snapshot = cacheAsPython(needed, 'refs/pr/1', other);
  const found = await find(`${ID}@refs/pr/1`, { offline: true });
  expect(found).toMatchObject({ source: `${ID}@refs/pr/1`, directory: snapshot, revision: other });
  expect((await find(`${ID}@${other}`, { offline: true })).directory).toBe(snapshot);
  expect(await failure(find(`${ID}@v2`, { offline: true }))).toMatchObject({ code: 'E_HUB_OFFLINE' });
});

test('a snapshot that lacks files is completed; offline, the error says what it lacks', async () => {
  cacheAsPython(['config.json', 'preprocessor_config.json']);
  const offline = await failure(find(ID, {}, { HF_HUB_OFFLINE: '1' }));
  expect(offline).toMatchObject({
    code: 'E_HUB_OFFLINE',
    message: expect.stringContaining('model.safetensors'),
  });
  expect(hub.requests).toEqual([]);
  expect((await find(ID)).files).toHaveLength(1);
  expect(hub.downloads()).toEqual(['model.safetensors']);
});

test('offline and not there: where it was looked for, and how to get it there', async () => {
  expect(await failure(find(ID, { offline: true }))).toMatchObject({
    code: 'E_HUB_OFFLINE',
    exitCode: 4,
    message: expect.stringContaining(join(home, 'hub', 'models--microsoft--wavlm-base')),
    cure: expect.stringMatching(/ser-native pull microsoft\/wavlm-base.*HF_HOME/),
  });
});

test('what is not on this machine is fetched, and told in sentences', async () => {
  const messages: string[] = [];
  const found = await find(ID, { onMessage: (message) => messages.push(message) });
  expect(found.revision).toBe(COMMIT);
  expect(messages).toEqual([
    expect.stringContaining(`Fetching ${ID} (model.safetensors; 300 kB)`),
    expect.stringContaining(`Fetched ${ID}`),
  ]);
});

test('a model that is cached and not supported is not fetched anew', async () => {
  const snapshot = cacheAsPython(['model.safetensors']);
  put(join(snapshot, 'config.json'), '{"model_type": "bert"}');
  expect(await failure(find(ID))).toMatchObject({ code: 'E_ENCODER_UNSUPPORTED' });
  expect(hub.requests).toEqual([]);
});

test.each(['./nowhere', '/nowhere', '~/nowhere', 'a/b/c', 'org/name/', 'C:\\models'])(
  '%s is a folder that does not exist, and nobody is asked for it',
  async (source) => {
    expect(await failure(find(source))).toMatchObject({ code: 'E_ENCODER_FOLDER', exitCode: 3 });
    expect(hub.requests).toEqual([]);
  },
);

test('a file is no folder', async () => {
  put(join(home, 'model.safetensors'), 'x');
  expect(await failure(find(join(home, 'model.safetensors')))).toMatchObject({ code: 'E_ENCODER_FOLDER' });
});

test.each([
  '',
  'org name',
  'org/na--me',
  'org/name.git',
  '-org/name',
  'org/name@',
  'org/name@../x',
  'org/name@a//b',
])('%j is no model', (source) => {
  expect(() => parseHubModel(source)).toThrow(expect.objectContaining({ code: 'E_HUB_ID', exitCode: 2 }));
});

test('models and revisions', () => {
  expect(parseHubModel('org/na.me_1-x@v1.0')).toEqual({ id: 'org/na.me_1-x', revision: 'v1.0' });
  expect(parseHubModel('name', 'dev')).toEqual({ id: 'name', revision: 'dev' });
  expect(() => parseHubModel('org/name@a', 'b')).toThrow('names revision a');
  expect(formatHubModel(parseHubModel('org/name@main'))).toBe('org/name');
});

test('the cache is where Python looks for it', () => {
  expect(hubCache({ HF_HUB_CACHE: '/c', HF_HOME: '/h' })).toBe('/c');
  expect(hubCache({ HUGGINGFACE_HUB_CACHE: '/c' })).toBe('/c');
  expect(hubCache({ HF_HOME: '~/h', XDG_CACHE_HOME: '/x' })).toBe(join(homedir(), 'h', 'hub'));
  expect(hubCache({ XDG_CACHE_HOME: '/x' })).toBe('/x/huggingface/hub');
  expect(hubCache({})).toBe(join(homedir(), '.cache', 'huggingface', 'hub'));
});

const withWhisper = existsSync(WHISPER) ? test : test.skip;
withWhisper('a real checkpoint of Whisper (needs ../shared/models/whisper-tiny.en)', async () => {
  expect(await find(WHISPER)).toMatchObject({
    files: [join(WHISPER, 'model.safetensors')],
    config: {
      kind: 'whisper',
      bands: 80,
      width: 384,
      layers: 4,
      heads: 6,
      feedForward: 1536,
      positions: 1500,
    },
  });
});
