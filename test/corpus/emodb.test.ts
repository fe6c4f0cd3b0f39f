import path from 'node:path';

import { afterAll, describe, expect, test } from '@jest/globals';

import { readCorpus } from '../../lib/corpus/index.js';
import { fixtureTree } from './fixture-tree.js';
import { droppedCounts, refusalOf, tally, wrongUtterances } from './reading.js';
import { makeTree, removeTrees } from './temporary-tree.js';

afterAll(removeTrees);

describe('a complete copy', () => {
  test('has the published counts, every speaker right, and the traps left out by reason', async () => {
    const tree = await fixtureTree('emodb', { empty: true });
    const corpus = await readCorpus('emodb', { data: tree.root });
    expect(corpus.utterances).toHaveLength(535);
    expect(tally(corpus.utterances, ({ emotion }) => emotion)).toEqual({
      anger: 127,
      boredom: 81,
      disgust: 46,
      fear: 69,
      happiness: 71,
      sadness: 62,
      neutral: 79,
    });
    expect(tally(corpus.utterances, ({ speaker }) => speaker)).toEqual({
      '03': 49,
      '08': 58,
      '09': 43,
      '10': 38,
      '11': 55,
      '12': 35,
      '13': 61,
      '14': 69,
      '15': 56,
      '16': 71,
    });
    expect(tally(corpus.utterances, ({ gender }) => gender!)).toEqual({ male: 233, female: 302 });
    expect(corpus.classes).toEqual([
      'neutral',
      'happiness',
      'sadness',
      'anger',
      'fear',
      'disgust',
      'boredom',
    ]);
    expect(wrongUtterances(corpus, tree.utterances)).toEqual([]);
    expect(corpus.warnings).toEqual([]);
    expect(corpus.partial).toBeUndefined();
    expect(droppedCounts(corpus)).toEqual({
      'macOS metadata (AppleDouble), not audio': 3,
      'another copy of an utterance that is kept': 1,
      'a speaker or text of the name is none of EMO-DB': 2,
      'the name is not an EMO-DB one (such as 03a01Wa)': 1,
    });
  });

  test('gives text and version of the name', async () => {
    const { root } = await fixtureTree('emodb', { empty: true, clean: true });
    const corpus = await readCorpus('emodb', { data: root });
    expect(corpus.utterances.find(({ id }) => id === '14b03Wa')).toEqual({
      id: '14b03Wa',
      path: path.join(root, 'wav', '14b03Wa.wav'),
      emotion: 'anger',
      speaker: '14',
      gender: 'female',
      text: 'b03',
      source: { emotion: 'W', speaker: '14', text: 'b03', version: 'a', age: '35' },
    });
    expect(corpus.utterances.find(({ id }) => id === '14a01Wb')?.source?.version).toBe('b');
  });
});

test('a partial copy is refused with the cells that lack, or read with a warning', async () => {
  const { root } = await fixtureTree('emodb', {
    empty: true,
    clean: true,
    skip: ['wav/03a01Ea.wav', 'wav/16a01Na.wav'],
  });
  const error = await refusalOf(readCorpus('emodb', { data: root }));
  expect(error.code).toBe('E_CORPUS_PARTIAL');
  expect(error.message).toContain(
    'EMO-DB has 535 utterances, 533 were found below ' +
      `${root}; these differ: speaker 03 disgust 0 of 1, speaker 16 neutral 4 of 5.`,
  );
  const corpus = await readCorpus('emodb', { data: root, allowPartial: true });
  expect(corpus.utterances).toHaveLength(533);
  expect(corpus.partial).toBe(true);
  expect(corpus.warnings).toHaveLength(1);
});

test('a copy with recordings beyond the published selection is refused for that, or read with a warning', async () => {
  const { root } = await fixtureTree('emodb', { empty: true, clean: true, surplus: true });
  const error = await refusalOf(readCorpus('emodb', { data: root }));
  expect(error.code).toBe('E_CORPUS_COUNTS');
  expect(error.message).toContain('555 were found');
  expect(error.message).toContain('speaker 03 anger 16 of 14');
  expect(error.cure).toContain('more than the published selection');
  const corpus = await readCorpus('emodb', { data: root, allowPartial: true });
  expect(corpus.utterances).toHaveLength(555);
  expect(corpus.partial).toBe(true);
});

test('a folder of something else says what it holds', async () => {
  const root = await makeTree({ 'wav/anna.wav': '', 'wav/99a01Wa.wav': '' });
  const error = await refusalOf(readCorpus('emodb', { data: root }));
  expect(error.code).toBe('E_CORPUS_EMPTY');
  expect(error.message).toContain('1 x the name is not an EMO-DB one');
});
