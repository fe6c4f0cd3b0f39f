import { readFile, rename, writeFile } from 'node:fs/promises';
import path from 'node:path';

import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';

import { readCorpus } from '../../../lib/corpus/index.js';
import type { Corpus } from '../../../lib/corpus/types.js';
import { type DataError, UsageError } from '../../../lib/errors.js';
import {
  countBy,
  type FixtureTree,
  type FixtureUtterance,
  fixtureTree,
  lacking,
  refusalOf,
} from '../fixture-tree.js';
import { makeTree, removeTrees } from '../temporary-tree.js';

interface Truth extends FixtureUtterance {
  scenario: string;
  sentence: string;
  intended: string;
  raters: string[];
}

let tree: FixtureTree<Truth>;
const truths = new Map<string, Truth>();
const read = (choices: Record<string, string> = {}, allowPartial = false): Promise<Corpus> =>
  readCorpus('msp-improv', { data: tree.root, choices, allowPartial });
/** What the complete tree reads as; read once for each choice. */
const complete = (choices: Record<string, string> = {}): Promise<Corpus> => {
  const key = JSON.stringify(choices);
  const reading = readings.get(key) ?? read(choices);
  readings.set(key, reading);
  return reading;
};
const readings = new Map<string, Promise<Corpus>>();
const refusal = (choices: Record<string, string> = {}): Promise<DataError> => refusalOf(read(choices));
const perClass = (corpus: Corpus): Record<string, number> =>
  countBy(corpus.utterances, ({ emotion }) => emotion);
const CLASS_OF_CODE: Record<string, string> = { N: 'neutral', H: 'happiness', S: 'sadness', A: 'anger' };
const CLASS_OF_WORD: Record<string, string> = {
  Neutral: 'neutral',
  Happy: 'happiness',
  Sad: 'sadness',
  Angry: 'anger',
};

beforeAll(async () => {
  tree = await fixtureTree<Truth>('msp-improv', { empty: true });
  for (const truth of tree.utterances) truths.set(truth.id, truth);
});
afterAll(removeTrees);

describe('a complete copy', () => {
  test('has the published counts', async () => {
    const corpus = await complete();
    expect(corpus.utterances).toHaveLength(7798);
    expect(corpus.classes).toEqual(['neutral', 'happiness', 'sadness', 'anger']);
    expect(perClass(corpus)).toEqual({ neutral: 3477, happiness: 2644, sadness: 885, anger: 792 });
    expect(new Set(corpus.utterances.map(({ session }) => session))).toEqual(
      new Set(['1', '2', '3', '4', '5', '6']),
    );
    expect(corpus.warnings).toEqual([]);
    expect(corpus.partial).toBeUndefined();
    expect(corpus.choices).toEqual({ scenario: 'all' });
  });

  test('says for each utterance what its name and its raters say', async () => {
    const { utterances } = await complete();
    const ids = utterances.map(({ id }) => id);
    expect(ids).toEqual([...ids].sort());
    const expected = ids.map((id) => {
      const truth = truths.get(id)!;
      const known = truth.raters.map((word) => CLASS_OF_WORD[word]).filter((one) => one !== undefined);
      return {
        id,
        path: path.join(tree.root, ...truth.path.split('/')),
        emotion: CLASS_OF_CODE[truth.label],
        speaker: truth.speaker,
        gender: truth.gender,
        session: truth.session,
        text: 'RT'.includes(truth.scenario) ? `S${truth.sentence}` : undefined,
        votes: countBy(known, (one) => one),
        intended: CLASS_OF_CODE[truth.intended],
        sentence: truth.sentence,
      };
    });
    const found = utterances.map(({ source, text, ...rest }) => ({
      ...rest,
      text,
      intended: source!.intended,
      sentence: source!.sentence,
    }));
    expect(found).toEqual(expected);
    expect(new Set(utterances.map(({ speaker }) => speaker)).size).toBe(12);
    expect(utterances.some(({ source }) => source!.dominance === 'NaN')).toBe(true);
  });

  test('accounts for everything that is left out', async () => {
    const { dropped } = await complete();
    expect(Object.fromEntries(dropped.map(({ reason, paths }) => [reason, paths.length]))).toEqual({
      'macOS metadata (AppleDouble), not a label file': 1,
      'macOS metadata (AppleDouble), not audio': 17,
      'video, not audio': 17,
      'audio without a label': 1,
      'label X: the raters do not agree': 555,
      'label O: another emotion than the four classes': 85,
    });
    const lines = dropped.flatMap(({ paths }) => paths).filter((one) => /Evalution\.txt:\d+$/.test(one));
    expect(lines).toHaveLength(1);
  });

  test('is found with the label file spelt as usual', async () => {
    const published = path.join(tree.root, 'Evalution.txt');
    const usual = path.join(tree.root, 'Evaluation.txt');
    await rename(published, usual);
    try {
      expect((await read()).utterances).toHaveLength(7798);
      // Where both are, the published name is read, and the other one is not passed over in silence.
      await writeFile(published, await readFile(usual));
      const corpus = await read();
      expect(corpus.utterances).toHaveLength(7798);
      expect(corpus.dropped).toContainEqual({
        reason: 'another label file beside the one that is read',
        paths: [usual],
      });
      await rename(usual, published);
    } catch (error) {
      await rename(usual, published).catch(() => undefined);
      throw error;
    }
  });

  test('is found in the layout without Audio, with videos beside the audio', async () => {
    const flat = await fixtureTree<Truth>('msp-improv', {
      empty: true,
      layout: 'flat',
      evaluation: 'Evaluation.txt',
    });
    const corpus = await readCorpus('msp-improv', { data: flat.root });
    expect(corpus.utterances).toHaveLength(7798);
    expect(corpus.utterances[0]!.path).toContain(`${path.sep}session`);
    expect(corpus.utterances[0]!.path).not.toContain('Audio');
    expect(corpus.dropped.find(({ reason }) => reason === 'video, not audio')?.paths).toHaveLength(17);
  });
});

