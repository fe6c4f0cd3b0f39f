import { existsSync, statSync } from 'node:fs';
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describeCorpus, prepareCorpus } from '../../lib/describe/describe-corpus.js';
import type { CorpusDescription, DescribeEvent, WarningKind } from '../../lib/describe/types.js';
import { CLASSES, plantCorpus, UTTERANCES } from './planted.js';

let folder: string;
let manifest: string;
const before = process.env.SER_CACHE;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'ser-describe-'));
  process.env.SER_CACHE = join(folder, 'cache');
  manifest = await plantCorpus(join(folder, 'planted'));
});
afterAll(async () => {
  if (before === undefined) delete process.env.SER_CACHE;
  else process.env.SER_CACHE = before;
  await rm(folder, { recursive: true, force: true });
});

const warned = (description: CorpusDescription, kind: WarningKind) =>
  description.warnings.filter((warning) => warning.kind === kind);

describe('describeCorpus', () => {
  let description: CorpusDescription;
  beforeAll(async () => {
    description = await describeCorpus({ corpus: 'manifest', data: manifest });
  });

  it('counts utterances, classes, speakers and sessions', () => {
    expect(description).toMatchObject({
      corpus: 'manifest',
      synthetic: false,
      utterances: UTTERANCES,
      classes: { sadness: 52, anger: 53 },
      speakers: { anna: 26, ben: 27, cleo: 26, dora: 25, eve: 1 },
      sessions: { s1: 53, s2: 52 },
      dropped: {},
      genders: { male: 1, female: 4, unknown: 0 },
    });
    expect(Object.keys(description.classes)).toEqual(CLASSES);
    const dora = description.perSpeaker.find(({ speaker }) => speaker === 'dora');
    expect(dora).toMatchObject({ gender: 'female', sessions: ['s2'], classes: { sadness: 12, anger: 13 } });
    expect(description.perClass.map(({ speakers }) => speakers)).toEqual([4, 5]);
  });

  it('measures lengths and levels of what was decoded', () => {
    const audio = description.audio!;
    expect(audio.utterances).toBe(UTTERANCES - 1);
    expect(audio.seconds.min).toBeCloseTo(0.2, 3);
    expect(audio.seconds.max).toBeCloseTo(31, 3);
    expect(audio.seconds.histogram.counts.reduce((a, b) => a + b)).toBe(UTTERANCES - 1);
    expect(audio.seconds.histogram.open).toBe(true);
    expect(audio.level.rms.median).toBeGreaterThan(-18);
    expect(audio.level.rms.median).toBeLessThan(-10);
    expect(audio.sourceRates).toEqual({ 8000: 1, 16000: UTTERANCES - 2 });
    expect(audio.shortcuts.chance).toBe(0.5);
    expect(statSync(audio.store.path).size).toBe(audio.store.bytes);
  });

  it.each<[WarningKind, string[]]>([
    ['bad-audio', ['broken']],
    ['clipping', ['clipped']],
    ['near-silence', ['faint']],
    ['short', ['blip']],
    ['long', ['endless']],
    ['offset', ['shifted']],
    ['duplicate', ['anna-sadness-03', 'copy']],
    ['sampling-rate', ['narrow']],
    ['speaker-lacks-class', ['eve']],
    ['small-speaker', ['eve']],
  ])('warns of what was planted: %s', (kind, items) => {
    const [warning, ...more] = warned(description, kind);
    expect(more).toEqual([]);
    expect([...warning!.items!].sort()).toEqual(items);
    for (const item of items) expect(warning!.message).toContain(item);
  });

  it('says that the copy stands under two speakers, and warns of nothing that was not planted', () => {
    expect(warned(description, 'duplicate')[0]!.message).toMatch(/under several speakers/);
    const kinds: WarningKind[] = [
      'level-tells-class',
      'length-tells-class',
      'class-imbalance',
      'class-of-one-speaker',
      'outvoted-label',
      'silence',
      'decoded-with-complaint',
    ];
    for (const kind of kinds) expect(warned(description, kind)).toEqual([]);
  });

  it('tries the protocols out: one that would part the copy is named with its problem', () => {
    const loso = description.protocols.find(({ name }) => name === 'loso')!;
    expect(loso.problem).toMatch(/leak/i);
  });

  it('reads labels alone without decoding', async () => {
    const events: DescribeEvent[] = [];
    const labels = await describeCorpus({
      corpus: 'manifest',
      data: manifest,
      audio: false,
      onEvent: (event) => events.push(event),
    });
    expect(labels.audio).toBeUndefined();
    expect(labels.classes).toEqual(description.classes);
    expect(labels.perClass[0]).not.toHaveProperty('seconds');
    expect(events.map(({ type }) => type)).toEqual(['corpus']);
  });

  it('decodes and measures once', async () => {
    const events: DescribeEvent[] = [];
    const again = await describeCorpus({
      corpus: 'manifest',
      data: manifest,
      onEvent: (event) => events.push(event),
    });
    expect(again).toEqual(description);
    expect(events.map(({ type }) => type)).toEqual(['corpus', 'plan']);
    expect(events[1]).toMatchObject({ decode: 0, reused: UTTERANCES - 1, bad: 1 });
  });

  it('describes the demo corpus', async () => {
    const demo = await describeCorpus({ corpus: 'demo', audio: false });
    expect(demo).toMatchObject({
      synthetic: true,
      utterances: 320,
      classes: { neutral: 80, happiness: 80, sadness: 80, anger: 80 },
      genders: { male: 4, female: 4, unknown: 0 },
      texts: { utterances: 320, distinct: 10, inOneClass: 0 },
    });
    expect(Object.values(demo.speakers)).toEqual(new Array(8).fill(40));
    expect(demo.protocols.find((protocol) => protocol.default)).toMatchObject({
      name: 'demo-4fold',
      folds: 4,
    });
  });
});

