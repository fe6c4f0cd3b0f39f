import { mkdir, mkdtemp, readdir, readFile, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { temper } from '../../lib/metrics/index.js';
import type { EpochLine, PredictionLine, RunReport } from '../../lib/report/types.js';
import { readModelCard } from '../../lib/train/model-card.js';
import { encodeWav, tone } from '../audio/wav-encoder.js';
import { run, start, TINY } from './command.js';

let cwd: string;
beforeAll(async () => {
  cwd = await mkdtemp(join(tmpdir(), 'ser-train-'));
});
afterAll(() => rm(cwd, { recursive: true, force: true }));

const text = (path: string) => readFile(join(cwd, path), 'utf8');
const lines = async <T>(path: string) =>
  (await text(path))
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as T);

describe('ser-native train', () => {
  it('trains folds of the demo corpus and leaves a whole run folder', async () => {
    const { code, stdout, stderr } = await run(['train', ...TINY, '--out', 'whole'], { cwd });
    expect({ code, stderr: code === 0 ? '' : stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toMatch(/synthetic/i);
    expect(stdout).toMatch(/report\.html/);
    expect(stderr).toMatch(/fold 1\/4/);

    const report = JSON.parse(await text('whole/report.json')) as RunReport;
    expect(report).toMatchObject({ corpus: 'demo', synthetic: true, protocol: 'demo-4fold', seeds: [1] });
    expect(report.folds.map((fold) => fold.fold)).toEqual([1, 2]);
    for (const { n, selected, bestOnTest } of report.folds) {
      expect(selected.confusion.flat().reduce((a, b) => a + b)).toBe(n);
      expect(bestOnTest.ua!).toBeGreaterThanOrEqual(selected.ua!);
    }
    expect(report.pooled.selected.n).toBe(report.folds[0]!.n + report.folds[1]!.n);

    // Four speakers in two folds, each of both genders; the demo corpus has no sessions.
    expect(report.speakers).toBe(4);
    expect(report.groups!.speaker).toHaveLength(4);
    expect(report.groups!.gender!.map(({ name }) => name)).toEqual(['female', 'male']);
    expect(report.perClass!.map(({ name }) => name)).toEqual(report.classes);
    const { ua, ci95 } = report.pooled.selected;
    expect(ci95!.ua![0]).toBeLessThan(ua!);
    expect(ci95!.ua![1]).toBeGreaterThan(ua!);
    expect(stdout).toMatch(/95 %, over 4 speakers/);

    // A temperature from each fold's validation part: in its result, in its model, and in the report.
    const { temperatures, scaled } = report.calibration!;
    expect(scaled!.bins.reduce((sum, { n }) => sum + n, 0)).toBe(report.pooled.selected.n);
    for (const [index, fold] of [1, 2].entries()) {
      const { outcome } = JSON.parse(await text(`whole/fold-${fold}/result.json`));
      const card = await readModelCard(join(cwd, `whole/fold-${fold}/best.safetensors`));
      expect(outcome.temperature).toBeGreaterThan(0);
      expect(card.temperature).toBe(outcome.temperature);
      expect(temperatures![index]).toBe(outcome.temperature);
    }

    const folds = JSON.parse(await text('whole/folds.json'));
    expect(folds.folds).toHaveLength(4);
    const predictions = await lines<PredictionLine>('whole/predictions.jsonl');
    for (const { fold, test } of folds.folds.slice(0, 2)) {
      for (const selection of ['selected', 'bestOnTest']) {
        const ids = predictions.filter((p) => p.fold === fold && p.selection === selection).map((p) => p.id);
        expect(ids.sort()).toEqual([...test].sort());
      }
    }
    for (const { probabilities, predicted } of predictions) {
      const values = Object.values(probabilities);
      expect(values.reduce((a, b) => a + b)).toBeCloseTo(1, 6);
      expect(probabilities[predicted]).toBe(Math.max(...values));
    }
    const epochs = await lines<EpochLine>('whole/metrics.jsonl');
    expect(epochs.map(({ fold, epoch }) => [fold, epoch])).toEqual([
      [1, 1],
      [1, 2],
      [2, 1],
      [2, 2],
    ]);
    expect(epochs[0]!.train.mixed).toBeGreaterThan(0);
    expect(await text('whole/report.html')).toMatch(/^<!doctype html>/i);
    const leftovers = (await readdir(join(cwd, 'whole'), { recursive: true })).filter((name) =>
      /tmp|partial|lock/.test(name),
    );
    expect(leftovers).toEqual([]);
  });

  it('repeats a run byte for byte', async () => {
    const { code } = await run(['train', ...TINY, '--out', 'again'], { cwd });
    expect(code).toBe(0);
    expect(await text('again/metrics.jsonl')).toBe(await text('whole/metrics.jsonl'));
    expect(await text('again/predictions.jsonl')).toBe(await text('whole/predictions.jsonl'));
  });

  it('stops after the step on Ctrl-C with 130, and goes on to the same end', async () => {
    const running = start(['train', ...TINY, '--out', 'stopped', '--json'], { cwd });
    await running.printed(/"type":"step"/);
    running.child.kill('SIGINT');
    const { code, stderr } = await running.finished;
    expect(code).toBe(130);
    expect(stderr).toMatch(/--resume/);
    const resumed = await run(['train', ...TINY, '--resume', 'stopped'], { cwd });
    expect(resumed.code).toBe(0);
    expect(await text('stopped/metrics.jsonl')).toBe(await text('whole/metrics.jsonl'));
    expect(await text('stopped/predictions.jsonl')).toBe(await text('whole/predictions.jsonl'));
  });

  it.each([1, 2, 3])('survives being killed (%i) and ends as if it had not been', async (round) => {
    const out = `killed-${round}`;
    const running = start(['train', ...TINY, '--out', out, '--json'], { cwd });
    // Three moments: within the first epoch, while the first checkpoint is written, within the second fold.
    await running.printed([/"type":"step"/, /"type":"epoch"/, /"type":"fold-end"/][round - 1]!);
    running.child.kill('SIGKILL');
    expect((await running.finished).code).toBe('SIGKILL');
    const resumed = await run(['train', '--resume', out], { cwd });
    expect({ code: resumed.code, stderr: resumed.code === 0 ? '' : resumed.stderr }).toEqual({
      code: 0,
      stderr: '',
    });
    expect(await text(`${out}/metrics.jsonl`)).toBe(await text('whole/metrics.jsonl'));
    expect(await text(`${out}/predictions.jsonl`)).toBe(await text('whole/predictions.jsonl'));
    const [resumedReport, whole] = [out, 'whole'].map(async (name) =>
      JSON.parse(await text(`${name}/report.json`)),
    ) as [Promise<RunReport>, Promise<RunReport>];
    for (const part of ['mean', 'pooled', 'calibration', 'groups'] as const) {
      expect((await resumedReport)[part]).toEqual((await whole)[part]);
    }
    const cards = await Promise.all(
      [out, 'whole'].map((name) => readModelCard(join(cwd, `${name}/fold-1/best.safetensors`))),
    );
    expect(cards[0]).toEqual(cards[1]);
  });

  it('runs further folds in a later sitting, and fits a final model', async () => {
    const args = ['train', '--resume', 'whole', '--folds', '1,2,3', '--final'];
    const { code, stdout } = await run([...args, '--json'], { cwd });
    expect(code).toBe(0);
    const events = stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    const ends = events.filter((event) => event.type === 'fold-end');
    expect(ends.map(({ fold, reused }) => [fold, reused])).toEqual([
      [1, true],
      [2, true],
      [3, false],
    ]);
    expect(events.at(-1)).toMatchObject({ type: 'done', report: { schema: 'ser-native/report@1' } });
    expect((await stat(join(cwd, 'whole/final/best.safetensors'))).size).toBeGreaterThan(1000);
  });

  it.each([
    ['an unknown corpus', ['--corpus', 'iemocup'], 2, /iemocup/],
    ['an unknown option', ['--corpsu', 'demo'], 2, /corpus/],
    ['an unknown loss', ['--losses', 'kl,arcface'], 2, /arcface/],
    ['a setting out of range', ['--set', 'mix.probability=2'], 2, /mix\.probability/],
    ['a protocol that does not fit', ['--protocol', 'ravdess-6fold'], 3, /ravdess-6fold/],
    ['an unknown protocol', ['--protocol', 'demo-9fold'], 2, /demo-9fold/],
    ['a fold that is not there', ['--folds', '9'], 2, /folds 1 to 4/],
    ['a missing folder', ['--corpus', 'ravdess', '--data', 'nowhere'], 3, /nowhere/],
    ['a corpus without --data', ['--corpus', 'ravdess'], 2, /--data/],
    ['a run folder that is taken', [...TINY, '--out', 'whole'], 2, /--resume/],
    ['nothing to resume', ['--resume'], 2, /no unfinished run/],
    ['a resume with other settings', ['--resume', 'whole', '--epochs', '9'], 2, /other settings/],
    ['CUDA on a machine without it', ['--device', 'cuda'], 4, /GPU cannot be used[\s\S]*--device cpu/],
  ])('refuses %s', async (_what, args, code, message) => {
    // Hidden where there is a GPU, so that this machine has none either way.
    const result = await run(['train', ...args], { cwd, env: { CUDA_VISIBLE_DEVICES: '' } });
    expect(result.code).toBe(code);
    expect(result.stderr).toMatch(message);
    expect(result.stderr).not.toMatch(/\n\s+at /); // a sentence, no stack
  });

  it('lists bad audio under --on-bad-audio fail, and leaves it out under skip', async () => {
    await mkdir(join(cwd, 'folder'));
    for (const label of ['anger', 'sadness']) {
      for (let speaker = 1; speaker <= 4; speaker++) {
        const directory = join(cwd, 'folder', label, `s${speaker}`);
        await mkdir(directory, { recursive: true });
        for (let take = 0; take < 4; take++) {
          const pitch = label === 'anger' ? 300 : 120;
          const samples = tone(8000, pitch + take + 5 * speaker, 16_000, 0.3);
          await writeFile(join(directory, `${label}-${speaker}-${take}.wav`), encodeWav(samples));
        }
      }
    }
    await writeFile(join(cwd, 'folder/anger/s1/broken.wav'), 'RIFF');
    const args = ['train', '--corpus', 'folder', '--data', 'folder', '--protocol', 'loso', ...TINY];
    const failed = await run([...args, '--out', 'bad'], { cwd });
    expect(failed.code).toBe(3);
    expect(failed.stderr).toMatch(/broken\.wav/);
    const skipped = await run([...args, '--on-bad-audio', 'skip', '--out', 'good'], { cwd });
    expect({ code: skipped.code, stderr: skipped.code === 0 ? '' : skipped.stderr }).toEqual({
      code: 0,
      stderr: '',
    });
    expect(skipped.stderr).toMatch(/broken\.wav/);
  });
});

describe('ser-native predict', () => {
  beforeAll(async () => {
    await writeFile(join(cwd, 'a.wav'), encodeWav(tone(16_000, 180, 16_000, 0.2)));
    await writeFile(join(cwd, 'text.wav'), 'this is no audio');
  });

  it('prints emotion, probabilities and where the pooling weight peaks', async () => {
    const { code, stdout } = await run(['predict', 'again', 'a.wav'], { cwd });
    expect(code).toBe(0);
    expect(stdout).toMatch(/^a\.wav: (neutral|happiness|sadness|anger)\n/);
    expect(stdout).toMatch(/peaks at 0\.\d\d s of 1\.00 s/);
  });

  it('averages folds, prefers the final model, and takes one checkpoint', async () => {
    const predict = async (model: string) =>
      JSON.parse((await run(['predict', model, 'a.wav', '--json'], { cwd })).stdout);
    const one = await predict('again/fold-1/best.safetensors');
    const two = await predict('again/fold-2');
    const mean = await predict('again');
    for (const [name, p] of Object.entries<number>(mean.probabilities)) {
      expect(p).toBeCloseTo((one.probabilities[name] + two.probabilities[name]) / 2, 6);
    }
    expect(await predict('whole')).toEqual(await predict('whole/final/best.safetensors'));
    expect(mean.weights.reduce((a: number, b: number) => a + b)).toBeCloseTo(1, 4);
  });

  it('applies the temperature that the checkpoint keeps', async () => {
    const path = 'again/fold-1/best.safetensors';
    const { temperature, classes } = await readModelCard(join(cwd, path));
    const predict = async (model: string) =>
      JSON.parse((await run(['predict', model, 'a.wav', '--json'], { cwd })).stdout);
    const calibrated = await predict(path);
    // The same weights without the temperature: its text in the header is blanked out.
    const bytes = await readFile(join(cwd, path));
    const text = `,\\"temperature\\":${temperature}`;
    const start = bytes.indexOf(text);
    expect(start).toBeGreaterThan(0);
    bytes.fill(' ', start, start + Buffer.byteLength(text));
    await writeFile(join(cwd, 'cold.safetensors'), bytes);
    const plain = await predict('cold.safetensors');
    expect(plain.emotion).toBe(calibrated.emotion);
    const expected = temper(
      classes.map((name) => plain.probabilities[name]),
      classes.length,
      temperature!,
    );
    classes.forEach((name, c) => {
      expect(calibrated.probabilities[name]).toBeCloseTo(expected[c]!, 5);
    });
    expect(calibrated.probabilities).not.toEqual(plain.probabilities);
  });

  it('predicts the good files and ends with 3 for a bad one', async () => {
    const { code, stdout, stderr } = await run(['predict', 'again', 'text.wav', 'missing.wav', 'a.wav'], {
      cwd,
    });
    expect(code).toBe(3);
    expect(stdout).toMatch(/^a\.wav: /);
    expect(stderr).toMatch(/text\.wav: /);
    expect(stderr).toMatch(/missing\.wav: /);
  });

  it('refuses a truncated checkpoint and a folder without one', async () => {
    await mkdir(join(cwd, 'cut'), { recursive: true });
    await writeFile(
      join(cwd, 'cut/best.safetensors'),
      await readFile(join(cwd, 'again/fold-1/best.safetensors')),
    );
    await truncate(join(cwd, 'cut/best.safetensors'), 5000);
    for (const [model, message] of [
      ['cut', /truncated|cut off/],
      ['.', /no finished model/],
      ['nowhere', /no file or folder/],
    ] as const) {
      const { code, stderr } = await run(['predict', model, 'a.wav'], { cwd });
      expect(code).toBe(3);
      expect(stderr).toMatch(message);
    }
  });
});
