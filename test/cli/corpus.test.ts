import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { columnsOf } from '../../lib/text-layout.js';
import { fixtureTree } from '../corpus/fixture-tree.js';
import { removeTrees } from '../corpus/temporary-tree.js';
import { plantCorpus, UTTERANCES } from '../describe/planted.js';
import { run, start } from './command.js';

let cwd: string;
let env: Record<string, string>;
let manifest: string;
beforeAll(async () => {
  cwd = await mkdtemp(join(tmpdir(), 'ser-corpus-'));
  env = { SER_CACHE: join(cwd, 'cache') };
  manifest = await plantCorpus(join(cwd, 'planted'));
});
afterAll(async () => {
  await rm(cwd, { recursive: true, force: true });
  await removeTrees();
});

const ser = (...args: string[]) => run(args, { cwd, env });

describe('ser-native corpus', () => {
  it('prints the counts that scripts rely on under --json, and nothing else on stdout', async () => {
    const { code, stdout } = await ser('corpus', 'manifest', '--data', manifest, '--json');
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({
      corpus: 'manifest',
      utterances: UTTERANCES,
      classes: { sadness: 52, anger: 53 },
      speakers: { anna: 26, ben: 27, cleo: 26, dora: 25, eve: 1 },
      sessions: { s1: 53, s2: 52 },
      dropped: {},
    });
  });

  it('names no sessions where the corpus has none', async () => {
    const { stdout } = await ser('corpus', 'demo', '--no-audio', '--json');
    const description = JSON.parse(stdout);
    expect(description).not.toHaveProperty('sessions');
    expect(description).not.toHaveProperty('audio');
    expect(description).toMatchObject({ corpus: 'demo', utterances: 320, dropped: {} });
  });

  it('tells a person in lines of 80 columns what is there and what to mind', async () => {
    const { code, stdout, stderr } = await ser('corpus', 'manifest', '--data', manifest);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^manifest: 105 utterances, 5 speakers \(4 female, 1 male\), 2 classes/);
    expect(stdout).toMatch(/Mind: .*clipped/);
    expect(stdout).toMatch(/Mind: One recording occurs more than once[^:]*\n? *\(anna-sadness-03 = copy\)/);
    expect(stdout).toMatch(/loso cannot be planned: Fold \d leaks/);
    for (const line of stdout.split('\n')) {
      if (!line.includes(cwd)) expect(columnsOf(line)).toBeLessThanOrEqual(80);
    }
    expect(stderr).not.toMatch(/Decoding/); // it has been decoded by the test before
  });

  it('says under --no-audio that it read labels only, and decodes nothing', async () => {
    const fresh = { SER_CACHE: join(cwd, 'unused') };
    const { code, stdout } = await run(['corpus', 'manifest', '--data', manifest, '--no-audio'], {
      cwd,
      env: fresh,
    });
    expect(code).toBe(0);
    expect(stdout).toMatch(/Labels only/);
    await expect(readFile(join(cwd, 'unused'))).rejects.toThrow(/ENOENT/);
  });

  it('writes a page and a manifest on request', async () => {
    const { code, stderr } = await ser(
      ...['corpus', 'manifest', '--data', manifest],
      ...['--html', 'pages/planted.html', '--export-manifest', 'copy.csv'],
    );
    expect(code).toBe(0);
    expect(stderr).toMatch(/page {6}pages\/planted\.html/);
    expect(await readFile(join(cwd, 'pages/planted.html'), 'utf8')).toMatch(/^<!doctype html>/);
    const copy = await ser('corpus', 'manifest', '--data', 'copy.csv', '--no-audio', '--json');
    expect(JSON.parse(copy.stdout).speakers).toEqual({ anna: 26, ben: 27, cleo: 26, dora: 25, eve: 1 });
  });

  it("writes EmoBox' lists, with the folds of a protocol", async () => {
    const fixture = await fixtureTree('savee', { clean: true });
    const args = ['corpus', 'savee', '--data', fixture.root, '--no-audio', '--json'];
    const { code, stderr } = await ser(...args, '--export-emobox', 'emobox', '--protocol', 'savee-4fold');
    expect(code).toBe(0);
    expect(stderr).toMatch(/EmoBox {4}emobox\/savee/);
    const back = await ser('corpus', 'emobox', '--data', 'emobox/savee', '--no-audio', '--json');
    expect(JSON.parse(back.stdout)).toMatchObject({
      utterances: 480,
      speakers: { DC: 120, JE: 120, JK: 120, KL: 120 },
    });
  });

  it('lists the corpora that can be read', async () => {
    const { code, stdout } = await ser('corpus');
    expect(code).toBe(0);
    for (const name of ['demo', 'ravdess', 'manifest', 'folder'])
      expect(stdout).toMatch(new RegExp(`^${name} `, 'm'));
  });

  it.each([
    ['an unknown corpus', ['ravdes'], 2, /Did you mean ravdess/],
    ['a corpus without its data', ['ravdess'], 2, /--data/],
    ['a folder that is not there', ['ravdess', '--data', 'nowhere'], 3, /nowhere does not exist/],
    ['a folder that is no such corpus', ['ravdess', '--data', 'planted'], 3, /No RAVDESS speech/],
    ['a choice that it does not have', ['demo', '--choice', 'classes=4'], 2, /no choice/],
    ['a protocol without anything to export', ['demo', '--protocol', 'loso'], 2, /--export-emobox/],
    ['a manifest of the demo corpus', ['demo', '--export-manifest', 'x.csv'], 2, /synthesised/],
  ])('refuses %s', async (_what, args, code, message) => {
    const result = await ser('corpus', ...args);
    expect(result.code).toBe(code);
    expect(result.stderr).toMatch(message);
    expect(result.stderr).not.toMatch(/\n\s+at /);
  });
});

