import { copyFile, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { demoCorpus, synthesiseDemo } from '../../lib/corpus/demo/index.js';
import type { Evaluation, EvaluationLine } from '../../lib/evaluate/types.js';
import type { FoldPlan } from '../../lib/folds/types.js';
import type { PredictionLine, RunReport } from '../../lib/report/types.js';
import { encodeWav } from '../audio/wav-encoder.js';
import { run, TINY } from './command.js';

let cwd: string;

/** A few utterances of the demo corpus as WAV files in `class/speaker/`; another seed is other speech. */
async function writeFolder(name: string, seed: number, takes: number, folderOf: Record<string, string> = {}) {
  for (const { id, path, emotion, speaker } of demoCorpus(seed).utterances) {
    if (Number(id.slice(-2)) > takes) continue;
    const folder = join(cwd, name, folderOf[emotion] ?? emotion, speaker);
    await mkdir(folder, { recursive: true });
    const samples = Float32Array.from(synthesiseDemo(path), (value) => value / 32_768);
    await writeFile(join(folder, `${id}.wav`), encodeWav(samples));
  }
}

beforeAll(async () => {
  cwd = await mkdtemp(join(tmpdir(), 'ser-evaluate-'));
  const { code, stderr } = await run(['train', ...TINY, '--out', 'eam', '--final'], { cwd });
  expect({ code, stderr: code === 0 ? '' : stderr }).toEqual({ code: 0, stderr: '' });
  await run(['train', ...TINY, '--mix', 'none', '--folds', '1', '--out', 'none'], { cwd });
  await writeFolder('other', 1, 2);
  await writeFolder('trained', 0, 1);
  await writeFolder('strange', 2, 1, { neutral: 'rage', happiness: 'glee', anger: 'awe' });
  await writeFolder('renamed', 1, 1, { happiness: 'excitement', sadness: 'fear' });
}, 300_000);
afterAll(() => rm(cwd, { recursive: true, force: true }));

const text = (path: string) => readFile(join(cwd, path), 'utf8');
const lines = async <T>(path: string) =>
  (await text(path))
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as T);
async function evaluate(...args: string[]): Promise<Evaluation> {
  const { code, stdout, stderr } = await run(['evaluate', ...args, '--json'], { cwd });
  expect({ code, stderr: code === 0 ? '' : stderr }).toEqual({ code: 0, stderr: '' });
  return JSON.parse(stdout) as Evaluation;
}

