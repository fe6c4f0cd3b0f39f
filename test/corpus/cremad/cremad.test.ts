import { rm, writeFile } from 'node:fs/promises';
import path from 'node:path';

import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';

import { cremadStems } from '../../../lib/corpus/cremad/stems.js';
import { readCorpus } from '../../../lib/corpus/index.js';
import type { Corpus } from '../../../lib/corpus/types.js';
import { UsageError } from '../../../lib/errors.js';
import { type FixtureTree, type FixtureUtterance, fixtureTree } from '../fixture-tree.js';
import { droppedCounts, refusalOf, tally, wrongUtterances } from '../reading.js';
import { makeTree, removeTrees } from '../temporary-tree.js';

interface Recording extends FixtureUtterance {
  /** Of those who hear the recording alone, by letter. */
  votes: Record<string, number>;
}

const WORDS: Record<string, string> = {
  N: 'neutral',
  H: 'happiness',
  S: 'sadness',
  A: 'anger',
  F: 'fear',
  D: 'disgust',
};

let complete: FixtureTree<Recording>;
beforeAll(async () => {
  complete = await fixtureTree<Recording>('cremad', { empty: true });
}, 180_000);
afterAll(removeTrees);

/** Letters that most chose. */
function winners({ votes }: Recording): string[] {
  const most = Math.max(...Object.values(votes));
  return Object.keys(votes).filter((letter) => votes[letter] === most);
}

describe('the expected stems', () => {
  test('are 7442 of 91 actors: 82 each, but for the 20 that were not published', () => {
    const stems = cremadStems();
    expect(stems).toHaveLength(7442);
    const perActor = tally(stems, (stem) => stem.slice(0, 4));
    expect(Object.keys(perActor)).toHaveLength(91);
    expect(Object.entries(perActor).filter(([, count]) => count !== 82)).toEqual([
      ['1002', 81],
      ['1008', 76],
      ['1009', 76],
      ['1019', 76],
      ['1076', 81],
    ]);
  });
});

describe('a complete copy', () => {
  test('has the published counts, every speaker right, and the traps left out by reason', async () => {
    const corpus = await readCorpus('cremad', { data: complete.root });
    expect(corpus.utterances).toHaveLength(7442);
    expect(tally(corpus.utterances, ({ emotion }) => emotion)).toEqual({
      neutral: 1087,
      happiness: 1271,
      sadness: 1271,
      anger: 1271,
      fear: 1271,
      disgust: 1271,
    });
    expect(corpus.classes).toEqual(['neutral', 'happiness', 'sadness', 'anger', 'fear', 'disgust']);
    const truth = complete.utterances.map((one) => ({ ...one, label: one.id.slice(9, 12) }));
    expect(wrongUtterances(corpus, truth)).toEqual([]);
    const men = new Set(
      corpus.utterances.filter(({ gender }) => gender === 'male').map(({ speaker }) => speaker),
    );
    expect(men.size).toBe(48);
    expect(tally(corpus.utterances, ({ source }) => source!.level!)).toEqual({
      low: 455,
      medium: 455,
      high: 455,
      unspecified: 6077,
    });
    expect(corpus.warnings).toEqual([]);
    expect(corpus.partial).toBeUndefined();
    expect(corpus.choices).toEqual({ labels: 'intended' });
    expect(droppedCounts(corpus)).toEqual({
      'macOS metadata (AppleDouble), not audio': 3,
      'another copy of an utterance that is kept': 1,
      'video, the recordings of the audio files again': 5,
      'a git-lfs pointer, not audio': 5,
      'the published corpus has no such combination of actor, sentence, emotion and level': 2,
      'the name is not a CREMA-D one (such as 1001_DFA_ANG_XX)': 1,
    });
  });

  test('gives the sentence and the level, and the misnamed recording its name', async () => {
    const corpus = await readCorpus('cremad', { data: complete.root });
    expect(corpus.utterances.find(({ id }) => id === '1031_IEO_FEA_MD')).toEqual({
      id: '1031_IEO_FEA_MD',
      path: path.join(complete.root, 'AudioWAV', '1031_IEO_FEA_MD.wav'),
      emotion: 'fear',
      speaker: '1031',
      gender: 'male',
      text: "It's eleven o'clock",
      source: { emotion: 'FEA', sentence: 'IEO', level: 'medium' },
    });
    const misnamed = corpus.utterances.find(({ id }) => id === '1040_ITH_SAD_XX')!;
    expect(path.basename(misnamed.path)).toBe('1040_ITH_SAD_X.wav');
  });

  test('is found from the folder of its recordings too, with the tables beside it', async () => {
    const corpus = await readCorpus('cremad', { data: path.join(complete.root, 'AudioWAV') });
    expect(corpus.utterances).toHaveLength(7442);
    expect(corpus.utterances.every(({ gender }) => gender !== undefined)).toBe(true);
  });
});

