import path from 'node:path';

import { afterAll, describe, expect, test } from '@jest/globals';

import { readCorpus } from '../../lib/corpus/index.js';
import { DataError, UsageError } from '../../lib/errors.js';
import { makeTree, removeTrees } from './temporary-tree.js';

afterAll(removeTrees);

test('class/speaker/file: classes from the vocabulary, own ones kept, ids by path where stems repeat', async () => {
  const root = await makeTree({
    'Angry/anna/1.wav': '',
    'Angry/bob/1.wav': '',
    'HAPPINESS/anna/1.flac': '',
    'bittersweet/bob/deep/1.mp3': '',
    'bittersweet/bob/deep/._1.mp3': '',
    'readme.txt': '',
    'stray.wav': '',
  });
  const corpus = await readCorpus('folder', { data: root });
  expect(corpus.classes).toEqual(['happiness', 'anger', 'bittersweet']);
  expect(corpus.utterances).toEqual([
    {
      id: 'Angry/anna/1',
      path: path.join(root, 'Angry/anna/1.wav'),
      emotion: 'anger',
      speaker: 'anna',
      source: { emotion: 'Angry' },
    },
    {
      id: 'Angry/bob/1',
      path: path.join(root, 'Angry/bob/1.wav'),
      emotion: 'anger',
      speaker: 'bob',
      source: { emotion: 'Angry' },
    },
    {
      id: 'HAPPINESS/anna/1',
      path: path.join(root, 'HAPPINESS/anna/1.flac'),
      emotion: 'happiness',
      speaker: 'anna',
      source: { emotion: 'HAPPINESS' },
    },
    {
      id: 'bittersweet/bob/deep/1',
      path: path.join(root, 'bittersweet/bob/deep/1.mp3'),
      emotion: 'bittersweet',
      speaker: 'bob',
      source: { emotion: 'bittersweet' },
    },
  ]);
  expect(corpus.dropped.map(({ reason, paths }) => [reason, paths.length])).toEqual([
    ['macOS metadata (AppleDouble), not audio', 1],
    ['outside any class folder', 1],
  ]);
});

test('unique stems are the ids; WAV and FLAC copies are one utterance; folders of one emotion merge with a warning', async () => {
  const root = await makeTree({
    'sad/x/a.wav': '',
    'sad/x/a.flac': '',
    'sadness/y/b.wav': '',
    'calm/x/c.wav': '',
  });
  const corpus = await readCorpus('folder', { data: root });
  expect(corpus.utterances.map(({ id, emotion }) => [id, emotion])).toEqual([
    ['a', 'sadness'],
    ['b', 'sadness'],
    ['c', 'calm'],
  ]);
  expect(corpus.utterances[0]!.path).toMatch(/a\.wav$/);
  expect(corpus.dropped).toEqual([
    { reason: 'another copy of a file that is kept', paths: [path.join(root, 'sad/x/a.flac')] },
  ]);
  expect(corpus.warnings).toEqual(['Folders sad, sadness are one class: sadness.']);
});

describe('without speaker folders', () => {
  const flat = { 'sad/anna_1.wav': '', 'sad/bob_2.wav': '', 'calm/anna_3.wav': '' };

  test('is refused with the cure', async () => {
    const error: unknown = await readCorpus('folder', { data: await makeTree(flat) }).catch(
      (reason: unknown) => reason,
    );
    expect(error).toBeInstanceOf(DataError);
    expect((error as DataError).code).toBe('E_NO_SPEAKER');
    expect((error as DataError).message).toContain('without speakers no honest fold exists');
    expect((error as DataError).cure).toContain('--speaker-pattern');
    expect((error as DataError).cure).toContain('per-file');
  });

  test.each(['/([a-z]+)_\\d', '(?<speaker>[a-z]+)_\\d+\\.wav$'])(
    'pattern %s tells the speaker',
    async (speakerPattern) => {
      const corpus = await readCorpus('folder', { data: await makeTree(flat), speakerPattern });
      expect(corpus.utterances.map(({ id, speaker }) => [id, speaker])).toEqual([
        ['anna_1', 'anna'],
        ['anna_3', 'anna'],
        ['bob_2', 'bob'],
      ]);
    },
  );

  test('a pattern that misses a file names the file; broken and groupless ones are usage errors', async () => {
    const data = await makeTree(flat);
    await expect(readCorpus('folder', { data, speakerPattern: '(anna)_' })).rejects.toThrow(
      /1 of 3 files.*sad\/bob_2\.wav/s,
    );
    await expect(readCorpus('folder', { data, speakerPattern: '(anna' })).rejects.toThrow(UsageError);
    await expect(readCorpus('folder', { data, speakerPattern: 'anna' })).rejects.toThrow(/no group/);
  });

  test('per-file speakers are possible, explicitly and with a warning', async () => {
    const corpus = await readCorpus('folder', { data: await makeTree(flat), speakers: 'per-file' });
    expect(new Set(corpus.utterances.map(({ speaker }) => speaker)).size).toBe(3);
    expect(corpus.warnings[0]).toContain('too good to be true');
    const wrong = { data: await makeTree(flat), speakers: 'guess' as 'per-file' };
    await expect(readCorpus('folder', wrong)).rejects.toThrow(UsageError);
  });
});

test('an empty folder and a single class are refused', async () => {
  await expect(readCorpus('folder', { data: await makeTree({}) })).rejects.toThrow(/No audio below/);
  await expect(readCorpus('folder', { data: await makeTree({ 'sad/x/1.wav': '' }) })).rejects.toThrow(
    /Only one class/,
  );
});