describe('a run on its own corpus', () => {
  it('judges every fold on its own test part, and comes to the figures of its report', async () => {
    const evaluation = await evaluate('eam', '--out', 'own');
    const report = JSON.parse(await text('eam/report.json')) as RunReport;
    expect(evaluation).toMatchObject({
      schema: 'ser-native/evaluation@1',
      kind: 'own',
      basis: 'pooled',
      model: 'eam',
      corpus: { name: 'demo', synthetic: true, utterances: 160, speakers: 4 },
      chance: { ua: 0.25, wa: 0.25 },
    });
    const [clean] = evaluation.conditions;
    expect(clean!.models.map(({ name, n }) => [name, n])).toEqual([
      ['fold 1', 80],
      ['fold 2', 80],
    ]);
    expect(clean!.overall.confusion).toEqual(report.pooled.selected.confusion);
    expect(clean!.mean.ua.mean).toBeCloseTo(report.mean.selected.ua.mean!, 12);
    expect(clean!.overall.ci95!.ua![0]).toBeLessThan(clean!.overall.ua!);
    expect(evaluation.warnings.join()).toMatch(/fitted on all the data stays out/);

    const predictions = await lines<EvaluationLine>('own/predictions.jsonl');
    const { folds } = JSON.parse(await text('eam/folds.json')) as FoldPlan;
    for (const { fold, test } of folds.slice(0, 2)) {
      const ids = predictions.filter((line) => line.fold === fold).map(({ id }) => id);
      expect(ids.sort()).toEqual([...test].sort());
    }
    const trained = (await lines<PredictionLine>('eam/predictions.jsonl')).filter(
      ({ selection }) => selection === 'selected',
    );
    const predicted = new Map(predictions.map((line) => [line.id, line.predicted]));
    for (const line of trained) expect(predicted.get(line.id)).toBe(line.predicted);
    expect(JSON.parse(await text('own/evaluation.json'))).toMatchObject({ kind: 'own', model: 'eam' });
    expect(await text('own/evaluation.html')).toMatch(/^<!doctype html>/i);
  });

  it('judges one fold, named by --folds or as a checkpoint, on its test part', async () => {
    const byFlag = await evaluate('eam', '--folds', '2');
    const byFile = await evaluate('eam/fold-2/best.safetensors');
    expect(byFlag.conditions[0]!.overall.n).toBe(80);
    expect(byFile.conditions).toEqual(byFlag.conditions);
    expect(byFile.leftOut).toEqual({ 'in no test part of the folds judged': 240 });
  });

  it('plans anew for a checkpoint that has left its run, and judges the same test part', async () => {
    await copyFile(join(cwd, 'eam/fold-1/best.safetensors'), join(cwd, 'stray.safetensors'));
    const stray = await evaluate('stray.safetensors', '--corpus', 'demo');
    const home = await evaluate('eam', '--folds', '1');
    expect(stray.kind).toBe('own');
    expect(stray.conditions[0]!.overall).toEqual(home.conditions[0]!.overall);
  });

  it.each([
    ['the model fitted on all the data', ['eam/final/best.safetensors'], 3, /trained on all of demo/],
    ['a stray checkpoint without a corpus', ['stray.safetensors'], 2, /--corpus demo/],
    ['a fold that is not there', ['eam', '--folds', '4'], 2, /no finished fold 4/],
    ['an unknown run', ['nowhere'], 3, /no file or folder/],
    [
      'recordings that it was trained on, under another name',
      ['eam', '--corpus', 'folder', '--data', 'trained'],
      3,
      /were in the training data/,
    ],
    [
      'a corpus with which it shares no two classes',
      ['eam', '--corpus', 'folder', '--data', 'strange'],
      3,
      /--label-map/,
    ],
    ['a level that is no number', ['eam', '--noise', 'loud'], 2, /numbers in dB/],
    ['a kind of noise without a level', ['eam', '--noise-kind', 'pink'], 2, /--noise 20/],
    ['noise that is not there', ['eam', '--noise', '10', '--noise-kind', 'nowhere'], 3, /no noise at/],
  ])('refuses %s', async (_what, args, code, message) => {
    const result = await run(['evaluate', ...args], { cwd });
    expect({ code: result.code, stderr: result.stderr }).toEqual({
      code,
      stderr: expect.stringMatching(message),
    });
    expect(result.stderr).not.toMatch(/\n\s+at /);
  });
});

