import path from 'node:path';

import { afterAll, describe, expect, test } from '@jest/globals';

import { readCorpus } from '../../lib/corpus/index.js';
import { fixtureTree } from './fixture-tree.js';
import { droppedCounts, refusalOf, tally, wrongUtterances } from './reading.js';
import { makeTree, removeTrees } from './temporary-tree.js';

afterAll(removeTrees);

describe.each(['folders', 'flat'])('a complete copy, layout %s', (layout) => {
  test('has the published counts, every speaker right, and the traps left out by reason', async () => {
    const tree = await fixtureTree('savee', { empty: true, layout });
    const corpus = await readCorpus('savee', { data: tree.root });
    expect(corpus.utterances).toHaveLength(480);
    expect(tally(corpus.utterances, ({ speaker }) => speaker)).toEqual({
      DC: 120,
      JE: 120,
      JK: 120,
      KL: 120,
    });
    expect(corpus.classes).toEqual([
      'neutral',
      'happiness',
      'sadness',
      'anger',
      'fear',
      'disgust',
      'surprise',
    ]);
    expect(tally(corpus.utterances, ({ emotion }) => emotion)).toEqual({
      neutral: 120,
      happiness: 60,
      sadness: 60,
      anger: 60,
      fear: 60,
      disgust: 60,
      surprise: 60,
    });
    expect(wrongUtterances(corpus, tree.utterances)).toEqual([]);
    expect(corpus.warnings).toEqual([]);
    expect(corpus.partial).toBeUndefined();
    expect(droppedCounts(corpus)).toEqual({
      'macOS metadata (AppleDouble), not audio': 3,
      'video, the recordings of the audio files again': 4,
      'another copy of an utterance that is kept': 2,
      'a sentence beyond the 15 of its emotion (30 for neutral)': 1,
      'no speaker: neither the name nor the folder says DC, JE, JK or KL': 1,
      'the name is not a SAVEE one (DC_a01, or a01 in the folder of its speaker)': 1,
    });
  });
});

test('both layouts give the same utterances but for their paths', async () => {
  const [folders, flat] = await Promise.all(
    ['folders', 'flat'].map(async (layout) => {
      const { root } = await fixtureTree('savee', { empty: true, layout, clean: true });
      const { utterances } = await readCorpus('savee', { data: root });
      return utterances.map((utterance) => ({ ...utterance, path: path.relative(root, utterance.path) }));
    }),
  );
  expect(folders!.map((one) => ({ ...one, path: '' }))).toEqual(flat!.map((one) => ({ ...one, path: '' })));
  expect(folders!.find(({ id }) => id === 'JE_su07')).toEqual({
    id: 'JE_su07',
    path: path.join('AudioData', 'JE', 'su07.wav'),
    emotion: 'surprise',
    speaker: 'JE',
    gender: 'male',
    text: 'su07',
    source: { emotion: 'su', sentence: '07', speaker: 'JE' },
  });
});

test('the copy in the shallower folder is kept', async () => {
  const { root } = await fixtureTree('savee', { empty: true });
  const { utterances } = await readCorpus('savee', { data: root });
  const pathOf = (id: string) => path.relative(root, utterances.find((one) => one.id === id)!.path);
  expect(pathOf('DC_a01')).toBe(path.join('AudioData', 'DC', 'a01.wav'));
  expect(pathOf('DC_a02')).toBe(path.join('ALL', 'DC_a02.wav'));
});

describe('a partial copy', () => {
  const skip = ['AudioData/KL', 'AudioData/DC/h03.wav'];

  test('is refused, naming the speaker that lacks and the single file', async () => {
    const { root } = await fixtureTree('savee', { empty: true, clean: true, skip });
    const error = await refusalOf(readCorpus('savee', { data: root }));
    expect(error.code).toBe('E_CORPUS_PARTIAL');
    expect(error.message).toContain('SAVEE has 4 x 120 = 480 utterances, 359 were found');
    expect(error.message).toContain('missing: all 120 of KL; and DC_h03.');
    expect(error.cure).toContain('--allow-partial');
  });

  test('is read with allowPartial, and says so', async () => {
    const { root } = await fixtureTree('savee', { empty: true, clean: true, skip });
    const corpus = await readCorpus('savee', { data: root, allowPartial: true });
    expect(corpus.utterances).toHaveLength(359);
    expect(corpus.partial).toBe(true);
    expect(corpus.warnings).toEqual([expect.stringMatching(/^Partial copy.*all 120 of KL; and DC_h03/)]);
  });
});

test('a folder of something else says what it holds', async () => {
  const root = await makeTree({ 'AudioVisualClip/DC/a01.avi': '', 'AudioData/Anna/a01.wav': '' });
  const error = await refusalOf(readCorpus('savee', { data: root }));
  expect(error.code).toBe('E_CORPUS_EMPTY');
  expect(error.message).toMatch(/found .*1 x video.*/);
  expect(error.message).toMatch(/1 x no speaker/);
});

test('speaker folders and names in another case are the same speakers', async () => {
  const files: Record<string, string> = {};
  const { root: complete } = await fixtureTree('savee', { empty: true, clean: true });
  const { utterances } = await readCorpus('savee', { data: complete });
  for (const { id } of utterances)
    files[`${id.slice(0, 2).toLowerCase()}/${id.slice(3).toUpperCase()}.WAV`] = '';
  const corpus = await readCorpus('savee', { data: await makeTree(files) });
  expect(corpus.utterances.map(({ id }) => id)).toEqual(utterances.map(({ id }) => id));
});