describe('perceived labels', () => {
  let corpus: Corpus;
  beforeAll(async () => {
    corpus = await readCorpus('cremad', { data: complete.root, choices: { labels: 'perceived' } });
  }, 180_000);

  test('are the majority votes of the audio alone; ties are dropped and counted', () => {
    const clear = complete.utterances.filter((one) => winners(one).length === 1);
    const ties = complete.utterances.length - clear.length;
    expect(ties).toBeGreaterThan(100);
    expect(corpus.utterances).toHaveLength(clear.length);
    expect(droppedCounts(corpus)['listeners to the audio alone disagree: the vote is a tie']).toBe(ties);
    const heard = new Map(clear.map((one) => [one.id, WORDS[winners(one)[0]!]]));
    expect(corpus.utterances.filter(({ id, emotion }) => heard.get(id) !== emotion)).toEqual([]);
    expect(corpus.choices).toEqual({ labels: 'perceived' });
    expect(corpus.partial).toBeUndefined();
    expect(corpus.warnings).toEqual([]);
  });

  test('keep the votes of raters one by one: of the audio alone, in time, the last answer of each', () => {
    const truth = new Map(complete.utterances.map(({ id, votes }) => [id, votes]));
    const wrong = corpus.utterances.filter(({ id, votes }) => {
      const wanted = Object.fromEntries(
        Object.entries(truth.get(id)!).map(([letter, count]) => [WORDS[letter], count]),
      );
      return JSON.stringify(Object.entries(votes!).sort()) !== JSON.stringify(Object.entries(wanted).sort());
    });
    expect(wrong).toEqual([]);
  });

  test('leave what was intended in the source', () => {
    const other = corpus.utterances.find(({ source }) => source!.emotion !== source!.intended![0])!;
    expect(other.source).toEqual({
      emotion: Object.keys(WORDS).find((letter) => WORDS[letter] === other.emotion),
      intended: other.id.slice(9, 12),
      sentence: other.id.slice(5, 8),
      level: expect.any(String),
      voiceLevel: '55.25',
    });
  });

  test('without the responses there are no votes, and a warning', async () => {
    const { root } = await fixtureTree('cremad', {
      empty: true,
      actors: 2,
      responses: 'without',
      clean: true,
    });
    const some = await readCorpus('cremad', {
      data: root,
      choices: { labels: 'perceived' },
      allowPartial: true,
    });
    expect(some.utterances.every(({ votes }) => votes === undefined)).toBe(true);
    expect(some.warnings.at(-1)).toContain('finishedResponses.csv');
  });

  test('need the summary of the votes, whole and readable', async () => {
    const { root } = await fixtureTree('cremad', { empty: true, actors: 2, clean: true });
    const options = { data: root, choices: { labels: 'perceived' }, allowPartial: true };
    const table = path.join(root, 'processedResults', 'summaryTable.csv');
    await writeFile(table, '"","FileName","VoiceVote"\n"1","1001_IEO_NEU_XX","N"\n');
    expect((await refusalOf(readCorpus('cremad', options))).message).toContain(
      'no vote for 162 of 163 recordings',
    );
    await writeFile(table, '"","FileName","VoiceVote"\n"1","1001_IEO_NEU_XX","NA"\n');
    expect((await refusalOf(readCorpus('cremad', options))).message).toContain(
      'vote on 1001_IEO_NEU_XX is "NA"',
    );
    await writeFile(table, '"","FileName","FaceVote"\n"1","1001_IEO_NEU_XX","N"\n');
    expect((await refusalOf(readCorpus('cremad', options))).message).toContain(
      'columns voicevote are missing',
    );
    await writeFile(table, 'version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n');
    expect((await refusalOf(readCorpus('cremad', options))).cure).toContain('git lfs pull');
    await rm(table);
    const error = await refusalOf(readCorpus('cremad', options));
    expect(error.code).toBe('E_CORPUS_LABELS');
    expect(error.cure).toContain('labels=intended');
  });

  test('the choice has two values', async () => {
    await expect(readCorpus('cremad', { data: complete.root, choices: { labels: 'heard' } })).rejects.toThrow(
      UsageError,
    );
  });
});

describe('git-lfs pointers', () => {
  test('in place of all audio: refused with the cure, whether partial copies are accepted or not', async () => {
    const { root } = await fixtureTree('cremad', { empty: true, actors: 2, stubs: 'all', clean: true });
    for (const allowPartial of [false, true]) {
      const error = await refusalOf(readCorpus('cremad', { data: root, allowPartial }));
      expect(error.code).toBe('E_CORPUS_LFS');
      expect(error.message).toContain('0 were found');
      expect(error.message).toContain('163 more are git-lfs pointers');
      expect(error.cure).toContain('git lfs pull');
    }
  });

  test('in place of some: refused, or left out with a warning', async () => {
    const { root } = await fixtureTree('cremad', { empty: true, actors: 2, stubs: 10, clean: true });
    const error = await refusalOf(readCorpus('cremad', { data: root }));
    expect(error.code).toBe('E_CORPUS_LFS');
    const corpus = await readCorpus('cremad', { data: root, allowPartial: true });
    expect(corpus.utterances).toHaveLength(153);
    expect(corpus.partial).toBe(true);
    expect(corpus.warnings[0]).toContain('10 more are git-lfs pointers');
    expect(droppedCounts(corpus)).toEqual({ 'a git-lfs pointer, not audio': 10 });
  });
});

test('a partial copy names whole actors and single recordings', async () => {
  const { root } = await fixtureTree('cremad', {
    empty: true,
    actors: 3,
    clean: true,
    skip: ['AudioWAV/1002_DFA_ANG_XX.wav'],
  });
  const error = await refusalOf(readCorpus('cremad', { data: root }));
  expect(error.code).toBe('E_CORPUS_PARTIAL');
  expect(error.message).toContain('CREMA-D has 7442 recordings of 91 actors, 244 were found');
  expect(error.message).toMatch(/missing: all 82 of 1004, 1005, .* and 60 more; all 76 of 1008, 1009, 1019;/);
  expect(error.message).toMatch(/all 81 of 1076; and 1002_DFA_ANG_XX\.$/);
});

test('a folder of something else says what it holds', async () => {
  const error = await refusalOf(readCorpus('cremad', { data: await makeTree({ 'AudioWAV/anna.wav': 'x' }) }));
  expect(error.code).toBe('E_CORPUS_EMPTY');
  expect(error.message).toContain('1 x the name is not a CREMA-D one');
});