describe('a run on another corpus', () => {
  it('judges every model on all of it, and the average of the folds', async () => {
    const evaluation = await evaluate('eam', '--corpus', 'folder', '--data', 'other', '--out', 'cross');
    expect(evaluation).toMatchObject({
      kind: 'other',
      basis: 'ensemble',
      corpus: { utterances: 64, speakers: 8 },
    });
    const [clean] = evaluation.conditions;
    expect(clean!.models.map(({ name, n }) => [name, n])).toEqual([
      ['fold 1', 64],
      ['fold 2', 64],
      ['final', 64],
    ]);
    expect(clean!.mean.ua.mean).toBeCloseTo((clean!.models[0]!.ua! + clean!.models[1]!.ua!) / 2, 12);
    const predictions = await lines<EvaluationLine>('cross/predictions.jsonl');
    const of = (model: string) => predictions.filter((line) => line.model === model);
    const [one, two, both] = ['fold 1', 'fold 2', 'ensemble'].map(of);
    both!.forEach(({ id, probabilities }, i) => {
      expect(one![i]!.id).toBe(id);
      for (const [name, p] of Object.entries(probabilities))
        expect(p).toBeCloseTo((one![i]!.probabilities[name]! + two![i]!.probabilities[name]!) / 2, 6);
    });
  });

  it('takes the classes that both have, names what it leaves out, and maps labels as told', async () => {
    const args = ['eam', '--corpus', 'folder', '--data', 'renamed'];
    const plain = await evaluate(...args);
    expect(plain).toMatchObject({
      classes: ['neutral', 'anger'],
      classesLeftOut: ['happiness', 'sadness'],
      labelsLeftOut: { excitement: 8, fear: 8 },
      chance: { ua: 0.5 },
      corpus: { utterances: 16 },
    });
    await writeFile(join(cwd, 'map.yaml'), 'excitement: happiness\nfear: null\n');
    const mapped = await evaluate(...args, '--label-map', 'map.yaml');
    expect(mapped).toMatchObject({
      classes: ['neutral', 'happiness', 'anger'],
      labelsLeftOut: { fear: 8 },
      labelsMapped: { excitement: 'happiness' },
    });
    const strict = await evaluate(...args, '--other-classes', 'error', '--out', 'strict');
    expect(strict.conditions[0]!.overall.wa).toBeLessThanOrEqual(plain.conditions[0]!.overall.wa);
    const { stdout } = await run(['evaluate', ...args], { cwd });
    expect(stdout).toMatch(/The model also knows happiness, sadness/);
    expect(stdout).toMatch(/excitement 8, fear 8/);
  });
});

describe('robustness', () => {
  it('judges the same utterances under every condition, several runs side by side, and repeats it', async () => {
    const args = 'evaluate eam none --folds 1 --noise 20,-30 --gain -20,40 --json'.split(' ');
    const { code, stdout } = await run([...args, '--out', 'robust'], { cwd });
    expect(code).toBe(0);
    const { evaluations, differences } = JSON.parse(stdout) as {
      evaluations: Evaluation[];
      differences: unknown[];
    };
    for (const { conditions, noise } of evaluations) {
      expect(noise).toEqual({ kind: 'white', description: 'white noise', seed: 1 });
      expect(conditions.map(({ name }) => name)).toEqual([
        'clean',
        'noise 20 dB',
        'noise -30 dB',
        'gain -20 dB',
        'gain +40 dB',
      ]);
      expect(conditions.every(({ overall }) => overall.n === 80)).toBe(true);
      expect(conditions[0]!.change).toBeNull();
      for (const { overall, change } of conditions.slice(1))
        expect(change!.ua!.difference).toBeCloseTo(overall.ua! - conditions[0]!.overall.ua!, 12);
      expect(conditions.map(({ clipped }) => clipped > 0.05)).toEqual([false, false, true, false, true]);
    }
    expect(differences).toHaveLength(5);
    const page = await text('robust/evaluation.html');
    expect(page.match(/<svg class="chart/g)).toHaveLength(2);
    const again = JSON.parse((await run(args, { cwd })).stdout) as { evaluations: Evaluation[] };
    expect(again.evaluations.map(({ conditions }) => conditions)).toEqual(
      evaluations.map(({ conditions }) => conditions),
    );
  });

  it('takes babble of the corpus, and recordings from a folder', async () => {
    const args = ['none', '--noise', '0', '--noise-kind'];
    const babble = await evaluate(...args, 'babble', '--out', 'babble');
    expect(babble.noise!.description).toMatch(/6 utterances of other speakers/);
    const recorded = await evaluate(...args, 'other', '--out', 'recorded');
    expect(recorded.noise!.description).toBe('recordings of other (64 files)');
    const heard = async (out: string) =>
      (await lines<EvaluationLine>(`${out}/predictions.jsonl`)).map(({ probabilities }) => probabilities);
    const [a, b] = [await heard('babble'), await heard('recorded')];
    expect(a.slice(0, 80)).toEqual(b.slice(0, 80)); // clean
    expect(a.slice(80)).not.toEqual(b.slice(80));
  });

  it('says when runs were judged on different speakers', async () => {
    const { stdout } = await run(['evaluate', 'eam', 'none'], { cwd });
    expect(stdout).toMatch(/different utterances.*do\s+not\s+compare/s);
  });
});