describe('prepareCorpus', () => {
  const planted = () => ({ corpus: 'manifest', data: manifest, onBadAudio: 'skip' as const });

  it('ends with the list of bad files unless told to leave them out', async () => {
    await expect(prepareCorpus({ corpus: 'manifest', data: manifest })).rejects.toMatchObject({
      code: 'E_BAD_AUDIO',
      exitCode: 3,
      message: expect.stringContaining('broken.wav'),
    });
  });

  it('says what was there already and keeps the description beside the store', async () => {
    const prepared = await prepareCorpus(planted());
    expect(prepared).toMatchObject({ decoded: 0, reused: UTTERANCES - 1, damaged: [], verified: false });
    expect(prepared.bad.map(({ id }) => id)).toEqual(['broken']);
    expect((await stat(prepared.path)).size).toBe(prepared.bytes);
    expect(dirname(prepared.statistics)).toBe(dirname(prepared.path));
    expect(JSON.parse(await readFile(prepared.statistics, 'utf8'))).toEqual(prepared.description);
  });

  it('finds and repairs stored samples that lost bits under verify, and only there', async () => {
    const { path } = await prepareCorpus(planted());
    const bytes = await readFile(path);
    bytes[bytes.length >> 1]! ^= 1;
    await writeFile(path, bytes);
    expect((await prepareCorpus(planted())).damaged).toEqual([]);
    const events: DescribeEvent[] = [];
    const repaired = await prepareCorpus({
      ...planted(),
      verify: true,
      onEvent: (event) => events.push(event),
    });
    expect(repaired).toMatchObject({ decoded: 1, reused: UTTERANCES - 2, verified: true });
    expect(repaired.damaged).toHaveLength(1);
    expect(events).toContainEqual({ type: 'verify', done: UTTERANCES - 1, total: UTTERANCES - 1 });
    const again = await prepareCorpus({ ...planted(), verify: true });
    expect(again).toMatchObject({ decoded: 0, damaged: [] });
    expect((await readFile(again.path)).length).toBe(bytes.length);
  });

  it('stopped on the way, keeps what was decoded and goes on from there', async () => {
    const other = await plantCorpus(join(folder, 'other'));
    const stop = new AbortController();
    let done = 0;
    const stopped = prepareCorpus({
      ...planted(),
      data: other,
      signal: stop.signal,
      onEvent(event) {
        if (event.type !== 'decode') return;
        done = event.done;
        stop.abort();
      },
    });
    await expect(stopped).rejects.toMatchObject({ code: 'E_INTERRUPTED', exitCode: 130 });
    expect(done).toBeLessThan(UTTERANCES);
    const rest = await prepareCorpus({ ...planted(), data: other });
    expect(rest.reused).toBeGreaterThan(0);
    expect(rest.reused + rest.decoded).toBe(UTTERANCES - 1);
  });
});

const ravdess = fileURLToPath(new URL('../../../shared/corpora/ravdess', import.meta.url));
const there = existsSync(ravdess);
if (!there) console.warn('RAVDESS is not at ../shared/corpora/ravdess: its description test is skipped');

(there ? test : test.skip)('RAVDESS has the published counts', async () => {
  const description = await describeCorpus({ corpus: 'ravdess', data: ravdess, audio: false });
  expect(description).toMatchObject({
    utterances: 1440,
    classes: { neutral: 96, calm: 192, happiness: 192, sadness: 192, anger: 192, surprise: 192 },
    genders: { male: 12, female: 12, unknown: 0 },
    texts: { distinct: 2, utterances: 1440, inOneClass: 0 },
  });
  expect(Object.values(description.speakers)).toEqual(new Array(24).fill(60));
  expect(description.protocols.find((protocol) => protocol.default)).toMatchObject({
    name: 'ravdess-6fold',
    folds: 6,
  });
});

(there ? test : test.skip)(
  'an actor of RAVDESS: the copy that is known, and a level that tells classes',
  async () => {
    const data = join(ravdess, 'Actor_07');
    const description = await describeCorpus({ corpus: 'ravdess', data, allowPartial: true });
    expect(description).toMatchObject({ utterances: 60, speakers: { Actor_07: 60 } });
    const audio = description.audio!;
    expect(audio.bad).toEqual([]);
    expect(audio.duplicates).toEqual([['03-01-03-01-02-01-07', '03-01-03-01-02-02-07']]);
    expect(audio.sourceRates).toEqual({ 16000: 60 });
    const level = new Map(description.perClass.map((one) => [one.class, one.level!.mean]));
    expect(level.get('anger')! - level.get('neutral')!).toBeGreaterThan(10);
  },
);
