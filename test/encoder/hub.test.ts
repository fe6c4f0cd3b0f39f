import {
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { type PulledModel, type PullOptions, pullModel } from '../../lib/encoder/hub.js';
import { parseHubModel } from '../../lib/encoder/hub-cache.js';
import type { PullEvent } from '../../lib/encoder/types.js';
import { failure } from './failure.js';
import { COMMIT, FakeHub, gitSha1, noise, refuse, sha256, wavlmFiles } from './hub-fixtures.js';

const ID = 'microsoft/wavlm-base';
let home: string;
let hub: FakeHub;
let events: PullEvent[];

beforeEach(async () => {
  home = mkdtempSync(join(tmpdir(), 'ser-hub-'));
  hub = await FakeHub.start();
  hub.add(ID, wavlmFiles());
  events = [];
});
afterEach(async () => {
  await hub.stop();
  rmSync(home, { recursive: true, force: true });
});

function pull(id = ID, env: NodeJS.ProcessEnv = {}, options: PullOptions = {}): Promise<PulledModel> {
  return pullModel(parseHubModel(id), {
    env: { HF_ENDPOINT: hub.endpoint, HF_HOME: home, ...env },
    attempts: 3,
    retryDelayMs: 5,
    timeoutMs: 2000,
    onEvent: (event) => events.push(event),
    ...options,
  });
}

const repository = (): string => join(home, 'hub', 'models--microsoft--wavlm-base');
const snapshot = (name: string): string => join(repository(), 'snapshots', COMMIT, name);
const notes = (): string[] => events.flatMap((event) => (event.type === 'note' ? [event.text] : []));
const holds = (path: string, content: Buffer): boolean => readFileSync(path).equals(content);
const weights = wavlmFiles()['model.safetensors']!;
const weightsBlob = (): string => join(repository(), 'blobs', sha256(weights));

test('fetches what is needed, once, into the layout that Python reads', async () => {
  const pulled = await pull();
  const needed = ['config.json', 'preprocessor_config.json', 'model.safetensors'];
  expect(hub.downloads()).toEqual(needed);
  expect(readdirSync(join(repository(), 'snapshots', COMMIT)).sort()).toEqual([...needed].sort());
  for (const name of needed) {
    const content = wavlmFiles()[name]!;
    const blob = content.length > 2000 ? sha256(content) : gitSha1(content);
    expect(holds(snapshot(name), content)).toBe(true);
    expect(readlinkSync(snapshot(name))).toBe(join('..', '..', 'blobs', blob));
  }
  expect(readdirSync(join(repository(), 'blobs'))).toHaveLength(3);
  expect(readFileSync(join(repository(), 'refs', 'main'), 'utf8')).toBe(COMMIT);
  expect(pulled).toMatchObject({
    source: ID,
    commit: COMMIT,
    directory: join(repository(), 'snapshots', COMMIT),
    weightBytes: weights.length,
  });
  expect(readdirSync(join(home, 'hub', '.locks', 'models--microsoft--wavlm-base'))).toEqual([]);

  const again = await pull();
  expect(again.fetchedBytes).toBe(0);
  expect(hub.downloads()).toHaveLength(3);
});

test('tells its plan before the weights, and how far it is', async () => {
  await pull();
  const plan = events.find((event) => event.type === 'plan');
  expect(plan).toMatchObject({
    source: ID,
    commit: COMMIT,
    bytes: weights.length,
    files: [
      { name: 'config.json', cached: true },
      { name: 'preprocessor_config.json', cached: true },
      { name: 'model.safetensors', bytes: weights.length, cached: false },
    ],
  });
  const progress = events.filter((event) => event.type === 'progress');
  expect(progress.at(-1)!.done).toBe(progress.at(-1)!.total);
  expect(events.at(-1)).toMatchObject({ type: 'done', directory: join(repository(), 'snapshots', COMMIT) });
});

test('goes on where a connection was cut, as long as every try brings more', async () => {
  let cuts = 0;
  hub.intercept = ({ host, range }, response) => {
    if (host !== 'storage' || cuts === 4) return false;
    cuts++;
    const start = Number(range?.match(/\d+/)?.[0] ?? 0);
    response.writeHead(start ? 206 : 200, {
      'content-length': weights.length - start,
      ...(start && { 'content-range': `bytes ${start}-${weights.length - 1}/${weights.length}` }),
    });
    response.write(weights.subarray(start, start + 60_000), () => setTimeout(() => response.destroy(), 20));
    return true;
  };
  await pull();
  expect(holds(snapshot('model.safetensors'), weights)).toBe(true);
  const ranges = hub.requests.filter(({ host }) => host === 'storage').map(({ range }) => range);
  expect(ranges).toEqual([undefined, ...[60, 120, 180, 240].map((thousand) => `bytes=${thousand}000-`)]);
  expect(notes()).toEqual(Array(4).fill(expect.stringContaining('again')));
});

test('a later pull goes on with what an earlier one left, and the plan counts it', async () => {
  hub.intercept = ({ host }, response) => {
    if (host !== 'storage') return false;
    response.writeHead(200, { 'content-length': weights.length });
    response.write(weights.subarray(0, 120_000), () => setTimeout(() => response.destroy(), 20));
    return true;
  };
  const controller = new AbortController();
  const onEvent = (event: PullEvent): void => {
    if (event.type === 'note') controller.abort();
  };
  expect(await failure(pull(ID, {}, { onEvent, signal: controller.signal }))).toMatchObject({
    code: 'E_INTERRUPTED',
    exitCode: 130,
  });
  expect(existsSync(join(repository(), 'refs', 'main'))).toBe(false);
  expect(readdirSync(join(repository(), 'blobs'))).toContain(`${sha256(weights)}.incomplete`);

  hub.intercept = () => false;
  await pull();
  expect(hub.requests.at(-1)!.range).toBe('bytes=120000-');
  expect(events.find(({ type }) => type === 'plan')).toMatchObject({ bytes: weights.length - 120_000 });
  expect(holds(snapshot('model.safetensors'), weights)).toBe(true);
  expect(readdirSync(join(repository(), 'blobs')).filter((name) => name.endsWith('.incomplete'))).toEqual([]);
});

test('a host that does not resume sends all of it again', async () => {
  mkdirSync(join(repository(), 'blobs'), { recursive: true });
  writeFileSync(`${weightsBlob()}.incomplete`, weights.subarray(0, 50_000));
  hub.resumes = false;
  await pull();
  expect(hub.requests.filter(({ host }) => host === 'storage')).toHaveLength(1);
  expect(holds(snapshot('model.safetensors'), weights)).toBe(true);
});

test('damage is found by the digest, and the file fetched anew', async () => {
  let first = true;
  hub.intercept = ({ host }, response) => {
    if (host !== 'storage' || !first) return false;
    first = false;
    const damaged = Buffer.from(weights);
    damaged[1234]! ^= 1;
    response.end(damaged);
    return true;
  };
  await pull();
  expect(holds(snapshot('model.safetensors'), weights)).toBe(true);
  expect(notes()).toEqual([expect.stringContaining('damaged')]);
});

test('a stump of other content that an earlier pull left is thrown away', async () => {
  mkdirSync(join(repository(), 'blobs'), { recursive: true });
  writeFileSync(`${weightsBlob()}.incomplete`, Buffer.alloc(weights.length - 1));
  await pull();
  expect(holds(snapshot('model.safetensors'), weights)).toBe(true);
});

test.each([
  ['other bytes', Buffer.alloc(weights.length)],
  ['more bytes', Buffer.alloc(weights.length + 1)],
  ['fewer bytes', Buffer.alloc(weights.length - 1)],
])('%s twice: an error, and nothing of it is kept', async (_, content) => {
  hub.intercept = ({ host, range }, response) => {
    if (host !== 'storage') return false;
    response.writeHead(range ? 416 : 200);
    response.end(range ? '' : content);
    return true;
  };
  expect(await failure(pull())).toMatchObject({
    code: 'E_HUB_CORRUPT',
    exitCode: 4,
    message: expect.stringContaining('model.safetensors'),
  });
  expect(readdirSync(join(repository(), 'blobs'))).toHaveLength(2);
  expect(existsSync(snapshot('model.safetensors'))).toBe(false);
});

test('a damaged small file is found as well', async () => {
  hub.intercept = ({ path }, response) => {
    if (!path.endsWith('/config.json')) return false;
    response.end('{"model_type": "wavlm"');
    return true;
  };
  expect(await failure(pull())).toMatchObject({
    code: 'E_HUB_CORRUPT',
    message: expect.stringContaining('config'),
  });
});

test.each([500, 503, 429])('a %i passes: it is tried again', async (status) => {
  const failed = new Set<string>();
  hub.intercept = ({ path }, response) => {
    if (failed.has(path)) return false;
    failed.add(path);
    response.setHeader('retry-after', '0');
    refuse(response, status);
    return true;
  };
  await pull();
  expect(holds(snapshot('model.safetensors'), weights)).toBe(true);
  expect(notes().length).toBe(failed.size);
  expect(notes()[0]).toContain(String(status));
});

test('a server that goes on failing ends the pull after the allowed tries', async () => {
  hub.intercept = (_, response) => {
    refuse(response, 502);
    return true;
  };
  expect(await failure(pull())).toMatchObject({ code: 'E_HUB_UNREACHABLE', exitCode: 4 });
  expect(hub.requests).toHaveLength(3);
});

test('a server that says nothing more is given up and asked for the rest', async () => {
  let stalled = false;
  hub.intercept = ({ host }, response) => {
    if (host !== 'storage' || stalled) return false;
    stalled = true;
    response.writeHead(200, { 'content-length': weights.length });
    response.write(weights.subarray(0, 70_000));
    return true;
  };
  await pull(ID, {}, { timeoutMs: 150 });
  expect(hub.requests.at(-1)!.range).toBe('bytes=70000-');
  expect(notes()).toEqual([expect.stringContaining('nothing came for 0.15 s')]);
});

test('no network: the address, and what to do without', async () => {
  const { endpoint } = hub;
  await hub.stop();
  expect(await failure(pull(ID, { HF_ENDPOINT: endpoint }))).toMatchObject({
    code: 'E_HUB_UNREACHABLE',
    message: expect.stringContaining(endpoint),
    cure: expect.stringContaining(`ser-native pull ${ID}`),
  });
});

test('HF_HUB_OFFLINE asks nobody', async () => {
  expect(await failure(pull(ID, { HF_HUB_OFFLINE: '1' }))).toMatchObject({ code: 'E_HUB_OFFLINE' });
  expect(hub.requests).toEqual([]);
});

test('no such model, no such revision', async () => {
  expect(await failure(pull('microsoft/wavlm-bass'))).toMatchObject({
    code: 'E_HUB_NOT_FOUND',
    exitCode: 2,
    message: expect.stringContaining('microsoft/wavlm-bass'),
  });
  expect(await failure(pull(`${ID}@v9`))).toMatchObject({
    code: 'E_HUB_NOT_FOUND',
    message: `${ID} has no revision 'v9'`,
  });
});

test.each([
  [401, 'GatedRepo', {}, 'E_HUB_ACCESS', 'HF_TOKEN'],
  [403, 'GatedRepo', { HF_TOKEN: 'hf_x' }, 'E_HUB_ACCESS', 'Ask for access at'],
  [401, undefined, {}, 'E_HUB_NOT_FOUND', 'HF_TOKEN'],
  [401, undefined, { HF_TOKEN: 'hf_x' }, 'E_HUB_ACCESS', 'valid token'],
])('%i (%s) says what to do', async (status, said, env, code, cure) => {
  hub.intercept = (_, response) => {
    refuse(response, status, said);
    return true;
  };
  expect(await failure(pull(ID, env))).toMatchObject({ code, cure: expect.stringContaining(cure) });
  expect(hub.requests).toHaveLength(1);
});

test("an address in the hub's place that is none", async () => {
  hub.intercept = (_, response) => {
    response.end('<html>Please sign in</html>');
    return true;
  };
  expect(await failure(pull())).toMatchObject({
    code: 'E_HUB_HTTP',
    cure: expect.stringContaining('HF_ENDPOINT'),
  });
  expect(await failure(pull(ID, { HF_ENDPOINT: 'huggingface.co' }))).toMatchObject({
    code: 'E_HUB_ENDPOINT',
  });
});

test('the token is for the hub, not for the host that it sends on to', async () => {
  await pull(ID, { HF_TOKEN: 'of-another-form' });
  const sent = (host: string): Set<string | undefined> =>
    new Set(
      hub.requests.filter((request) => request.host === host).map(({ authorization }) => authorization),
    );
  expect(sent('hub')).toEqual(new Set(['Bearer of-another-form']));
  expect(sent('storage')).toEqual(new Set([undefined]));
});

test('the stored token is used, and HF_TOKEN wins over it', async () => {
  writeFileSync(join(home, 'token'), 'hf_stored\n');
  await pull();
  expect(hub.requests[0]!.authorization).toBe('Bearer hf_stored');
  await pull(ID, { HF_TOKEN: 'hf_named' });
  expect(hub.requests.at(-1)!.authorization).toBe('Bearer hf_named');
});

test('a signed address that has run out is replaced', async () => {
  let expired = true;
  hub.intercept = ({ host }, response) => {
    if (host !== 'storage' || !expired) return false;
    expired = false;
    refuse(response, 403);
    return true;
  };
  await pull();
  expect(hub.downloads().filter((name) => name === 'model.safetensors')).toHaveLength(2);
});

test('two pulls at once: one fetches, the other waits and finds it', async () => {
  hub.intercept = ({ host }, response) => {
    if (host !== 'storage') return false;
    setTimeout(() => response.end(weights), 300);
    return true;
  };
  const [first, second] = await Promise.all([pull(), pull()]);
  expect(first.directory).toBe(second.directory);
  expect([first.fetchedBytes, second.fetchedBytes].filter((bytes) => bytes > 0)).toHaveLength(1);
  expect(hub.downloads()).toHaveLength(3);
  expect(notes()).toEqual([expect.stringContaining(`process ${process.pid}`)]);
});

test('parts of weights are fetched with their index', async () => {
  const parts = {
    'model-00001-of-00002.safetensors': noise(5000),
    'model-00002-of-00002.safetensors': noise(6000),
  };
  const [first, second] = Object.keys(parts);
  const { 'model.safetensors': _, 'pytorch_model.bin': __, ...rest } = wavlmFiles();
  const index = (names: unknown): Buffer => Buffer.from(JSON.stringify({ weight_map: names }));
  hub.add('org/parts', {
    ...rest,
    ...parts,
    'model.safetensors.index.json': index({ a: second, b: first, c: first }),
  });
  const pulled = await pull('org/parts');
  expect(pulled.weightBytes).toBe(11_000);
  for (const [name, content] of Object.entries(parts)) {
    expect(holds(join(pulled.directory, name), content)).toBe(true);
  }

  hub.add('org/evil', { ...rest, 'model.safetensors.index.json': index({ a: '../../../../x.safetensors' }) });
  expect(await failure(pull('org/evil'))).toMatchObject({ code: 'E_ENCODER_WEIGHTS' });
  hub.add('org/lacking', { ...rest, 'model.safetensors.index.json': index({ a: first }) });
  expect(await failure(pull('org/lacking'))).toMatchObject({
    code: 'E_ENCODER_WEIGHTS',
    details: { missing: [first] },
  });
});

test("weights in PyTorch's own format are fetched where there are no others", async () => {
  const { 'model.safetensors': _, ...rest } = wavlmFiles();
  hub.add(ID, rest);
  const pulled = await pull();
  expect(pulled.files.map(({ name }) => name)).toContain('pytorch_model.bin');
});

test('a model that is not supported is refused before its weights are fetched', async () => {
  hub.add('org/bert', { ...wavlmFiles(), 'config.json': Buffer.from('{"model_type": "bert"}') });
  expect(await failure(pull('org/bert'))).toMatchObject({ code: 'E_ENCODER_UNSUPPORTED' });
  expect(hub.downloads()).not.toContain('model.safetensors');
});

test('a model without weights that can be read', async () => {
  const { 'config.json': config, 'preprocessor_config.json': input } = wavlmFiles();
  hub.add('org/flax', {
    'config.json': config!,
    'preprocessor_config.json': input!,
    'flax_model.msgpack': noise(9),
  });
  expect(await failure(pull('org/flax'))).toMatchObject({ code: 'E_ENCODER_WEIGHTS' });
});

test('a digest that leads out of the cache is no digest', async () => {
  hub.intercept = ({ path }, response) => {
    if (!path.includes('/tree/')) return false;
    response.end(JSON.stringify([{ type: 'file', path: 'config.json', oid: '../../../x', size: 1 }]));
    return true;
  };
  expect(await failure(pull())).toMatchObject({ code: 'E_HUB_HTTP' });
});

test('revisions: a branch of several parts, and a commit, which gets no ref', async () => {
  hub.add(ID, wavlmFiles(), COMMIT, ['main', 'refs/pr/3']);
  expect(await pull(`${ID}@refs/pr/3`)).toMatchObject({ source: `${ID}@refs/pr/3`, commit: COMMIT });
  expect(readFileSync(join(repository(), 'refs', 'refs', 'pr', '3'), 'utf8')).toBe(COMMIT);
  await pull(`${ID}@${COMMIT}`);
  expect(readdirSync(join(repository(), 'refs'))).toEqual(['refs']);
});

test('a new commit fetches what has changed', async () => {
  await pull();
  const commit = 'f'.repeat(40);
  hub.add(
    ID,
    {
      ...wavlmFiles(),
      'preprocessor_config.json': Buffer.from(`${wavlmFiles()['preprocessor_config.json']} `),
    },
    commit,
  );
  hub.requests.length = 0;
  const pulled = await pull();
  expect(hub.downloads()).toEqual(['preprocessor_config.json']);
  expect(holds(join(pulled.directory, 'model.safetensors'), weights)).toBe(true);
  expect(readFileSync(join(repository(), 'refs', 'main'), 'utf8')).toBe(commit);
});

test('where there can be no links, files are copied', async () => {
  await pull(ID, { HF_HUB_DISABLE_SYMLINKS: '1' });
  expect(lstatSync(snapshot('model.safetensors')).isSymbolicLink()).toBe(false);
  expect(holds(snapshot('model.safetensors'), weights)).toBe(true);
});

test('a link whose file is gone is mended', async () => {
  await pull();
  rmSync(weightsBlob());
  const again = await pull();
  expect(again.fetchedBytes).toBe(weights.length);
  expect(holds(snapshot('model.safetensors'), weights)).toBe(true);
});

const withFullDevice = existsSync('/dev/full') ? test : test.skip;
withFullDevice('a full disk is said with its cure, and not tried again', async () => {
  mkdirSync(join(repository(), 'blobs'), { recursive: true });
  symlinkSync('/dev/full', `${weightsBlob()}.incomplete`);
  expect(await failure(pull())).toMatchObject({
    code: 'E_DISK_FULL',
    exitCode: 4,
    cure: expect.stringContaining('HF_HOME'),
  });
  expect(hub.downloads().filter((name) => name === 'model.safetensors')).toHaveLength(1);
});

test('an abort while another process holds the model ends the wait', async () => {
  const lock = join(home, 'hub', '.locks', 'models--microsoft--wavlm-base', 'ser-native.lock');
  mkdirSync(dirname(lock), { recursive: true });
  writeFileSync(lock, JSON.stringify({ pid: process.pid, host: hostname() }));
  expect(await failure(pull(ID, {}, { signal: AbortSignal.timeout(200) }))).toMatchObject({
    code: 'E_INTERRUPTED',
    message: expect.stringContaining('download'),
  });
  expect(existsSync(lock)).toBe(true);
});

test('a cache that cannot be made is said with its cure', async () => {
  writeFileSync(join(home, 'hub'), 'a file');
  expect(await failure(pull())).toMatchObject({
    code: 'E_CACHE_PATH',
    cure: expect.stringContaining('HF_HOME'),
  });
});
