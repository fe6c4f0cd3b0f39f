import { existsSync, readdirSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';

import { cremadStems } from '../../lib/corpus/cremad/stems.js';
import { demoCorpus } from '../../lib/corpus/demo/index.js';
import { saveeIds } from '../../lib/corpus/savee.js';
import type { Corpus } from '../../lib/corpus/types.js';
import type { SerError } from '../../lib/errors.js';
import {
  type GroupPlan,
  loadPlan,
  planFolds,
  protocolSummaries,
  readPlan,
  readPlanFile,
  stateByGroups,
  verifyPlan,
  writePlan,
} from '../../lib/folds/index.js';
import { makeFolder, removeTrees } from '../corpus/temporary-tree.js';
import {
  cremadLike,
  emodbLike,
  iemocapLike,
  mspImprovLike,
  ravdessLike,
  saveeLike,
} from './small-corpora.js';

let folder: string;
beforeAll(async () => {
  folder = await makeFolder();
});
afterAll(removeTrees);

async function put(name: string, plan: unknown): Promise<string> {
  const file = path.join(folder, name);
  await writeFile(file, JSON.stringify(plan));
  return file;
}

const refusal = (promise: Promise<unknown>): Promise<SerError> =>
  promise.then(
    () => {
      throw new Error('the plan was not refused');
    },
    (error: SerError) => error,
  );

const corpus = demoCorpus();
const plan = planFolds({ corpus });

describe('a plan stated by speakers', () => {
  test('gives the plan again on its corpus: ids, hash and all', async () => {
    const stated = stateByGroups(plan, corpus, { by: 'speaker', source: 'a paper' });
    expect(stated.folds[0]).toEqual({
      fold: 1,
      test: ['f1', 'm1'],
      validation: ['f2', 'm2'],
      utterances: { train: 160, validation: 80, test: 80 },
    });
    expect(await loadPlan(await put('stated.json', stated), corpus)).toEqual(plan);
  });

  test('holds for a list that a person writes, with no more than it needs', async () => {
    const written = {
      schema: 'ser-native/fold-groups@1',
      corpus: 'demo',
      protocol: 'men-last',
      validation: 'none',
      by: 'speaker',
      folds: [{ fold: 1, test: ['m3', 'm4'] }],
    };
    const loaded = await loadPlan(await put('written.json', written), corpus);
    expect(loaded.folds[0]!.test).toHaveLength(80);
    expect(loaded.folds[0]!.train).toHaveLength(240);
    expect(verifyPlan(loaded, corpus)).toEqual([]);
  });

  test('by sessions, where no part divides one', async () => {
    const own = iemocapLike();
    const made = planFolds({ corpus: own, protocol: 'iemocap-5fold' });
    const stated = stateByGroups(made, own, { by: 'session' });
    expect(stated.folds.map((fold) => fold.test)).toEqual([['1'], ['2'], ['3'], ['4'], ['5']]);
    expect(await loadPlan(await put('sessions.json', stated), own)).toEqual(made);
    const speakers = planFolds({ corpus: own, protocol: 'iemocap-10fold', validation: 'none' });
    expect(() => stateByGroups(speakers, own, { by: 'session' })).toThrow(/divides session 1/);
  });

  test('has no utterances without a corpus, which readPlan says', async () => {
    const file = await put('alone.json', stateByGroups(plan, corpus, { by: 'speaker' }));
    expect((await readPlanFile(file)).schema).toBe('ser-native/fold-groups@1');
    expect((await refusal(readPlan(file))).cure).toContain('loadPlan');
  });
});

describe('is refused', () => {
  const stated = stateByGroups(plan, corpus, { by: 'speaker' });
  const loading = async (changed: Partial<GroupPlan>, own: Corpus = corpus) =>
    refusal(loadPlan(await put('refused.json', { ...stated, ...changed }), own));

  test('for another corpus, or another choice of the same', async () => {
    expect((await loading({ corpus: 'ravdess' })).code).toBe('E_PLAN_CORPUS');
    const chosen = { ...corpus, choices: { classes: '6' } };
    const error = await loading({ choices: { classes: '4' } }, chosen);
    expect(error.code).toBe('E_PLAN_CHOICES');
    expect(error.cure).toContain('--choice classes=4');
  });

  test('where the copy is not the one that it was made for', async () => {
    const fewer = { ...corpus, utterances: corpus.utterances.slice(1) };
    const total = await loading({}, fewer);
    expect(total.code).toBe('E_PLAN_COUNTS');
    expect(total.message).toContain('is for 320 utterances, this copy of demo has 319');
    const counts = await loading({ utterances: undefined }, fewer);
    expect(counts.code).toBe('E_PLAN_COUNTS');
    expect(counts.message).toContain('160 / 80 / 80');
    const renamed = {
      ...corpus,
      utterances: corpus.utterances.map((one, i) => (i ? one : { ...one, id: 'x' })),
    };
    expect((await loading({}, renamed)).code).toBe('E_PLAN_HASH');
    const without = { ...corpus, utterances: corpus.utterances.filter(({ speaker }) => speaker !== 'm1') };
    const missing = await loading({}, without);
    expect(missing.code).toBe('E_TOO_FEW_SPEAKERS');
    expect(missing.message).toContain('m1');
  });

  test('where a speaker both validates and tests', async () => {
    const folds = structuredClone(stated.folds);
    folds[0]!.validation.push('m1');
    delete folds[0]!.utterances;
    const error = await loading({ folds, hash: undefined });
    expect(error.code).toBe('E_LEAK');
  });

  test('where it contradicts itself', async () => {
    expect((await loading({ validation: 'none' })).code).toBe('E_PLAN_READ');
  });
});

describe('a plan with its ids', () => {
  test('goes out and comes in again, and says what was chosen of the corpus', async () => {
    const own = { ...iemocapLike(), choices: { classes: '4' } };
    const made = planFolds({ corpus: own, protocol: 'iemocap-5fold', validation: 'speaker' });
    const file = path.join(folder, 'full.json');
    await writePlan(file, made);
    expect(await loadPlan(file, own)).toEqual(made);
    expect(made.choices).toEqual({ classes: '4' });
    const other = await refusal(loadPlan(file, { ...own, choices: { classes: '6' } }));
    expect(other.code).toBe('E_PLAN_CHOICES');
  });

  test('of a smaller copy says that it leaves utterances out', async () => {
    const smaller = { ...corpus, utterances: corpus.utterances.slice(0, -2) };
    const file = path.join(folder, 'smaller.json');
    await writePlan(file, planFolds({ corpus: smaller }));
    expect((await loadPlan(file, corpus)).warnings).toContain(
      'Fold 1: 2 utterances of the corpus are in none of its parts.',
    );
  });

  test('as it was written before nested validation was there', async () => {
    const old = JSON.parse(JSON.stringify(plan)) as Record<string, unknown>;
    delete old.choices;
    expect(await loadPlan(await put('old.json', old), corpus)).toEqual(plan);
  });
});

describe('plans that are shipped', () => {
  const shipped = fileURLToPath(new URL('../../plans/', import.meta.url));
  const names = readdirSync(shipped).map((name) => path.basename(name, '.json'));
  const withIds = (
    name: string,
    ids: readonly string[],
    speaker: (id: string) => string,
    choices = {},
  ): Corpus => ({
    ...saveeLike(),
    name,
    classes: ['neutral', 'anger'],
    utterances: ids.map((id, index) => ({
      id,
      path: '',
      emotion: index % 2 ? 'anger' : 'neutral',
      speaker: speaker(id),
    })),
    choices,
  });

  test('there is one for every published protocol, and no other', () => {
    const general = ['loso', 'leave-one-session-out', 'manifest-split', 'emobox-folds', 'group-K'];
    const published = protocolSummaries.map(({ name }) => name).filter((name) => !general.includes(name));
    expect(names.sort()).toEqual(published.sort());
    expect(existsSync(path.join(shipped, 'iemocap-5fold.json'))).toBe(true);
  });

  const small: Record<string, Corpus> = {
    demo: demoCorpus(),
    ravdess: ravdessLike(),
    iemocap: iemocapLike(),
    'msp-improv': mspImprovLike(),
    savee: saveeLike(),
    emodb: emodbLike(),
    cremad: cremadLike(),
  };

  test.each(names)('%s lists who the protocol tests and validates', async (name) => {
    const stated = (await readPlanFile(path.join(shipped, `${name}.json`))) as GroupPlan;
    const own = small[stated.corpus]!;
    const expected = stateByGroups(planFolds({ corpus: own, protocol: name }), own, { by: stated.by });
    const lists = ({ folds }: GroupPlan) =>
      folds.map(({ fold, test: held, validation }) => ({ fold, held, validation }));
    expect(lists(stated)).toEqual(lists(expected));
  });

  test.each([
    ['demo-4fold', demoCorpus()],
    ['ravdess-6fold', ravdessLike()],
    ['ravdess-6fold-emobox', ravdessLike()],
    ['ravdess-5fold', ravdessLike()],
    ['savee-4fold', withIds('savee', saveeIds(), (id) => id.slice(0, 2))],
    ['cremad-5fold', withIds('cremad', cremadStems(), (id) => id.slice(0, 4), { labels: 'intended' })],
  ])('%s states the hash of the complete corpus', async (name, own) => {
    const loaded = await loadPlan(path.join(shipped, `${name}.json`), own);
    expect(loaded.hash).toBe(planFolds({ corpus: own, protocol: name }).hash);
  });

  test('IEMOCAP in sessions of the published sizes', async () => {
    const { folds, utterances } = (await readPlanFile(path.join(shipped, 'iemocap-5fold.json'))) as GroupPlan;
    expect(utterances).toBe(5531);
    expect(folds.map((fold) => fold.utterances!.test)).toEqual([1085, 1023, 1151, 1031, 1241]);
  });
});
