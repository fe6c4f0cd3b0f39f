import {
  appendFileSync,
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  type DecodeProgress,
  openOrBuildStore,
  readInt16Samples,
  readSamples,
  type StoreOptions,
  type StorePlan,
  storeDirectory,
} from '../../lib/audio/store.js';
import { DataError } from '../../lib/errors.js';
import { encodeWav, tone } from './wav-encoder.js';

let folder: string;
let directory: string;
let utterances: { id: string; path: string }[];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'ser-native-store-'));
  directory = join(folder, 'cache', 'store');
  utterances = [0, 1, 2, 3, 4].map((i) => {
    const path = join(folder, `u${i}.wav`);
    writeFileSync(path, encodeWav(tone(1000 + i, 200 + 100 * i)));
    return { id: `u${i}`, path };
  });
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** Opens the store and tells which files were decoded. */
async function open(options: Partial<StoreOptions> = {}) {
  const events: DecodeProgress[] = [];
  const store = await openOrBuildStore({
    name: 'test',
    utterances,
    directory,
    onBadAudio: 'fail',
    onProgress: (event) => events.push(event),
    ...options,
  });
  return { store, events, decoded: events.at(-1)?.total ?? 0 };
}

test('holds every utterance as decoded, with what was measured', async () => {
  const { store, events } = await open();
  expect([...store.entries.keys()]).toEqual(['u0', 'u1', 'u2', 'u3', 'u4']);
  expect(statSync(store.path).size).toBe(store.samples * 2);
  expect(store.samples).toBe(5010);
  const expected = tone(1003, 500);
  expect(readSamples(store, 'u3')).toEqual(expected);
  const entry = store.entries.get('u3')!;
  expect(entry).toMatchObject({ offset: 3003, length: 1003, decoder: 'wav@1', peak: 0.5 });
  expect(entry.rms).toBeCloseTo(0.5 / Math.SQRT2, 2);
  expect(events.at(-1)).toMatchObject({
    type: 'decode',
    done: 5,
    total: 5,
    etaSeconds: 0,
    file: utterances[4]!.path,
  });
});

test('unchanged files are not decoded again, whatever happened to their content meanwhile', async () => {
  const { path } = utterances[0]!;
  utimesSync(path, 1000, 1000);
  const first = await open();
  // Same size and time, other bytes: proof that the second run reads none of them.
  writeFileSync(path, encodeWav(tone(1000, 777)));
  utimesSync(path, 1000, 1000);
  const { store, decoded } = await open();
  expect(decoded).toBe(0);
  expect(store).toEqual(first.store);
});

test('a touched file is hashed, a changed one decoded, the others taken over', async () => {
  await open();
  utimesSync(utterances[1]!.path, 1, 1);
  expect((await open()).decoded).toBe(0);
  writeFileSync(utterances[2]!.path, encodeWav(tone(2000, 900)));
  const { store, decoded } = await open();
  expect(decoded).toBe(1);
  expect(readSamples(store, 'u2')).toEqual(tone(2000, 900));
  expect(readSamples(store, 'u4')).toEqual(tone(1004, 600));
  expect((await open()).decoded).toBe(0);
});

test('same size, same second, other content is decoded again when the time differs', async () => {
  await open();
  writeFileSync(utterances[0]!.path, encodeWav(tone(1000, 333)));
  utimesSync(utterances[0]!.path, 5, 5);
  const { store } = await open();
  expect(readSamples(store, 'u0')).toEqual(tone(1000, 333));
});

test('a corpus that grew decodes only the new; one that shrank keeps the rest for later', async () => {
  await open({ utterances: utterances.slice(0, 2) });
  expect((await open()).decoded).toBe(3);
  const fewer = await open({ utterances: utterances.slice(3) });
  expect(fewer.decoded).toBe(0);
  expect([...fewer.store.entries.keys()]).toEqual(['u3', 'u4']);
  expect((await open()).decoded).toBe(0);
});

test('a moved corpus is recognised by its content', async () => {
  await open();
  const moved = join(folder, 'moved');
  mkdirSync(moved);
  const elsewhere = utterances.map(({ id, path }) => {
    renameSync(path, join(moved, `${id}.wav`));
    return { id, path: join(moved, `${id}.wav`) };
  });
  expect((await open({ utterances: elsewhere })).decoded).toBe(0);
});

