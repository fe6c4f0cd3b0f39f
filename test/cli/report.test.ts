import { mkdir, mkdtemp, readFile, rm, unlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { PageFile, RunReport } from '../../lib/report/types.js';
import { run, TINY } from './command.js';

let cwd: string;
const text = (path: string) => readFile(join(cwd, path), 'utf8');
const report = (...args: string[]) => run(['report', ...args], { cwd });

beforeAll(async () => {
  cwd = await mkdtemp(join(tmpdir(), 'ser-report-'));
  for (const [out, extra] of [
    ['flam', []],
    ['mean_pooling', ['--pooling', 'mean']],
  ] as const) {
    const { code, stderr } = await run(['train', ...TINY, ...extra, '--out', out], { cwd });
    expect({ code, stderr: code === 0 ? '' : stderr }).toEqual({ code: 0, stderr: '' });
  }
}, 300_000);
afterAll(() => rm(cwd, { recursive: true, force: true }));

describe('what a run leaves for its page', () => {
  it('maps, spotlights and the deletion test of its models', async () => {
    const page = JSON.parse(await text('flam/page.json')) as PageFile;
    const figures = JSON.parse(await text('flam/report.json')) as RunReport;
    expect(page.schema).toBe('ser-native/page@1');
    expect(page.maps.map(({ fold, epoch }) => [fold, epoch])).toEqual(
      figures.folds.map(({ fold, selected }) => [fold, selected.epoch]),
    );
    for (const [i, map] of page.maps.entries()) {
      expect(map.n).toBe(figures.folds[i]!.n);
      expect(map.points).toHaveLength(map.n);
      // The map shows the very predictions that were scored.
      const right = map.points.filter(({ label, predicted }) => label === predicted).length;
      expect(right / map.n).toBeCloseTo(figures.folds[i]!.selected.wa, 10);
    }
    expect(page.spotlights.length).toBeGreaterThanOrEqual(4);
    for (const spot of page.spotlights) {
      expect(spot.weights.reduce((a, b) => a + b)).toBeCloseTo(1, 2);
      expect(Buffer.from(spot.spectrogram!.png, 'base64').subarray(1, 4).toString()).toBe('PNG');
    }
    const { utterances, probability, shares } = page.deletion!;
    expect(utterances).toBeGreaterThanOrEqual(12);
    for (const curve of Object.values(probability)) {
      expect(curve).toHaveLength(shares.length);
      expect(curve[0]).toBeCloseTo(probability.highest[0]!, 12);
    }
  });

  it('the same again where a finished run is concluded anew', async () => {
    const before = await text('flam/page.json');
    await unlink(join(cwd, 'flam/page.json'));
    const { code } = await run(['train', '--resume', 'flam'], { cwd });
    expect(code).toBe(0);
    expect(await text('flam/page.json')).toBe(before);
  });

  it('nothing of a fold whose checkpoint is gone, and its results all the same', async () => {
    await unlink(join(cwd, 'mean_pooling/fold-2/best.safetensors'));
    const before = JSON.parse(await text('mean_pooling/report.json'));
    const { code, stderr } = await run(['train', '--resume', 'mean_pooling'], { cwd });
    expect(code).toBe(0);
    expect(stderr).toMatch(/draws nothing of fold 2: .*best\.safetensors/);
    expect(JSON.parse(await text('mean_pooling/report.json')).folds).toEqual(before.folds);
    const { maps } = JSON.parse(await text('mean_pooling/page.json')) as PageFile;
    expect(maps.map(({ fold }) => fold)).toEqual([1]);
  });

  it('no deletion test where pooling has no weights', async () => {
    expect((JSON.parse(await text('mean_pooling/page.json')) as PageFile).deletion).toBeNull();
    expect(await text('mean_pooling/report.html')).not.toContain('id="deletion"');
  });
});

describe('ser-native report', () => {
  it('prints the results, and the file as JSON', async () => {
    const plain = await report('flam');
    expect(plain).toMatchObject({ code: 0, stderr: '' });
    expect(plain.stdout).toMatch(/Validation-selected/);
    const json = await report('flam', '--json');
    expect(JSON.parse(json.stdout)).toEqual(JSON.parse(await text('flam/report.json')));
    expect((await report('flam', '--format', 'json')).stdout).toBe(json.stdout);
  });

  it('writes the page again, byte for byte, from the folder alone', async () => {
    const before = await text('flam/report.html');
    await unlink(join(cwd, 'flam/report.html'));
    const { code, stdout, stderr } = await report('flam', '--format', 'html');
    expect({ code, stdout }).toEqual({ code: 0, stdout: '' });
    expect(stderr).toContain('flam/report.html');
    expect(await text('flam/report.html')).toBe(before);
    expect((await report('flam', '--format', 'html', '--out', '-')).stdout).toBe(before);
  });

  it('draws what there is where page.json is gone', async () => {
    const page = await text('flam/page.json');
    await unlink(join(cwd, 'flam/page.json'));
    const { code, stdout } = await report('flam', '--format', 'html', '--out', '-');
    await writeFile(join(cwd, 'flam/page.json'), page);
    expect(code).toBe(0);
    expect(stdout).toContain('id="confusion"');
    expect(stdout).not.toContain('id="map"');
  });

  it('puts audio into the page only when asked to', async () => {
    expect(await text('flam/report.html')).not.toContain('<audio');
    const { code } = await report('flam', '--format', 'html', '--embed-audio', '--out', 'loud.html');
    expect(code).toBe(0);
    const page = await text('loud.html');
    const { spotlights } = JSON.parse(await text('flam/page.json')) as PageFile;
    const players = [...page.matchAll(/<audio [^>]*src="data:audio\/wav;base64,([^"]+)"/g)];
    expect(players).toHaveLength(spotlights.length);
    const wav = Buffer.from(players[0]![1]!, 'base64');
    expect(wav.subarray(0, 4).toString()).toBe('RIFF');
    expect((wav.length - 44) / 2 / 16_000).toBeCloseTo(spotlights[0]!.duration, 3);
  });

  it('LaTeX and Markdown hold the figures of report.json', async () => {
    const { pooled } = JSON.parse(await text('flam/report.json')) as RunReport;
    const figure = (100 * pooled.selected.ua!).toFixed(1);
    const latex = (await report('flam', '--format', 'latex')).stdout;
    expect(latex).toMatch(/\\begin{tabular}[\s\S]*\\toprule[\s\S]*\\bottomrule[\s\S]*\\end{tabular}/);
    expect(latex).toContain(figure);
    expect(latex).toContain('synthetic speech');
    const { code } = await report('flam', '--format', 'md', '--out', 'report.md');
    expect(code).toBe(0);
    expect(await text('report.md')).toBe(await text('flam/report.md'));
  });

  it('puts runs side by side, and tests their difference', async () => {
    const { code, stdout } = await report('flam', 'mean_pooling');
    expect(code).toBe(0);
    expect(stdout).toMatch(/flam {2}\(demo, demo-4fold; synthetic speech; 2 of 4 folds\)/);
    expect(stdout).toMatch(/mean_pooling/);
    expect(stdout).toMatch(/difference/i);
    const latex = (await report('flam', 'mean_pooling', '--format', 'latex')).stdout;
    expect(latex).toContain('mean\\_pooling');
    const json = JSON.parse((await report('flam', 'mean_pooling', '--json')).stdout);
    expect(json.runs.map(({ run: name }: RunReport) => name)).toEqual(['flam', 'mean_pooling']);
    expect(json.comparison.others).toHaveLength(1);
    await report('flam', 'mean_pooling', '--format', 'html', '--out', 'both.html');
    const page = await text('both.html');
    expect(page).toMatch(/^<!doctype html>/);
    expect(page).toContain('id="differences"');
    const markdown = (await report('flam', 'mean_pooling', '--format', 'md')).stdout;
    expect(markdown).toContain('| mean\\_pooling |');
  });

  it.each([
    ['a folder without a report', ['.'], 3, /no report|holds no report/],
    ['a run named twice', ['flam', 'flam'], 2, /twice/],
    ['an unknown format', ['flam', '--format', 'docx'], 2, /docx/],
    ['two formats at once', ['flam', '--json', '--format', 'md'], 2, /exclude/],
    ['audio outside of a page', ['flam', '--embed-audio'], 2, /--format html/],
    ['a file where no file can be', ['flam', '--out', 'nowhere/report.txt'], 3, /nowhere/],
  ])('refuses %s', async (_what, args, code, message) => {
    const result = await report(...args);
    expect(result.code).toBe(code);
    expect(result.stderr).toMatch(message);
  });

  it('a damaged report is named', async () => {
    await mkdir(join(cwd, 'broken'));
    await writeFile(join(cwd, 'broken/report.json'), '{"schema":');
    const { code, stderr } = await report('broken');
    expect(code).toBe(3);
    expect(stderr).toMatch(/broken\/report\.json is damaged/);
  });
});
