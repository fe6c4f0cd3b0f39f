import { readFile, rename, writeFile } from 'node:fs/promises';
import path from 'node:path';

import { afterAll, describe, expect, test } from '@jest/globals';

import { readCorpus } from '../../../lib/corpus/index.js';
import type { DataError } from '../../../lib/errors.js';
import { planFolds } from '../../../lib/folds/index.js';
import { fixtureTree } from '../fixture-tree.js';
import { refusalOf, tally } from '../reading.js';
import { makeTree, removeTrees } from '../temporary-tree.js';

afterAll(removeTrees);

const line = (fields: Record<string, unknown>): string =>
  JSON.stringify({ key: 'mine-a', dataset: 'mine', wav: 'a.wav', emo: 'happy', speaker: 'anna', ...fields });
const list = (...lines: Record<string, unknown>[]): string => lines.map(line).join('\n');

/** A list with its audio beside it; refused for what the test names. */
async function refusalOfList(content: string, more: Record<string, string> = {}): Promise<DataError> {
  const root = await makeTree({ 'list.jsonl': content, 'a.wav': '', 'b.wav': '', ...more });
  return refusalOf(readCorpus('emobox', { data: path.join(root, 'list.jsonl') }));
}

describe("SAVEE in EmoBox' repository", () => {
  test('is read with its labels, speakers and folds, audio from the folder of the repository', async () => {
    const tree = await fixtureTree('emobox', { empty: true, corpus: 'savee' });
    const corpus = await readCorpus('emobox', { data: path.join(tree.root, 'data', 'savee') });
    expect(corpus.utterances).toHaveLength(480);
    expect(tally(corpus.utterances, ({ emotion }) => emotion)).toEqual({
      neutral: 120,
      happiness: 60,
      sadness: 60,
      anger: 60,
      fear: 60,
      disgust: 60,
      surprise: 60,
    });
    const truth = new Map(tree.utterances.map((one) => [one.id.replaceAll('_', '-'), one]));
    expect(corpus.utterances.filter(({ id, speaker }) => truth.get(id)!.speaker !== speaker)).toEqual([]);
    expect(corpus.utterances.find(({ id }) => id === 'JE-su07')).toEqual({
      id: 'JE-su07',
      path: path.join(tree.root, 'downloads', 'savee', 'JE_su07.wav'),
      emotion: 'surprise',
      speaker: 'JE',
      gender: 'male',
      source: {
        emotion: 'su',
        key: 'savee-JE-su07',
        dataset: 'savee',
        sample_rate: '16000',
        length: '0.2',
        testFold: '1',
      },
    });
    expect(corpus.warnings).toEqual([]);
    expect(corpus.dropped).toEqual([]);
    expect(corpus.choices).toEqual({ dataset: 'savee' });
  });

  test('is planned by its own folds: JE, KL, DC, JK', async () => {
    const { root } = await fixtureTree('emobox', { empty: true, corpus: 'savee' });
    const corpus = await readCorpus('emobox', { data: path.join(root, 'data', 'savee') });
    const plan = planFolds({ corpus });
    expect(plan.protocol).toBe('emobox-folds');
    const tested = plan.folds.map((fold) => [...new Set(fold.test.map((id) => id.slice(0, 2)))]);
    expect(tested).toEqual([['JE'], ['KL'], ['DC'], ['JK']]);
  });

  test('reads the list by name, and a list of one fold as a corpus without folds', async () => {
    const { root } = await fixtureTree('emobox', { empty: true, corpus: 'savee' });
    const folder = path.join(root, 'data', 'savee');
    const whole = await readCorpus('emobox', { data: path.join(folder, 'savee.jsonl') });
    expect(whole.utterances[0]!.source!.testFold).toBe('3');
    const fold = await readCorpus('emobox', {
      data: path.join(folder, 'fold_2', 'savee_train_fold_2.jsonl'),
    });
    expect(tally(fold.utterances, ({ speaker }) => speaker)).toEqual({ DC: 120, JE: 120, JK: 120 });
    expect(fold.utterances[0]!.emotion).toBe('anger'); // by the label map of the folder above
    expect(fold.utterances[0]!.source!.testFold).toBeUndefined();
  });

  test('without its main list, the lists of the folds are the corpus', async () => {
    const { root } = await fixtureTree('emobox', { empty: true, corpus: 'savee' });
    const folder = path.join(root, 'data', 'savee');
    await rename(path.join(folder, 'savee.jsonl'), path.join(root, 'savee.jsonl'));
    const corpus = await readCorpus('emobox', { data: folder });
    expect(corpus.utterances).toHaveLength(480);
    expect(planFolds({ corpus }).folds).toHaveLength(4);
  });

  test('missing audio is an error that EmoBox would pass over, or a warning', async () => {
    const { root } = await fixtureTree('emobox', { empty: true, corpus: 'savee', missing: 3 });
    const data = path.join(root, 'data', 'savee');
    const error = await refusalOf(readCorpus('emobox', { data }));
    expect(error.code).toBe('E_CORPUS_PARTIAL');
    expect(error.message).toContain('lists 480 utterances');
    expect(error.message).toContain('missing: DC-a01, DC-a02, DC-a03.');
    const corpus = await readCorpus('emobox', { data, allowPartial: true });
    expect(corpus.utterances).toHaveLength(477);
    expect(corpus.partial).toBe(true);
    expect(corpus.dropped.map(({ reason, paths }) => [reason, paths.length])).toEqual([
      ['listed, but the audio file is missing', 3],
    ]);
  });

  test('the repository and its data folder name the corpora in them', async () => {
    const { root } = await fixtureTree('emobox', { empty: true, corpus: 'savee' });
    for (const data of [root, path.join(root, 'data')]) {
      const error = await refusalOf(readCorpus('emobox', { data }));
      expect(error.code).toBe('E_CORPUS_EMPTY');
      expect(error.cure).toBe(`Name one corpus: ${path.join(root, 'data', 'savee')}.`);
    }
  });
});