describe('bad audio', () => {
  beforeEach(() => {
    writeFileSync(utterances[1]!.path, encodeWav(tone(100)));
    writeFileSync(utterances[3]!.path, '');
    rmSync(utterances[4]!.path);
  });

  test('fail lists every file, and the good ones are stored all the same', async () => {
    const error = await open().catch((caught: unknown) => caught);
    expect(error).toBeInstanceOf(DataError);
    expect(error).toMatchObject({
      code: 'E_BAD_AUDIO',
      exitCode: 3,
      cure: expect.stringMatching(/--on-bad-audio skip/),
    });
    const { message, details } = error as DataError;
    expect(message).toMatch(/^3 of the 5 audio files of test cannot be used:\n/);
    expect(message).toMatch(/u1\.wav: it has 100 samples/);
    expect(message).toMatch(/u3\.wav: the file is empty/);
    expect(message).toMatch(/u4\.wav: the file does not exist/);
    expect((details as { files: { id: string }[] }).files.map(({ id }) => id).sort()).toEqual([
      'u1',
      'u3',
      'u4',
    ]);
    expect((await open({ onBadAudio: 'skip' })).decoded).toBe(0);
  });

  test('skip leaves them out, remembers them, and tries again once they change', async () => {
    const { store } = await open({ onBadAudio: 'skip' });
    expect([...store.entries.keys()]).toEqual(['u0', 'u2']);
    expect(store.bad.map(({ id }) => id).sort()).toEqual(['u1', 'u3', 'u4']);
    const again = await open({ onBadAudio: 'skip' });
    expect(again.decoded).toBe(0);
    expect(again.store).toEqual(store);
    writeFileSync(utterances[3]!.path, encodeWav(tone(800)));
    const repaired = await open({ onBadAudio: 'skip' });
    expect(repaired.decoded).toBe(1);
    expect(repaired.store.bad.map(({ id }) => id).sort()).toEqual(['u1', 'u4']);
  });

  test('a corpus without one usable file is an error under skip too', async () => {
    await expect(open({ onBadAudio: 'skip', utterances: [utterances[1]!, utterances[3]!] })).rejects.toThrow(
      /2 of the 2 audio files/,
    );
    expect(existsSync(directory) ? readdirSync(directory) : []).toEqual([]);
  });

  test('a long list is cut in the message, not in the details', async () => {
    const many = Array.from({ length: 30 }, (_, i) => ({
      id: `m${i}`,
      path: join(folder, `missing${i}.wav`),
    }));
    const error = (await open({ utterances: [utterances[0]!, ...many] }).catch(
      (e: unknown) => e,
    )) as DataError;
    expect(error.message).toMatch(/and 10 more$/);
    expect((error.details as { files: unknown[] }).files).toHaveLength(30);
  });
});

