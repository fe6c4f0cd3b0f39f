import { existsSync } from 'node:fs';
import { copyFile, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import path from 'node:path';

import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';

import { publishedDialogs, SESSIONS } from '../../../lib/corpus/iemocap/published.js';
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
import { makeFolder, makeTree, removeTrees } from '../temporary-tree.js';

interface Truth extends FixtureUtterance {
  dialog: string;
  text: string;
  part: 'improvised' | 'scripted';
  raters: string[][];
}

let tree: FixtureTree<Truth>;
const truths = new Map<string, Truth>();
const read = (choices: Record<string, string> = {}, allowPartial = false): Promise<Corpus> =>
  readCorpus('iemocap', { data: tree.root, choices, allowPartial });
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

beforeAll(async () => {
  tree = await fixtureTree<Truth>('iemocap', { empty: true });
  for (const truth of tree.utterances) truths.set(truth.id, truth);
});
afterAll(removeTrees);

test('the published dialogs are 151', () => {
  const counts = SESSIONS.map((session) => new Set(publishedDialogs(session)).size);
  expect(counts).toEqual([28, 30, 32, 30, 31]);
});

describe('a complete copy', () => {
  test('has the published counts, over all and by session', async () => {
    const corpus = await complete();
    expect(corpus.utterances).toHaveLength(5531);
    expect(corpus.classes).toEqual(['neutral', 'happiness', 'sadness', 'anger']);
    expect(perClass(corpus)).toEqual({ neutral: 1708, happiness: 1636, anger: 1103, sadness: 1084 });
    const rows = SESSIONS.map((session) => {
      const own = corpus.utterances.filter((utterance) => utterance.session === session);
      return [
        own.length,
        ...['neutral', 'happiness', 'anger', 'sadness'].map(
          (name) => own.filter((one) => one.emotion === name).length,
        ),
      ];
    });
    expect(rows).toEqual([
      [1085, 384, 278, 229, 194],
      [1023, 362, 327, 137, 197],
      [1151, 320, 286, 240, 305],
      [1031, 258, 303, 327, 143],
      [1241, 384, 442, 170, 245],
    ]);
    expect(countBy(corpus.utterances, ({ source }) => source!.emotion!)).toMatchObject({
      hap: 595,
      exc: 1041,
    });
    expect(countBy(corpus.utterances, ({ source }) => source!.part!)).toEqual({
      improvised: 2943,
      scripted: 2588,
    });
    expect(corpus.warnings).toEqual([]);
    expect(corpus.partial).toBeUndefined();
    expect(corpus.choices).toEqual({ classes: '4', part: 'all' });
  });

  test('names the right speaker for every utterance, where the letter of the markers would be wrong for half', async () => {
    const { utterances } = await complete({ classes: '6' });
    const wrong = utterances.filter(({ id, speaker, gender }) => {
      const truth = truths.get(id)!;
      return speaker !== truth.speaker || gender !== truth.gender;
    });
    expect(wrong).toEqual([]);
    expect(new Set(utterances.map(({ speaker }) => speaker)).size).toBe(10);
    const byMarkers = utterances.filter(({ id, speaker }) => id.slice(0, 6) !== speaker);
    expect(byMarkers.length).toBeGreaterThan(utterances.length * 0.4);
  });

  test('has for each utterance its file, session, sentence and source', async () => {
    const { utterances } = await complete();
    const ids = utterances.map(({ id }) => id);
    expect(ids).toEqual([...ids].sort());
    const found = utterances.map(({ path: file, session, text, source }) => [
      file,
      session,
      text,
      source!.emotion,
      source!.dialog,
    ]);
    const expected = ids.map((id) => {
      const truth = truths.get(id)!;
      return [
        path.join(tree.root, ...truth.path.split('/')),
        truth.session,
        truth.text,
        truth.label,
        truth.dialog,
      ];
    });
    expect(found).toEqual(expected);
    expect(utterances.filter(({ text }) => text!.includes('fiancé')).length).toBeGreaterThan(100);
    expect(Object.keys(utterances[0]!.source!)).toEqual([
      'emotion',
      'valence',
      'activation',
      'dominance',
      'dialog',
      'part',
      'start',
      'end',
    ]);
  });

  test('accounts for everything that is left out', async () => {
    const { dropped } = await complete();
    expect(Object.fromEntries(dropped.map(({ reason, paths }) => [reason, paths.length]))).toEqual({
      'macOS metadata (AppleDouble), not a label file': 151,
      'macOS metadata (AppleDouble), not audio': 151,
      'video, not audio': 151,
      'the recording of a whole dialog, not of an utterance': 151,
      'audio without a label': 2,
      'label xxx: the raters have no majority': 2507,
      'label fru (frustration): not among the chosen classes': 1849,
      'label sur (surprise): not among the chosen classes': 107,
      'label fea (fear): not among the chosen classes': 40,
      'label oth (other): not among the chosen classes': 3,
      'label dis (disgust): not among the chosen classes': 2,
    });
    // A label without audio is named by its line.
    const lines = dropped.flatMap(({ paths }) => paths).filter((one) => /Ses01F_impro01\.txt:\d+$/.test(one));
    expect(lines).toHaveLength(1);
  });

  test('is found below the folder of the release, too', async () => {
    const parent = await makeFolder();
    await symlink(tree.root, path.join(parent, 'IEMOCAP_full_release'));
    const corpus = await readCorpus('iemocap', { data: parent });
    expect(corpus.utterances).toHaveLength(5531);
  });
});

describe('choices', () => {
  test.each([
    ['4', 'improvised', { neutral: 1099, happiness: 947, sadness: 608, anger: 289 }],
    ['4', 'scripted', { neutral: 609, happiness: 689, sadness: 476, anger: 814 }],
    ['4-no-exc', 'all', { neutral: 1708, happiness: 595, sadness: 1084, anger: 1103 }],
    ['4-no-exc', 'improvised', { neutral: 1099, happiness: 284, sadness: 608, anger: 289 }],
    ['4-no-exc', 'scripted', { neutral: 609, happiness: 311, sadness: 476, anger: 814 }],
    [
      '6',
      'all',
      { neutral: 1708, happiness: 595, sadness: 1084, anger: 1103, excitement: 1041, frustration: 1849 },
    ],
  ])('classes=%s, part=%s', async (classes, part, counts) => {
    const corpus = await complete({ classes, part });
    expect(perClass(corpus)).toEqual(counts);
    expect(corpus.classes).toEqual(Object.keys(counts));
    expect(corpus.choices).toEqual({ classes, part });
  });

  test('the part that is not chosen is counted as left out', async () => {
    const { dropped } = await complete({ part: 'improvised' });
    const scripted = dropped.find(({ reason }) => reason === 'scripted, not the chosen part');
    expect(scripted?.paths).toHaveLength(5255);
  });

  test('six classes of the improvised part, of which no total is published, are read without a complaint', async () => {
    const corpus = await complete({ classes: '6', part: 'improvised' });
    expect(perClass(corpus)).toMatchObject({ neutral: 1099, happiness: 284, excitement: 663 });
    expect(corpus.partial).toBeUndefined();
  });

  test('an unknown value is refused with those there are', async () => {
    await expect(read({ classes: '5' })).rejects.toThrow(
      /classes of corpus iemocap is 4, 4-no-exc, 6; found "5"/,
    );
  });
});

describe('votes', () => {
  const CLASS_OF_WORD: Record<string, Record<string, string>> = {
    '4': {
      Neutral: 'neutral',
      Happiness: 'happiness',
      Excited: 'happiness',
      Sadness: 'sadness',
      Anger: 'anger',
    },
    '4-no-exc': { Neutral: 'neutral', Happiness: 'happiness', Sadness: 'sadness', Anger: 'anger' },
    '6': {
      Neutral: 'neutral',
      Happiness: 'happiness',
      Excited: 'excitement',
      Sadness: 'sadness',
      Anger: 'anger',
      Frustration: 'frustration',
    },
  };

  test.each(Object.keys(CLASS_OF_WORD))(
    'count raters by class, the actors not among them: classes=%s',
    async (classes) => {
      const { utterances } = await complete({ classes });
      const classOf = CLASS_OF_WORD[classes]!;
      const expected = utterances.map(({ id }) => {
        const chosen = truths
          .get(id)!
          .raters.flatMap((words) => [...new Set(words.map((word) => classOf[word]))]);
        return countBy(
          chosen.filter((one) => one !== undefined),
          (one) => one,
        );
      });
      expect(utterances.map(({ votes }) => votes)).toEqual(expected);
      // The official label is what most raters chose.
      const outvoted = utterances.filter(
        ({ emotion, votes }) => votes![emotion] !== Math.max(...Object.values(votes!)),
      );
      expect(outvoted).toEqual([]);
    },
  );
});

describe('a copy that is not complete', () => {
  test('a session is missing', async () => {
    await lacking(tree, 'Session3', async () => {
      const error = await refusal();
      expect(error.code).toBe('E_CORPUS_PARTIAL');
      expect(error.message).toBe(
        `IEMOCAP has 5531 utterances with classes=4, part=all; 4380 were found below ${tree.root}: no labels of Session3.`,
      );
      expect(error.cure).toContain('--allow-partial');
      const corpus = await read({}, true);
      expect(corpus.utterances).toHaveLength(4380);
      expect(corpus.partial).toBe(true);
      expect(corpus.warnings).toEqual([expect.stringContaining('no labels of Session3')]);
    });
  });

  test('the audio of a session, of a dialog, of one utterance is missing', async () => {
    await lacking(tree, 'Session3/sentences', async () => {
      expect((await refusal()).message).toContain('no audio for 1151 labels, all of Session3.');
    });
    await lacking(tree, 'Session2/sentences/wav/Ses02F_impro03', async () => {
      const { message } = await refusal();
      expect(message).toMatch(/no audio for \d+ labels, all of Ses02F_impro03\.$/);
      // What is missing from another part is not missed.
      expect((await read({ part: 'scripted' })).partial).toBeUndefined();
    });
    const one = tree.utterances.find(({ label }) => label === 'ang')!;
    await lacking(tree, one.path, async () => {
      const { message, details } = await refusal();
      expect(message).toContain(`5530 were found below ${tree.root}: no audio for 1 label, ${one.id}.`);
      expect(details).toMatchObject({ silent: [one.id], sessions: [], dialogs: [], counts: [] });
      const corpus = await read({}, true);
      expect(corpus.partial).toBe(true);
      expect(corpus.dropped.find(({ reason }) => reason === 'a label without audio')?.paths).toEqual([
        expect.stringMatching(new RegExp(`${one.dialog}\\.txt:\\d+$`)),
      ]);
    });
  });

  test('a label file is missing, or holds other labels than the published ones', async () => {
    const file = 'Session4/dialog/EmoEvaluation/Ses04M_script02_1.txt';
    await lacking(tree, file, async () => {
      expect((await refusal()).message).toMatch(/: no label file of Ses04M_script02_1\.$/);
    });
    const full = path.join(tree.root, file);
    const text = await readFile(full, 'latin1');
    try {
      await writeFile(full, text.replace('\tneu\t', '\tang\t'), 'latin1');
      expect((await refusal()).message).toMatch(
        /: session 4 has 257 times the label neu, not 258; session 4 has 328 times the label ang, not 327\.$/,
      );
      await writeFile(full, text.replace('\tneu\t', '\tneu'), 'latin1');
      expect((await refusal()).message).toContain('session 4 has 257 times the label neu, not 258');
      const corpus = await read({}, true);
      expect(
        corpus.dropped.find(({ reason }) => reason === 'a label line that cannot be read')?.paths,
      ).toHaveLength(1);
    } finally {
      await writeFile(full, text, 'latin1');
    }
  });

  test('transcriptions may be missing: a warning says what that means', async () => {
    await lacking(tree, 'Session1/dialog/transcriptions', async () => {
      const corpus = await read();
      expect(corpus.partial).toBeUndefined();
      expect(corpus.warnings).toEqual([
        expect.stringMatching(/^1085 of 5531 utterances have no transcription/),
      ]);
    });
  });
});

describe('other formats and copies', () => {
  test('a FLAC beside the WAV is a copy, and stands in for it where the WAV is gone', async () => {
    const one = tree.utterances.find(({ label }) => label === 'sad')!;
    const wav = path.join(tree.root, one.path);
    const flac = wav.replace(/\.wav$/, '.flac');
    await copyFile(wav, flac);
    try {
      const corpus = await read();
      expect(corpus.utterances.find(({ id }) => id === one.id)?.path).toBe(wav);
      const copies = corpus.dropped.find(
        ({ reason }) => reason === 'another copy of an utterance that is kept',
      );
      expect(copies?.paths).toEqual([flac]);
      await lacking(tree, one.path, async () => {
        expect((await read()).utterances.find(({ id }) => id === one.id)?.path).toBe(flac);
      });
    } finally {
      await rm(flac);
    }
    expect(existsSync(flac)).toBe(false);
  });
});

test('what is no IEMOCAP is said to be none', async () => {
  await expect(readCorpus('iemocap')).rejects.toThrow(UsageError);
  const other = await makeTree({ 'Actor_01/03-01-01-01-01-01-01.wav': '', 'Session1/notes.txt': '' });
  const error: unknown = await readCorpus('iemocap', { data: other }).catch((reason: unknown) => reason);
  expect(error).toMatchObject({
    code: 'E_CORPUS_EMPTY',
    cure: expect.stringContaining('Session1 .. Session5'),
  });
  const inside = await readCorpus('iemocap', { data: path.join(tree.root, 'Session1') }).catch(
    (reason: unknown) => reason,
  );
  expect(inside).toMatchObject({ code: 'E_CORPUS_EMPTY' });
});
