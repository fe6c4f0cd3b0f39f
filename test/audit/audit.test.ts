import { mkdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';

import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';

import { audit } from '../../lib/audit/index.js';
import { demoCorpus } from '../../lib/corpus/demo/index.js';
import { DataError } from '../../lib/errors.js';
import { planFolds, planHash, stateByGroups, writePlan } from '../../lib/folds/index.js';
import { buildReport } from '../../lib/report/index.js';
import type { EpochLine, PredictionLine, Selection } from '../../lib/report/types.js';
import { run } from '../cli/command.js';
import { makeFolder, removeTrees } from '../corpus/temporary-tree.js';
import { epochLine } from '../report/tiny-run.js';
import { cut, demoSounds, gain } from './sounds.js';

let folder: string;
const cache = process.env.SER_CACHE;

beforeAll(async () => {
  folder = await makeFolder();
  process.env.SER_CACHE = path.join(folder, 'cache');
});
afterAll(async () => {
  if (cache === undefined) delete process.env.SER_CACHE;
  else process.env.SER_CACHE = cache;
  await removeTrees();
});

const corpus = demoCorpus();
const plan = planFolds({ corpus });
const json = (value: unknown): string => `${JSON.stringify(value)}\n`;
const place = async (name: string, content: string): Promise<string> => {
  const file = path.join(folder, name);
  await mkdir(path.dirname(file), { recursive: true });
  await writeFile(file, content);
  return file;
};

describe('fold plans', () => {
  test('a clean one, against the demo corpus with its audio', async () => {
    const file = path.join(folder, 'clean.json');
    await writePlan(file, plan);
    const report = await audit({ target: file, corpus: 'demo' });
    expect(report).toMatchObject({ leaks: [], faults: [], corpus: 'demo', hash: plan.hash, notChecked: [] });
    expect(report.checked.join()).toContain('by fingerprint');
  });

  test('one that was changed by hand is audited all the same, and the change told', async () => {
    const copy = structuredClone(plan);
    copy.folds[2]!.validation.push(copy.folds[2]!.test[5]!);
    const report = await audit({ target: await place('changed.json', json(copy)) });
    expect(report.leaks.map(({ kind, fold }) => [kind, fold])).toEqual([
      ['speaker', 3],
      ['utterance', 3],
    ]);
    expect(report.faults).toEqual([expect.stringContaining('changed after it was made')]);
  });

  test('one stated by speakers: overlaps by itself, all of it on its corpus', async () => {
    const stated = stateByGroups(plan, corpus, { by: 'speaker' });
    const file = await place('stated.json', json(stated));
    expect((await audit({ target: file, corpus: 'demo', audio: false })).hash).toBe(plan.hash);
    stated.folds[0]!.validation.push('m1');
    const report = await audit({ target: await place('overlap.json', json(stated)) });
    expect(report.leaks).toEqual([
      { kind: 'speaker', fold: 1, speaker: 'm1', parts: { validation: 1, test: 1 } },
    ]);
  });

  test("lists of another tool, by whatever name the parts go and with the files' endings", async () => {
    const lists = [
      { train: ['a/u1.wav', 'u2'], dev: ['u3'], test: ['u1'] },
      { train: ['u1'], dev: ['u3'], test: ['u2'] },
    ];
    const report = await audit({ target: await place('lists.json', json(lists)) });
    expect(report.leaks).toEqual([{ kind: 'utterance', fold: 1, id: 'u1', parts: ['train', 'test'] }]);
    expect(report.faults).toEqual([]);
  });

  test('EmoBox folds share speakers, as their ids tell', async () => {
    const line = (id: string) =>
      json({ key: `iemocap-${id}`, dataset: 'iemocap', wav: `x/${id}.wav`, emo: 'neu', type: 'raw' });
    const where = 'emobox/iemocap/fold_1/iemocap';
    await place(`${where}_train_fold_1.jsonl`, line('Ses01F_impro01_F000') + line('Ses02F_impro01_M000'));
    await place(`${where}_test_fold_1.jsonl`, line('Ses01M_impro02_F003'));
    const report = await audit({ target: path.join(folder, 'emobox/iemocap') });
    expect(report.corpus).toBe('iemocap');
    // The markers' wearer is not the speaker: both are Ses01F.
    expect(report.leaks).toEqual([
      { kind: 'speaker', fold: 1, speaker: 'Ses01F', parts: { train: 1, test: 1 } },
    ]);
  });

  test('what is no plan, and a plan for another corpus, are errors', async () => {
    await expect(audit({ target: path.join(folder, 'none.json') })).rejects.toThrow(/does not exist/);
    await expect(audit({ target: await place('cut.json', '{"folds": [') })).rejects.toThrow(/truncated/);
    await expect(audit({ target: await place('text.json', '"text"') })).rejects.toThrow(DataError);
    await mkdir(path.join(folder, 'empty'), { recursive: true });
    await expect(audit({ target: path.join(folder, 'empty') })).rejects.toThrow(/no run/);
    const other = await place('other.json', json({ ...plan, corpus: 'ravdess' }));
    await expect(audit({ target: other, corpus: 'demo' })).rejects.toThrow(/for corpus ravdess, not demo/);
  });
});

/** A WAV file of mono samples at 16 kHz. */
function wav(samples: Int16Array): Buffer {
  const head = Buffer.alloc(44);
  head.write('RIFF', 0, 'latin1');
  head.writeUInt32LE(36 + 2 * samples.length, 4);
  head.write('WAVEfmt ', 8, 'latin1');
  head.writeUInt32LE(16, 16);
  head.writeUInt16LE(1, 20);
  head.writeUInt16LE(1, 22);
  head.writeUInt32LE(16_000, 24);
  head.writeUInt32LE(32_000, 28);
  head.writeUInt16LE(2, 32);
  head.writeUInt16LE(16, 34);
  head.write('data', 36, 'latin1');
  head.writeUInt32LE(2 * samples.length, 40);
  return Buffer.concat([head, Buffer.from(samples.buffer, samples.byteOffset, 2 * samples.length)]);
}

describe("a manifest's own split, with recordings on disk", () => {
  const splits = ['train', 'train', 'train', 'validation', 'validation', 'test'];
  let rows: string[];

  beforeAll(async () => {
    await mkdir(path.join(folder, 'audio'), { recursive: true });
    rows = ['path,emotion,speaker,split'];
    for (const [index, { id, samples }] of demoSounds(12).entries()) {
      await writeFile(path.join(folder, 'audio', `${id}.wav`), wav(samples));
      const speaker = Math.floor(index / 2);
      rows.push(`audio/${id}.wav,${index % 2 ? 'anger' : 'sadness'},s${speaker},${splits[speaker]}`);
    }
    const [original] = demoSounds(1);
    await writeFile(path.join(folder, 'audio', 'twin.wav'), wav(original!.samples));
    await writeFile(path.join(folder, 'audio', 'quiet.wav'), wav(gain(cut(original!.samples, 0.01), -12)));
  });

  const auditRows = async (name: string, more: string[]) =>
    audit({ target: await place(name, `${[...rows, ...more].join('\n')}\n`) });

  test('clean', async () => {
    expect(await auditRows('clean.csv', [])).toMatchObject({ leaks: [], faults: [], notChecked: [] });
  });

  test('a speaker in two parts', async () => {
    const { leaks } = await auditRows('speaker.csv', [
      'audio/twin.wav,anger,s0,train',
      'audio/quiet.wav,anger,s0,test',
    ]);
    expect(leaks).toContainEqual({ kind: 'speaker', fold: 1, speaker: 's0', parts: { train: 3, test: 1 } });
  });

  test('a recording under another name and speaker: sample for sample', async () => {
    const { leaks } = await auditRows('twin.csv', ['audio/twin.wav,anger,s9,test']);
    expect(leaks).toMatchObject([
      { kind: 'recording', fold: 1, match: 'identical', parts: ['train', 'test'] },
    ]);
  });

  test('the same 12 dB quieter and 10 ms later: by its fingerprint', async () => {
    const { leaks } = await auditRows('quiet.csv', ['audio/quiet.wav,anger,s9,test']);
    expect(leaks).toMatchObject([{ kind: 'recording', fold: 1, match: 'near', parts: ['train', 'test'] }]);
    expect(leaks[0]).toMatchObject({ ids: [expect.any(String), expect.stringContaining('quiet')] });
  });

  test('a damaged file is told, and the rest audited', async () => {
    await writeFile(path.join(folder, 'audio', 'damaged.wav'), 'no audio');
    const report = await auditRows('damaged.csv', [
      'audio/damaged.wav,anger,s5,test',
      'audio/twin.wav,anger,s9,test',
    ]);
    expect(report.leaks).toMatchObject([{ kind: 'recording' }]);
    expect(report.notChecked.join()).toContain('damaged');
  });
});

describe('runs', () => {
  /** A run of two folds whose files agree, then changed. */
  async function writeRun(
    name: string,
    change: (files: {
      predictions: PredictionLine[];
      epochs: EpochLine[];
      report: ReturnType<typeof buildReport>;
    }) => void,
    plan_ = plan,
  ): Promise<string> {
    const folds = [1, 2].map((fold) => {
      const { test: ids } = plan.folds[fold - 1]!;
      const lines = (selection: Selection): PredictionLine[] =>
        ids.map((id) => {
          const { speaker, emotion } = corpus.utterances.find((utterance) => utterance.id === id)!;
          const probabilities = Object.fromEntries(
            corpus.classes.map((one) => [one, one === emotion ? 1 : 0]),
          );
          return { fold, seed: 1, selection, id, speaker, label: emotion, predicted: emotion, probabilities };
        });
      return {
        fold,
        seed: 1,
        epochs: [epochLine(fold, 1, 0.5), epochLine(fold, 2, 0.75), epochLine(fold, 3, 0.6)],
        selected: { epoch: 2 },
        bestOnTest: { epoch: 2 },
        predictions: { selected: lines('selected'), bestOnTest: lines('bestOnTest') },
      };
    });
    const report = buildReport({
      run: name,
      created: '2026-01-02T03:04:05.678Z',
      version: '0.0.0',
      corpus: 'demo',
      synthetic: true,
      protocol: plan.protocol,
      protocolFolds: 4,
      validation: plan.validation,
      classes: corpus.classes,
      folds,
    });
    const files = {
      predictions: folds.flatMap(({ predictions: both }) => [...both.selected, ...both.bestOnTest]),
      epochs: folds.flatMap(({ epochs }) => epochs),
      report,
    };
    change(files);
    const file = { schema: 'ser-native/run@1', config: { corpus: 'demo' }, planHash: plan.hash };
    await place(`${name}/run.json`, json(file));
    await place(`${name}/folds.json`, json(plan_));
    await place(`${name}/predictions.jsonl`, files.predictions.map(json).join(''));
    await place(`${name}/metrics.jsonl`, files.epochs.map(json).join(''));
    await place(`${name}/report.json`, json(files.report));
    return path.join(folder, name);
  }
  const faultsOf = async (target: string) => (await audit({ target, audio: false })).faults;

  test('one whose files agree', async () => {
    const target = await writeRun('honest', () => {});
    const report = await audit({ target, audio: false });
    expect(report).toMatchObject({ corpus: 'demo', leaks: [], faults: [] });
    expect(report.notChecked).toEqual(['recordings: the audio was not read']);
    expect(report.checked.join()).toContain('selected epochs');
  });

  test('predictions of what was trained on, of none of it, and twice', async () => {
    const trained = plan.folds[0]!.train[0]!;
    const target = await writeRun('foreign', ({ predictions }) => {
      predictions[0]!.id = trained;
      predictions[2]!.id = predictions[1]!.id;
    });
    const faults = (await faultsOf(target)).join('\n');
    expect(faults).toContain(`predictions of what is not tested (${trained}: train)`);
    expect(faults).toContain(`predicted twice: ${plan.folds[0]!.test[1]}`);
    expect(faults).toContain('2 tested utterances have no prediction');
  });

  test('an epoch that the metrics do not choose', async () => {
    const target = await writeRun('chosen', ({ report }) => {
      report.folds[1]!.selected.epoch = 3;
    });
    expect(await faultsOf(target)).toEqual([
      'Fold 2: the report gives epoch 3 as the selected epoch, the metrics choose 2.',
    ]);
  });

  test('figures that the predictions do not give, and labels that the corpus does not', async () => {
    const target = await writeRun('figures', ({ report, predictions }) => {
      report.folds[0]!.selected.ua = 0.9;
      predictions[0]!.label = predictions[0]!.label === 'anger' ? 'sadness' : 'anger';
    });
    const faults = (await faultsOf(target)).join('\n');
    expect(faults).toContain('the report says UA 0.9');
    expect(faults).toContain('labels that the corpus does not give');
  });

  test('another plan than the one that the run was begun with', async () => {
    const other = planFolds({ corpus, protocol: 'loso' });
    expect(other.hash).toBe(planHash(other));
    const target = await writeRun('replanned', () => {}, other);
    expect((await faultsOf(target)).join('\n')).toContain('not the plan that the run was begun with');
  });

  test('a corpus that is gone leaves what can be told without', async () => {
    const target = await writeRun('moved', () => {});
    const file = JSON.parse(await readFile(path.join(target, 'run.json'), 'utf8')) as { config: object };
    file.config = { corpus: 'ravdess', data: '/nowhere' };
    await writeFile(path.join(target, 'run.json'), json(file));
    const report = await audit({ target });
    expect(report.leaks).toEqual([]);
    expect(report.notChecked.join()).toContain("the run's corpus cannot be read");
  });
});

describe('the command', () => {
  const command = async (args: string[]) => {
    const { code, stdout } = await run(['audit', ...args], { cwd: folder });
    return { code, stdout };
  };

  test('ends with 0 for a clean plan, 3 for a leak, 2 for nonsense; JSON on stdout', async () => {
    await writePlan(path.join(folder, 'cli-clean.json'), plan);
    const clean = await command(['cli-clean.json', '--corpus', 'demo', '--no-audio']);
    expect(clean.code).toBe(0);
    expect(clean.stdout).toContain('No leak found.');
    const copy = structuredClone(plan);
    copy.folds[0]!.train.push(copy.folds[0]!.test[0]!);
    await place('cli-leaky.json', json(copy));
    const leaky = await command(['cli-leaky.json', '--json']);
    expect(leaky.code).toBe(3);
    expect(JSON.parse(leaky.stdout)).toMatchObject({
      leaks: [
        { kind: 'speaker', fold: 1 },
        { kind: 'utterance', fold: 1 },
      ],
      warnings: expect.any(Array),
    });
    expect((await command(['cli-leaky.json'])).stdout).toContain('f1 in train and test');
    expect((await command(['cli-clean.json', '--corpus', 'ravdes'])).code).toBe(2);
    expect((await command(['nowhere.json'])).code).toBe(3);
  });
});