describe('damage to the store itself', () => {
  test.each<[string, (packed: string, index: string) => void, RegExp]>([
    ['cut packed file', (packed) => truncateSync(packed, 5000), /has 5000 bytes, expected 10020/],
    ['longer packed file', (packed) => appendFileSync(packed, 'xx'), /has 10022 bytes/],
    ['missing packed file', (packed) => rmSync(packed), /packed file is missing/],
    ['index of another version', (_, index) => edit(index, '"version":1', '"version":999'), /version 999/],
    ['broken index', (_, index) => truncateSync(index, 100), /no JSON/],
    ['entry out of range', (_, index) => edit(index, '"offset":4006', '"offset":999999'), /lies outside/],
    [
      'path outside',
      (_, index) => edit(index, '"file":"samples', '"file":"../samples'),
      /names no packed file/,
    ],
  ])('%s: built again, saying why', async (_, harm, reason) => {
    const before = (await open()).store;
    harm(before.path, join(directory, 'index.json'));
    const warnings: string[] = [];
    const { store, decoded } = await open({ onWarning: (message) => warnings.push(message) });
    expect(warnings).toEqual([expect.stringMatching(reason)]);
    expect(decoded).toBe(5);
    expect(store.entries).toEqual(before.entries);
    expect(readSamples(store, 'u4')).toEqual(tone(1004, 600));
  });

  function edit(path: string, from: string, to: string): void {
    const text = readFileSync(path, 'utf8');
    expect(text).toContain(from);
    writeFileSync(path, text.replace(from, to));
  }

  test('flipped bits are found when samples are taken over, and decoded anew', async () => {
    const before = (await open()).store;
    const bytes = readFileSync(before.path);
    bytes[2 * before.entries.get('u1')!.offset + 7]! ^= 1;
    writeFileSync(before.path, bytes);
    writeFileSync(utterances[4]!.path, encodeWav(tone(600)));
    const { store, decoded } = await open();
    expect(decoded).toBe(2);
    expect(readSamples(store, 'u1')).toEqual(tone(1001, 300));
  });

  test('verify finds flipped bits in a store that nothing else would rewrite, and decodes them anew', async () => {
    const before = (await open()).store;
    const bytes = readFileSync(before.path);
    bytes[2 * before.entries.get('u2')!.offset + 11]! ^= 4;
    writeFileSync(before.path, bytes);
    expect((await open()).decoded).toBe(0);
    const plans: StorePlan[] = [];
    const { store, decoded } = await open({ verify: true, onPlan: (plan) => plans.push(plan) });
    expect(plans).toEqual([{ reused: 4, decode: 1, bad: 0, damaged: ['u2'] }]);
    expect(decoded).toBe(1);
    expect(readSamples(store, 'u2')).toEqual(tone(1002, 400));
    expect((await open({ verify: true })).decoded).toBe(0);
  });
});

describe('stopping and sharing', () => {
  test('an aborted build keeps what it has decoded, and the next goes on from there', async () => {
    const stop = new AbortController();
    const building = open({
      signal: stop.signal,
      onProgress: () => stop.abort(),
      utterances: [...utterances, ...more()],
    });
    await expect(building).rejects.toMatchObject({
      code: 'E_INTERRUPTED',
      exitCode: 130,
      cure: expect.stringMatching(/kept/),
    });
    expect(readdirSync(directory).filter((name) => name.startsWith('partial-'))).toEqual([]);
    const plans: StorePlan[] = [];
    const { store } = await open({
      utterances: [...utterances, ...more()],
      onPlan: (plan) => plans.push(plan),
    });
    expect(plans).toEqual([{ reused: expect.any(Number), decode: expect.any(Number), bad: 0, damaged: [] }]);
    expect(plans[0]!.reused).toBeGreaterThan(0);
    expect(plans[0]!.reused + plans[0]!.decode).toBe(45);
    expect(readSamples(store, 'u4')).toEqual(tone(1004, 600));
  });

  test('an aborted build leaves those who read the former store undisturbed', async () => {
    const before = (await open()).store;
    for (const { path } of utterances) writeFileSync(path, encodeWav(tone(3000, 700)));
    const stop = new AbortController();
    const building = open({ signal: stop.signal, onProgress: () => stop.abort() });
    await expect(building).rejects.toMatchObject({ code: 'E_INTERRUPTED', exitCode: 130 });
    expect(readInt16Samples(before, 'u0')).toHaveLength(1000);
    expect(readSamples((await open()).store, 'u0')).toEqual(tone(3000, 700));
  });

  /** Enough files that a build cannot be through before the first progress is told. */
  function more(): { id: string; path: string }[] {
    return Array.from({ length: 40 }, (_, i) => {
      const path = join(folder, `more${i}.wav`);
      if (!existsSync(path)) writeFileSync(path, encodeWav(tone(800 + i, 300 + i)));
      return { id: `more${i}`, path };
    });
  }

  test('two builds at once both succeed with the same store', async () => {
    const [a, b] = await Promise.all([open(), open()]);
    expect(a!.store).toEqual(b!.store);
    expect(readSamples(a!.store, 'u2')).toEqual(tone(1002, 400));
    expect(readdirSync(directory).sort()).toEqual(['index.json', expect.stringMatching(/^samples-/)]);
  });

  test('what killed builds left is swept, what is in use is not', async () => {
    const { store } = await open();
    const partial = (await partialNameOfDeadProcess()).replace('PID', '999999999');
    writeFileSync(join(directory, partial), 'x');
    const old = join(directory, 'samples-0123456789abcdef.i16');
    copyFileSync(store.path, old);
    utimesSync(old, 1, 1);
    writeFileSync(utterances[0]!.path, encodeWav(tone(500)));
    await open();
    // The store just replaced may be mapped by a running training: it stays for a day.
    expect(existsSync(store.path)).toBe(true);
    expect(existsSync(old)).toBe(false);
    expect(existsSync(join(directory, partial))).toBe(false);
  });

  /** The name that this host's builds use, learnt from a build that is stopped while its file is open. */
  async function partialNameOfDeadProcess(): Promise<string> {
    const other = join(folder, 'other');
    let name = '';
    await open({
      directory: other,
      onProgress: () => {},
      synthesise: () => {
        if (existsSync(other))
          name ||= readdirSync(other).find((entry) => entry.startsWith('partial-')) ?? '';
        return Int16Array.from({ length: 500 }, (_, i) => i);
      },
      utterances: [
        utterances[0]!,
        ...Array.from({ length: 9 }, (_, i) => ({ id: `d${i}`, path: `demo:${i}` })),
      ],
    });
    expect(name).toMatch(/^partial-/);
    return name.replace(`-${process.pid}-`, '-PID-');
  }
});