test('speakers of IEMOCAP come from the end of the name, not from the table, which has the marker wearer', async () => {
  const tree = await fixtureTree('emobox', { empty: true, corpus: 'iemocap' });
  const corpus = await readCorpus('emobox', { data: path.join(tree.root, 'data', 'iemocap') });
  const truth = new Map(tree.utterances.map((one) => [one.id, one]));
  const wrong = corpus.utterances.filter(({ id, speaker, gender, session }) => {
    const own = truth.get(id)!;
    return own.speaker !== speaker || own.gender !== gender || own.session !== session;
  });
  expect(wrong).toEqual([]);
  expect(corpus.utterances.find(({ id }) => id === 'Ses03F_impro05_M004')).toMatchObject({
    speaker: 'Ses03M',
    emotion: 'happiness', // excitement, merged by the label map
    source: { emotion: 'exc' },
  });
  expect(planFolds({ corpus, protocol: 'emobox-folds' }).folds).toHaveLength(5);
});

test('folds of EMO-DB cut through its speakers, so they are not used, and that is said', async () => {
  const { root } = await fixtureTree('emobox', { empty: true, corpus: 'emodb' });
  const corpus = await readCorpus('emobox', { data: path.join(root, 'data', 'emodb') });
  expect(tally(corpus.utterances, ({ emotion }) => emotion)).toEqual({
    anger: 127,
    boredom: 81, // "boredem" in the lists
    disgust: 46,
    fear: 69,
    happiness: 71,
    sadness: 62,
    neutral: 79, // "Neutral" in the map, "neutral" in the lists
  });
  expect(corpus.warnings).toEqual([
    expect.stringMatching(/folds cut through 10 of 10 speakers \(03, 08, 09, 10 and 6 more\)/),
  ]);
  expect(planFolds({ corpus }).protocol).toBe('group-5');
});