describe('ser-native prepare', () => {
  it('decodes, then finds everything there', async () => {
    const args = ['prepare', '--corpus', 'manifest', '--data', manifest, '--on-bad-audio', 'skip'];
    const fresh = { SER_CACHE: join(cwd, 'fresh') };
    const first = await run([...args, '--json'], { cwd, env: fresh });
    expect(first.code).toBe(0);
    const result = JSON.parse(first.stdout);
    expect(result).toMatchObject({ corpus: 'manifest', decoded: UTTERANCES - 1, reused: 0, verified: false });
    expect(result.bad).toMatchObject([{ id: 'broken' }]);
    expect(JSON.parse(await readFile(result.statistics, 'utf8'))).toMatchObject({ utterances: UTTERANCES });
    const second = await run([...args, '--verify'], { cwd, env: fresh });
    expect(second.code).toBe(0);
    expect(second.stdout).toMatch(/0 decoded, 104 there already, 1 left out, 104 verified, 0 damaged/);
  });

  it('ends with 3 and the list of bad files by default', async () => {
    const { code, stderr } = await ser('prepare', '--corpus', 'manifest', '--data', manifest);
    expect(code).toBe(3);
    expect(stderr).toMatch(/broken\.wav: all its samples are zero/);
  });

  it('stops on Ctrl-C with 130 and goes on from there', async () => {
    const fresh = { SER_CACHE: join(cwd, 'stopped') };
    // Long enough to be met in the middle: the demo corpus is synthesised on the main thread, 320 utterances in seconds.
    const running = start(['prepare', '--corpus', 'demo'], { cwd, env: fresh });
    await running.printed(/decoding/);
    running.child.kill('SIGINT');
    const { code, stderr } = await running.finished;
    expect(code).toBe(130);
    expect(stderr).toMatch(/stopped after \d+ of 320 files/);
    expect(stderr).toMatch(/what was decoded is kept/);
    const { stdout } = await run(['prepare', '--corpus', 'demo', '--json'], { cwd, env: fresh });
    const { decoded, reused } = JSON.parse(stdout);
    expect(reused).toBeGreaterThan(0);
    expect(decoded + reused).toBe(320);
  });

  it.each([
    ['no corpus', [], 2, /--corpus/],
    ['a broken file list', ['--corpus', 'manifest', '--data', 'broken.csv'], 3, /line 1/],
  ])('refuses %s', async (_what, args, code, message) => {
    await writeFile(join(cwd, 'broken.csv'), 'file,label\na.wav,anger\n');
    const result = await ser('prepare', ...args);
    expect(result.code).toBe(code);
    expect(result.stderr).toMatch(message);
  });
});