describe('where it cannot be written', () => {
  test('a file in place of the folder', async () => {
    writeFileSync(join(folder, 'cache'), 'x');
    await expect(open()).rejects.toMatchObject({
      code: 'E_CACHE_PATH',
      exitCode: 3,
      cure: expect.stringMatching(/SER_CACHE/),
    });
  });

  const asRoot = process.getuid?.() === 0;
  (asRoot ? test.skip : test)('a folder that may not be written to (skipped for root, who may)', async () => {
    mkdirSync(directory, { recursive: true });
    chmodSync(directory, 0o555);
    await expect(open()).rejects.toMatchObject({ code: 'E_CACHE_READ_ONLY', exitCode: 3 });
  });
});

describe('synthesised utterances', () => {
  const demo = [{ id: 'd0', path: 'demo:0' }];
  const synthesise = () => Int16Array.from({ length: 800 }, (_, i) => (i % 50) * 100);

  test('are made once per version of the synthesiser', async () => {
    let calls = 0;
    const counted = () => {
      calls++;
      return synthesise();
    };
    const { store } = await open({ utterances: demo, synthesise: counted, synthesiser: 'synth@1' });
    expect(readInt16Samples(store, 'd0')).toEqual(synthesise());
    await open({ utterances: demo, synthesise: counted, synthesiser: 'synth@1' });
    expect(calls).toBe(1);
    const { store: newer } = await open({ utterances: demo, synthesise: counted, synthesiser: 'synth@2' });
    expect(calls).toBe(2);
    expect(newer.entries.get('d0')!.decoder).toBe('synth@2');
  });

  test('need a synthesiser', async () => {
    await expect(open({ utterances: demo })).rejects.toMatchObject({ code: 'E_NO_SYNTHESISER' });
  });
});

test('wrong use is named', async () => {
  await expect(open({ utterances: [] })).rejects.toMatchObject({ code: 'E_EMPTY_CORPUS' });
  await expect(open({ utterances: [utterances[0]!, { ...utterances[1]!, id: 'u0' }] })).rejects.toThrow(
    /have the id "u0"/,
  );
  const { store } = await open();
  expect(() => readSamples(store, 'nobody')).toThrow(/has no utterance "nobody"/);
});

test('folders differ by corpus and source, and are the same for every spelling of a path', () => {
  const of = (name: string, root?: string) => storeDirectory('/cache', name, root);
  expect(of('ravdess', '/data/a')).toBe(of('ravdess', '/data/b/../a/'));
  expect(new Set([of('demo'), of('ravdess', '/a'), of('ravdess', '/b'), of('manifest', '/a')]).size).toBe(4);
  expect(of('../evil name', '/a')).toMatch(/^\/cache\/stores\/[A-Za-z0-9_-][^/]*$/);
});