describe('scenarios', () => {
  test.each([
    ['natural', { neutral: 1164, happiness: 1372, sadness: 66, anger: 38 }],
    ['read', { neutral: 241, happiness: 88, sadness: 80, anger: 169 }],
    ['other-improvised', { neutral: 1789, happiness: 1048, sadness: 633, anger: 470 }],
    ['target-improvised', { neutral: 283, happiness: 136, sadness: 106, anger: 115 }],
    ['improvised', { neutral: 2072, happiness: 1184, sadness: 739, anger: 585 }],
  ])('%s', async (scenario, counts) => {
    const corpus = await complete({ scenario });
    expect(perClass(corpus)).toEqual(counts);
    const own = new Set(corpus.utterances.map(({ source }) => source!.scenario!));
    expect([...own].every((one) => one === scenario || one.endsWith(scenario))).toBe(true);
    expect(corpus.choices).toEqual({ scenario });
    expect(corpus.dropped.some(({ reason }) => reason.endsWith('not the chosen scenario'))).toBe(true);
  });
});

describe('a copy that is not complete', () => {
  test('a session of audio, or one file, is missing', async () => {
    await lacking(tree, 'Audio/session4', async () => {
      const error = await refusal();
      expect(error.code).toBe('E_CORPUS_PARTIAL');
      expect(error.message).toMatch(
        /^MSP-IMPROV has 7798 utterances with scenario=all; \d+ were found below /,
      );
      expect(error.message).toMatch(/: no audio for \d+ labels, all of session4\.$/);
      const corpus = await read({}, true);
      expect(corpus.partial).toBe(true);
      expect(corpus.warnings).toHaveLength(1);
      expect(corpus.utterances.some(({ session }) => session === '4')).toBe(false);
    });
    const one = tree.utterances.find(({ label, scenario }) => label === 'A' && scenario === 'S')!;
    await lacking(tree, one.path, async () => {
      expect((await refusal()).message).toContain(`no audio for 1 label, ${one.id}.`);
      expect((await read({ scenario: 'natural' })).partial).toBeUndefined();
    });
  });

  test('labels of a session, or one label, are missing', async () => {
    const file = path.join(tree.root, 'Evalution.txt');
    const text = await readFile(file, 'latin1');
    const blocks = text.split('\n\n');
    try {
      await writeFile(file, blocks.filter((block) => !/-[FM]05-/.test(block)).join('\n\n'), 'latin1');
      expect((await refusal()).message).toMatch(/: no labels of session5\.$/);
      const first = blocks.findIndex((block) => /-S-[FM]{2}\d\d\.avi; A;/.test(block));
      await writeFile(file, blocks.filter((_, index) => index !== first).join('\n\n'), 'latin1');
      expect((await refusal()).message).toMatch(/: other-improvised has 469 times the label A, not 470\.$/);
    } finally {
      await writeFile(file, text, 'latin1');
    }
  });
});

test('what is no MSP-IMPROV is said to be none', async () => {
  await expect(readCorpus('msp-improv')).rejects.toThrow(UsageError);
  const other = await makeTree({ 'Audio/session1/S01A/S/MSP-IMPROV-S01A-F01-S-FM01.wav': '' });
  const error: unknown = await readCorpus('msp-improv', { data: other }).catch((reason: unknown) => reason);
  expect(error).toMatchObject({ code: 'E_CORPUS_EMPTY', message: expect.stringContaining('Evalution.txt') });
});