test('a split that shares speakers is not used, and that is said', async () => {
  const rows = ['anna', 'bob', 'cleo'].flatMap((speaker) =>
    ['happy', 'sad'].map((emo) => ({ key: `${speaker}-${emo}`, wav: `${speaker}-${emo}.wav`, emo, speaker })),
  );
  const root = await makeTree({
    ...Object.fromEntries(rows.map(({ wav }) => [wav, ''])),
    'mine.jsonl': list(...rows),
    'fold_1/mine_train_fold_1.jsonl': list(...rows.slice(0, 3)),
    'fold_1/mine_test_fold_1.jsonl': list(...rows.slice(3)),
  });
  const corpus = await readCorpus('emobox', { data: root });
  expect(corpus.utterances.some(({ split }) => split !== undefined)).toBe(false);
  expect(corpus.warnings).toEqual([expect.stringContaining('1 of 3 speakers in two parts (bob)')]);
  expect(planFolds({ corpus }).protocol).toBe('loso');
});

test('a split of whole speakers with a validation part is one fold', async () => {
  const rows = (['anna', 'bob', 'cleo'] as const).flatMap((speaker) =>
    ['happy', 'sad'].map((emo) => ({
      key: `mine-${speaker}-${emo}`,
      wav: `${speaker}-${emo}.wav`,
      emo,
      speaker,
    })),
  );
  const of = (speaker: string) => list(...rows.filter((row) => row.speaker === speaker));
  const root = await makeTree({
    ...Object.fromEntries(rows.map(({ wav }) => [wav, ''])),
    'mine.jsonl': list(...rows),
    'fold_1/mine_train_fold_1.jsonl': of('anna'),
    'fold_1/mine_valid_fold_1.jsonl': of('bob'),
    'fold_1/mine_test_fold1.jsonl': of('cleo'), // the other spelling
  });
  const corpus = await readCorpus('emobox', { data: root });
  const plan = planFolds({ corpus });
  expect(plan.protocol).toBe('manifest-split');
  expect(plan.folds).toEqual([
    {
      fold: 1,
      train: ['anna-happy', 'anna-sad'],
      validation: ['bob-happy', 'bob-sad'],
      test: ['cleo-happy', 'cleo-sad'],
    },
  ]);
});

test('folds that test an utterance twice, or cut through a speaker, are not used, and that is said', async () => {
  const rows = ['anna', 'bob', 'cleo'].flatMap((speaker) =>
    ['happy', 'sad'].map((emo) => ({ key: `${speaker}-${emo}`, wav: `${speaker}-${emo}.wav`, emo, speaker })),
  );
  const files = {
    ...Object.fromEntries(rows.map(({ wav }) => [wav, ''])),
    'mine.jsonl': list(...rows),
    'fold_1/mine_test_fold_1.jsonl': list(...rows.slice(0, 3)),
    'fold_2/mine_test_fold_2.jsonl': list(...rows.slice(3)),
  };
  const cut = await readCorpus('emobox', { data: await makeTree(files) });
  expect(cut.warnings).toEqual([expect.stringContaining('cut through 1 of 3 speakers (bob)')]);
  expect(planFolds({ corpus: cut }).protocol).toBe('loso');
  const twice = await readCorpus('emobox', {
    data: await makeTree({ ...files, 'fold_2/mine_test_fold_2.jsonl': list(...rows.slice(2)) }),
  });
  expect(twice.warnings).toEqual([expect.stringContaining('do not test every utterance once (bob-happy)')]);
});

