/** The store in processes of its own: decoder threads, a kill in mid-build, a full disk. */
import { mkdtempSync, readdirSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openOrBuildStore, readSamples } from '../../lib/audio/store.js';
import { type Compiled, compileAudio } from './compiled.js';
import { encodeWav, tone } from './wav-encoder.js';

const COUNT = 60;
let compiled: Compiled;
let folder: string;
let directory: string;
let utterances: { id: string; path: string }[];

beforeAll(() => {
  compiled = compileAudio();
});
afterAll(() => compiled.remove());

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'ser-native-process-'));
  directory = join(folder, 'store');
  utterances = Array.from({ length: COUNT }, (_, i) => {
    const path = join(folder, `u${i}.wav`);
    writeFileSync(path, encodeWav(tone(6000 + i, 150 + i), { sampleRate: i % 2 === 0 ? 16_000 : 48_000 }));
    return { id: `u${i}`, path };
  });
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** A program that builds the store with threads and prints what came of it. */
function program(more = ''): string {
  return `
    import { openOrBuildStore } from './audio/store.js';
    import { createDecodePool } from './audio/decode-pool.js';
    const options = {
      name: 'test', directory: ${JSON.stringify(directory)}, utterances: ${JSON.stringify(utterances)},
      onBadAudio: 'fail', concurrency: 2,
    };
    const pool = createDecodePool({ files: ${COUNT}, concurrency: 2 });
    const threads = pool.threads;
    await pool.close();
    ${more}
    try {
      const store = await openOrBuildStore(options);
      console.log(JSON.stringify({ threads, path: store.path, entries: [...store.entries.values()] }));
    } catch (error) {
      console.log(JSON.stringify({ threads, code: error.code, message: error.message, cure: error.cure, exitCode: error.exitCode, files: error.details?.files }));
    }`;
}

function inThisProcess() {
  return openOrBuildStore({ name: 'test', utterances, directory, onBadAudio: 'fail' });
}

test('threads build the same store as one thread does, and the process ends by itself', async () => {
  const { stdout, stderr, code } = await compiled.run(program());
  expect({ stderr, code }).toEqual({ stderr: '', code: 0 });
  const threaded = JSON.parse(stdout) as { threads: boolean; entries: unknown[] };
  expect(threaded.threads).toBe(true);
  rmSync(directory, { recursive: true });
  const { entries } = await inThisProcess();
  expect(threaded.entries).toEqual([...entries.values()]);
});

test('bad files come back from threads with their reasons', async () => {
  writeFileSync(utterances[7]!.path, encodeWav(new Float32Array(5000)));
  writeFileSync(utterances[8]!.path, Buffer.alloc(5000, 'RIFF'));
  const { stdout } = await compiled.run(program());
  expect(JSON.parse(stdout)).toMatchObject({
    code: 'E_BAD_AUDIO',
    exitCode: 3,
    files: [
      { id: 'u7', reason: expect.stringMatching(/all its samples are zero/) },
      { id: 'u8', reason: expect.any(String) },
    ],
  });
});

test('an abort ends a threaded build at once and leaves what was decoded, whole', async () => {
  const { stdout } = await compiled.run(
    program(`const stop = new AbortController();
      options.signal = stop.signal;
      options.onProgress = () => stop.abort();`),
  );
  expect(JSON.parse(stdout)).toMatchObject({ code: 'E_INTERRUPTED', exitCode: 130 });
  expect(readdirSync(directory).sort()).toEqual(['index.json', expect.stringMatching(/^samples-/)]);
  expect((await inThisProcess()).entries.size).toBe(COUNT);
});

test('SIGKILL in mid-build leaves the former store usable; the next build sweeps up', async () => {
  const before = await inThisProcess();
  for (const [i, { path }] of utterances.entries()) {
    writeFileSync(path, encodeWav(tone(7000 + i, 500)));
    utimesSync(path, 5, 5);
  }
  const child = compiled.start(
    program(`options.onProgress = () => {
        console.log('decoding');
        Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0); // holds the build where it is
      };`),
  );
  await new Promise((resolve) => child.stdout!.once('data', resolve));
  child.kill('SIGKILL');
  await new Promise((resolve) => child.once('exit', resolve));
  for (const i of [0, 30, 58])
    expect(readSamples(before, `u${i}`)).toHaveLength(before.entries.get(`u${i}`)!.length);
  const { entries } = await inThisProcess();
  expect(entries.get('u0')!.length).toBe(7000);
  expect(readdirSync(directory).filter((name) => name.startsWith('partial-'))).toEqual([]);
});

test('a full disk ends in a sentence with the cure, and the partial file is removed', async () => {
  // A limit on the size of files behaves as a full disk does, and needs no disk to fill.
  const { stdout } = await compiled.run(program(), 'ulimit -f 40;');
  expect(JSON.parse(stdout)).toMatchObject({
    code: 'E_DISK_FULL',
    exitCode: 3,
    message: expect.stringContaining(directory),
    cure: expect.stringMatching(/SER_CACHE/),
  });
  expect(readdirSync(directory)).toEqual([]);
});
