import { existsSync } from 'node:fs';
import path from 'node:path';

import { afterAll, describe, expect, test } from '@jest/globals';

import { readCorpus } from '../../lib/corpus/index.js';
import { ravdessStems } from '../../lib/corpus/ravdess.js';
import { DataError, UsageError } from '../../lib/errors.js';
import { makeTree, removeTrees } from './temporary-tree.js';

const real = path.resolve('..', 'shared', 'corpora', 'ravdess');

/** Empty files stand for audio: the reader looks at names alone. */
function fullTree(place: (stem: string) => string): Record<string, string> {
  return Object.fromEntries(ravdessStems().map((stem) => [place(stem), '']));
}
const inActor = (stem: string, extension = 'wav'): string => `Actor_${stem.slice(-2)}/${stem}.${extension}`;

afterAll(removeTrees);

describe('the expected stems', () => {
  test('are 24 x 60, 96 of them neutral, without a strong neutral', () => {
    const stems = ravdessStems();
    expect(stems).toHaveLength(1440);
    expect(stems.filter((stem) => stem.startsWith('03-01-01-'))).toHaveLength(96);
    expect(stems.filter((stem) => stem.startsWith('03-01-01-02'))).toEqual([]);
    expect(stems.filter((stem) => stem.endsWith('-07'))).toHaveLength(60);
  });
});

describe('a complete copy', () => {
  test('yields every utterance with labels, speaker, gender and text, in id order', async () => {
    const root = await makeTree(fullTree((stem) => inActor(stem)));
    const corpus = await readCorpus('ravdess', { data: root });
    expect(corpus.classes).toEqual([
      'neutral',
      'calm',
      'happiness',
      'sadness',
      'anger',
      'fear',
      'disgust',
      'surprise',
    ]);
    expect(corpus.utterances.map(({ id }) => id)).toEqual(ravdessStems());
    expect(corpus.dropped).toEqual([]);
    expect(corpus.warnings).toEqual([]);
    expect(corpus.partial).toBeUndefined();
    expect(corpus.synthetic).toBe(false);
    expect(corpus.utterances.find(({ id }) => id === '03-01-05-02-01-02-12')).toEqual({
      id: '03-01-05-02-01-02-12',
      path: path.join(root, 'Actor_12', '03-01-05-02-01-02-12.wav'),
      emotion: 'anger',
      speaker: 'Actor_12',
      gender: 'female',
      text: 'Kids are talking by the door',
      source: {
        modality: '03',
        channel: '01',
        emotion: 'angry',
        intensity: 'strong',
        statement: '01',
        repetition: '02',
        actor: '12',
      },
    });
  });

  test('is found in the layout of the zip, with copies, song, video and macOS files left out by reason', async () => {
    const nested = 'Audio_Speech_Actors_01-24';
    const root = await makeTree({
      ...fullTree((stem) => `${nested}/${inActor(stem)}`),
      [`${nested}/copy/Actor_01/03-01-01-01-01-01-01.wav`]: '',
      [`${nested}/Actor_02/03-01-01-01-01-01-02.flac`]: '',
      'Actor_01/03-02-01-01-01-01-01.wav': '',
      'Actor_01/01-01-01-01-01-01-01.mp4': '',
      'Actor_01/02-01-01-01-01-01-01.mp4': '',
      'Actor_01/03-01-09-01-01-01-01.wav': '',
      'Actor_01/noise.wav': '',
      [`${nested}/Actor_01/._03-01-01-01-01-01-01.wav`]: '',
    });
    const corpus = await readCorpus('ravdess', { data: root });
    expect(corpus.utterances).toHaveLength(1440);
    const counts = Object.fromEntries(
      corpus.dropped.map(({ reason, paths }) => [reason.split(/[ (,]/)[0], paths.length]),
    );
    expect(counts).toEqual({ macOS: 1, another: 2, song: 1, video: 2, a: 1, the: 1 });
    const kept = corpus.utterances.find(({ id }) => id === '03-01-01-01-01-01-02')!;
    expect(kept.path).toMatch(/Actor_02[/\\]03-01-01-01-01-01-02\.wav$/);
    const first = corpus.utterances.find(({ id }) => id === '03-01-01-01-01-01-01')!;
    expect(first.path).not.toContain('copy');
  });
});

describe('a partial copy', () => {
  const partial = async (): Promise<string> => {
    const files = fullTree((stem) => inActor(stem, 'flac'));
    for (const stem of ravdessStems()) if (stem.endsWith('-24')) delete files[inActor(stem, 'flac')];
    delete files['Actor_03/03-01-08-02-02-02-03.flac'];
    return makeTree(files);
  };

  test('is refused, naming whole actors and single files', async () => {
    const error: unknown = await readCorpus('ravdess', { data: await partial() }).catch(
      (reason: unknown) => reason,
    );
    expect(error).toBeInstanceOf(DataError);
    expect((error as DataError).code).toBe('E_CORPUS_PARTIAL');
    expect((error as DataError).message).toContain('1379 were found');
    expect((error as DataError).message).toContain('all 60 of Actor_24');
    expect((error as DataError).message).toContain('03-01-08-02-02-02-03');
    expect((error as DataError).cure).toContain('allowPartial');
  });

  test('is a warning with allowPartial', async () => {
    const corpus = await readCorpus('ravdess', { data: await partial(), allowPartial: true });
    expect(corpus.utterances).toHaveLength(1379);
    expect(corpus.partial).toBe(true);
    expect(corpus.warnings).toHaveLength(1);
    expect(corpus.warnings[0]).toContain('Actor_24');
  });
});

describe('paths that cannot be RAVDESS', () => {
  test('no path, no folder, a file, an empty folder, song alone', async () => {
    const root = await makeTree({ 'notes.txt': '', 'song/Actor_01/03-02-01-01-01-01-01.wav': '' });
    const empty = await makeTree({});
    await expect(readCorpus('ravdess')).rejects.toThrow(UsageError);
    await expect(readCorpus('ravdess', { data: path.join(root, 'missing') })).rejects.toThrow(
      /does not exist/,
    );
    await expect(readCorpus('ravdess', { data: path.join(root, 'notes.txt') })).rejects.toThrow(/is a file/);
    await expect(readCorpus('ravdess', { data: empty })).rejects.toThrow(/found no audio file/);
    await expect(readCorpus('ravdess', { data: root })).rejects.toThrow(/1 x song/);
  });
});

const withReal = existsSync(real) ? test : test.skip;
if (!existsSync(real)) console.warn(`RAVDESS is not at ${real}: the test on real files is skipped.`);

withReal('the real corpus is complete and has the published class counts', async () => {
  const corpus = await readCorpus('ravdess', { data: real });
  expect(corpus.utterances).toHaveLength(1440);
  const counts = corpus.classes.map(
    (emotion) => corpus.utterances.filter((one) => one.emotion === emotion).length,
  );
  expect(counts).toEqual([96, 192, 192, 192, 192, 192, 192, 192]);
  expect(new Set(corpus.utterances.map(({ speaker }) => speaker)).size).toBe(24);
  expect(corpus.utterances.every((one) => existsSync(one.path))).toBe(true);
  expect(corpus.dropped).toEqual([]);
});