test('training lists that are not the rest of the corpus are said to differ from the plan', async () => {
  const rows = ['anna', 'bob', 'cleo'].flatMap((speaker) =>
    ['happy', 'sad'].map((emo) => ({ key: `${speaker}-${emo}`, wav: `${speaker}-${emo}.wav`, emo, speaker })),
  );
  const root = await makeTree({
    ...Object.fromEntries(rows.map(({ wav }) => [wav, ''])),
    'mine.jsonl': list(...rows),
    'fold_1/mine_train_fold_1.jsonl': list(...rows.slice(2)),
    'fold_1/mine_test_fold_1.jsonl': list(...rows.slice(0, 2)),
    'fold_2/mine_train_fold_2.jsonl': list(...rows.slice(0, 2)), // lacks cleo
    'fold_2/mine_test_fold_2.jsonl': list(...rows.slice(2, 4)),
    'fold_3/mine_train_fold_3.jsonl': list(...rows.slice(0, 4)),
    'fold_3/mine_test_fold_3.jsonl': list(...rows.slice(4)),
  });
  const corpus = await readCorpus('emobox', { data: root });
  expect(corpus.warnings).toEqual([expect.stringContaining('training lists of fold 2 are not all')]);
  expect(planFolds({ corpus }).protocol).toBe('emobox-folds');
});

describe('speakers', () => {
  const rows = [
    { key: 'a', wav: 'x/anna_1.wav', emo: 'happy', speaker: undefined },
    { key: 'b', wav: 'x/bob_1.wav', emo: 'sad', speaker: undefined },
  ];
  const files = { 'list.jsonl': list(...rows), 'x/anna_1.wav': '', 'x/bob_1.wav': '' };

  test('that nothing tells are an error with the cure', async () => {
    const error = await refusalOf(readCorpus('emobox', { data: await makeTree(files) }));
    expect(error.code).toBe('E_NO_SPEAKER');
    expect(error.message).toContain('2 of 2 utterances (a, b)');
    expect(error.cure).toContain('--speaker-pattern');
  });

  test("come from a pattern on the path, or from EmoBox' own table", async () => {
    const root = await makeTree(files);
    const speakers = async () =>
      (await readCorpus('emobox', { data: root })).utterances.map(({ speaker }) => speaker);
    const patterned = await readCorpus('emobox', { data: root, speakerPattern: '/([^/_]+)_[^/]*$' });
    expect(patterned.utterances.map(({ speaker }) => speaker)).toEqual(['anna', 'bob']);
    const single = await readCorpus('emobox', { data: root, speakers: 'per-file' });
    expect(single.utterances.map(({ speaker }) => speaker)).toEqual(['a', 'b']);
    await writeFile(
      path.join(root, 'data.seg.wrd.stm'),
      'a 1 S1 0 1.5 <id=a,lang=en,spk=S1,emotion=happy> happy\nb 1 S2 0 1.5 <id=b,lang=en,spk=S2,emotion=sad> sad\n',
    );
    expect(await speakers()).toEqual(['S1', 'S2']);
  });
});

