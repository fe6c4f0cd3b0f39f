import { readdir, readFile, stat } from 'node:fs/promises';
import path from 'node:path';

import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';

import { writeEmoBox } from '../../lib/corpus/emobox-out.js';
import { readCorpus } from '../../lib/corpus/index.js';
import type { Corpus, Utterance } from '../../lib/corpus/types.js';
import { UsageError } from '../../lib/errors.js';
import { planFolds } from '../../lib/folds/index.js';
import { fixtureTree } from './fixture-tree.js';
import { refusalOf } from './reading.js';
import { makeFolder, removeTrees } from './temporary-tree.js';

afterAll(removeTrees);

let corpus: Corpus;
beforeAll(async () => {
  const { root } = await fixtureTree('savee', { clean: true });
  corpus = await readCorpus('savee', { data: root });
}, 180_000);

/** An utterance as both sides of a round trip must have it; the source's labels are another story. */
const essence = ({ id, path, emotion, speaker, session, gender, text }: Utterance) => ({
  id,
  path,
  emotion,
  speaker,
  session,
  gender,
  text,
});

describe('EmoBox', () => {
  test('out and in again gives the same utterances, and the folds of the plan', async () => {
    const plan = planFolds({ corpus, protocol: 'loso', validation: 'none' });
    const seen: number[] = [];
    const folder = await writeEmoBox(corpus, await makeFolder(), plan, {
      onProgress: ({ done }) => seen.push(done),
    });
    expect(path.basename(folder)).toBe('savee');
    expect((await readdir(folder)).sort()).toEqual([
      'fold_1',
      'fold_2',
      'fold_3',
      'fold_4',
      'label_map.json',
      'savee.jsonl',
    ]);
    expect(await readdir(path.join(folder, 'fold_2'))).toEqual([
      'savee_test_fold_2.jsonl',
      'savee_train_fold_2.jsonl',
    ]);
    expect(seen.at(-1)).toBe(480);
    const back = await readCorpus('emobox', { data: folder });
    expect(back.classes).toEqual(corpus.classes);
    expect(back.utterances.map(essence)).toEqual(corpus.utterances.map(essence));
    expect(back.warnings).toEqual([]);
    expect(planFolds({ corpus: back, protocol: 'emobox-folds', validation: 'none' }).folds).toEqual(
      plan.folds,
    );
  });

  test("lines have EmoBox' fields, with length and rate of the file itself", async () => {
    const folder = await writeEmoBox(corpus, await makeFolder());
    const [first] = (await readFile(path.join(folder, 'savee.jsonl'), 'utf8')).split('\n');
    const { num_frame, ...line } = JSON.parse(first!) as { num_frame: number };
    expect(line).toEqual({
      key: 'savee-DC_a01',
      dataset: 'savee',
      wav: corpus.utterances[0]!.path,
      type: 'raw',
      sample_rate: 16000,
      task: 'category',
      length: num_frame / 16000,
      emo: 'anger',
      channel: 1,
      speaker: 'DC',
      gender: 'male',
      text: 'a01',
    });
    const { size } = await stat(corpus.utterances[0]!.path);
    expect(num_frame).toBe((size - 44) / 2);
    expect(JSON.parse(await readFile(path.join(folder, 'label_map.json'), 'utf8'))).toEqual(
      Object.fromEntries(corpus.classes.map((name) => [name, name])),
    );
  });

  test('validation parts are its valid lists', async () => {
    const plan = planFolds({ corpus, protocol: 'loso' });
    const folder = await writeEmoBox(corpus, await makeFolder(), plan);
    const text = await readFile(path.join(folder, 'fold_1', 'savee_valid_fold_1.jsonl'), 'utf8');
    expect(text.trim().split('\n')).toHaveLength(120);
  });

  test('a folder that holds something, a plan of another corpus, synthesised speech: refused, nothing written', async () => {
    const folder = await makeFolder();
    await writeEmoBox(corpus, folder);
    await expect(writeEmoBox(corpus, folder)).rejects.toThrow(UsageError);
    const demo = await readCorpus('demo');
    const elsewhere = await makeFolder();
    const error = await refusalOf(writeEmoBox(corpus, elsewhere, planFolds({ corpus: demo })));
    expect(error.code).toBe('E_PLAN_IDS');
    await expect(writeEmoBox(demo, elsewhere)).rejects.toThrow(/synthesised/);
    expect(await readdir(elsewhere)).toEqual([]);
  });

  test('an audio file that cannot be read ends it with the name of the file', async () => {
    const broken = { ...corpus, utterances: [{ ...corpus.utterances[0]!, path: '/nowhere/a.wav' }] };
    const folder = await makeFolder();
    const error = await refusalOf(writeEmoBox(broken, folder));
    expect(error.message).toContain('/nowhere/a.wav');
    expect(await readdir(folder)).toEqual([]);
  });
});