describe('lists that cannot be used', () => {
  test.each([
    ['no label', list({}, { key: 'b', wav: 'b.wav', emo: '' }), 'line 2: no emo'],
    ['the same key', list({}, { wav: 'b.wav' }), 'line 2: the key or file of line 1 again (mine-a)'],
    ['features', list({ type: 'feature' }, { key: 'b', wav: 'b.wav' }), 'line 1: type is "feature"'],
    ['a regression', list({ task: 'valence' }), 'line 1: task is "valence"'],
    [
      'parts of a recording',
      list({ start_time: 3.5, end_time: 5 }),
      'line 1: mine-a is a part of a longer recording',
    ],
    ['a second channel', list({ channel: 2 }), 'line 1: channel 2'],
    ['no JSON', '{"key": "a"', 'line 1: not JSON'],
    ['nothing', '\n', 'it lists no utterance'],
    ['one class', list({}, { key: 'b', wav: 'b.wav' }), 'is labelled happiness'],
  ])('%s', async (_, content, message) => {
    expect((await refusalOfList(content)).message).toContain(message);
  });

  test('a label that the label map lacks, a map that is none', async () => {
    const content = list({}, { key: 'b', wav: 'b.wav', emo: 'sad' });
    const lacking = await refusalOfList(content, { 'label_map.json': '{"happy": "Happy"}' });
    expect(lacking.message).toContain('line 2: label_map.json has no label "sad"');
    expect((await refusalOfList(content, { 'label_map.json': '["happy"]' })).message).toContain(
      'it is not an object of labels',
    );
  });

  test('no audio anywhere: the folders that were tried', async () => {
    const root = await makeTree({ 'data/mine/mine.jsonl': list({ wav: 'downloads/mine/a.wav' }) });
    const error = await refusalOf(readCorpus('emobox', { data: path.join(root, 'data', 'mine') }));
    expect(error.code).toBe('E_CORPUS_EMPTY');
    expect(error.message).toContain(`looked for downloads/mine/a.wav in ${path.join(root, 'data', 'mine')}`);
    expect(error.message).toContain(`, ${root},`);
    expect(error.cure).toContain('downloads/savee');
  });

  test('absolute paths that lead nowhere, even where partial copies are accepted', async () => {
    const root = await makeTree({
      'mine.jsonl': list({ wav: '/nowhere/a.wav' }, { key: 'b', wav: '/nowhere/b.wav', emo: 'sad' }),
    });
    const error = await refusalOf(readCorpus('emobox', { data: root, allowPartial: true }));
    expect(error.code).toBe('E_CORPUS_EMPTY');
    expect(error.message).toContain('/nowhere/a.wav');
  });

  test('several lists in a folder that bears the name of none', async () => {
    const root = await makeTree({ 'one.jsonl': '', 'two.jsonl': '' });
    const error = await refusalOf(readCorpus('emobox', { data: root }));
    expect(error.message).toContain('several lists: one.jsonl, two.jsonl');
  });
});

test('absolute paths need no folder', async () => {
  const audio = await makeTree({ 'a.wav': '', 'b.wav': '' });
  const root = await makeTree({
    'list.jsonl': list(
      { wav: path.join(audio, 'a.wav') },
      { key: 'mine-b', wav: path.join(audio, 'b.wav'), emo: 'sad', speaker: 'bob' },
    ),
  });
  const corpus = await readCorpus('emobox', { data: root });
  expect(corpus.utterances.map((one) => one.path)).toEqual([
    path.join(audio, 'a.wav'),
    path.join(audio, 'b.wav'),
  ]);
});

test('lines of several corpora whose short ids would collide keep their whole keys', async () => {
  const root = await makeTree({
    'list.jsonl': list(
      { key: 'one-01', dataset: 'one', wav: 'a.wav' },
      { key: 'two-01', dataset: 'two', wav: 'b.wav', emo: 'sad' },
    ),
    'a.wav': '',
    'b.wav': '',
  });
  const corpus = await readCorpus('emobox', { data: root });
  expect(corpus.utterances.map(({ id }) => id)).toEqual(['one-01', 'two-01']);
});

const sample = path.resolve('..', 'shared', 'corpora', 'formats', 'EmoBox_iemocap_labels_sample.jsonl');
const genuine = await readFile(sample, 'utf8').catch(() => undefined);
if (genuine === undefined) console.warn(`No genuine EmoBox lines at ${sample}: the test on them is skipped.`);

(genuine === undefined ? test.skip : test)(
  'genuine lines of EmoBox are read with the right speakers',
  async () => {
    const wavs = genuine!
      .trim()
      .split('\n')
      .map((text) => (JSON.parse(text) as { wav: string }).wav);
    const root = await makeTree({
      ...Object.fromEntries(wavs.map((wav) => [wav, ''])),
      'data/iemocap/iemocap.jsonl': genuine!,
    });
    const corpus = await readCorpus('emobox', { data: path.join(root, 'data', 'iemocap') });
    expect(corpus.utterances).toHaveLength(10);
    for (const { id, speaker } of corpus.utterances) expect(speaker).toBe(`${id.slice(0, 5)}${id.at(-4)}`);
    expect(corpus.utterances.map(({ speaker }) => speaker)).toContain('Ses02M');
    expect(tally(corpus.utterances, ({ emotion }) => emotion)).toMatchObject({ excitement: 1 });
  },
);
