/** The page in a real browser: nothing runs out of it, nothing calls for the network, paper is white. */
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { renderReportPage } from '../../lib/report/index.js';
import { foldResult, richInput } from './tiny-run.js';

const SCRIPT = fileURLToPath(new URL('../../scripts/screenshot.mjs', import.meta.url));

interface Seen {
  view: string;
  clientWidth: number;
  scrollWidth: number;
  height: number;
  background: string;
  overflowing: string[];
  panes: number;
  unloaded: number;
  requests: string[];
  problems: string[];
}

let folder: string;
let seen: Map<string, Seen> | null = null;

/** Opens a page in all views; null where no browser is installed. */
async function look(page: string): Promise<Map<string, Seen> | null> {
  const path = join(folder, 'page.html');
  await writeFile(path, page);
  const { code, stdout, stderr } = await new Promise<{ code: number; stdout: string; stderr: string }>(
    (resolve) =>
      execFile(process.execPath, [SCRIPT, path, '--out', folder], (error, out, err) =>
        resolve({ code: error ? Number(error.code) : 0, stdout: out, stderr: err }),
      ),
  );
  if (code === 3) return null;
  if (code !== 0) throw new Error(stderr);
  return new Map((JSON.parse(stdout) as Seen[]).map((one) => [one.view, one]));
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'ser-page-'));
  const long = 'a-very-long-name-of-a-speaker-or-class-that-has-no-place-to-break';
  const input = richInput({
    warnings: [`left out ${long.repeat(3)}: it is silent`],
    folds: Array.from({ length: 8 }, (_, i) => foldResult(i + 1, 'aabb', i % 2 ? 'aabb' : 'abab')),
    protocolFolds: 9,
  });
  input.report.corpus = long;
  input.report.groups!.speaker[0]!.name = long;
  input.spotlights[0]!.id = long;
  input.environment.processor = `${long} ${long}`;
  seen = await look(renderReportPage(input));
  if (!seen) console.warn('no browser is installed: the page was not looked at (see scripts/screenshot.mjs)');
});
afterAll(() => rm(folder, { recursive: true, force: true }));

test('no view scrolls sideways, asks for the network, or has an error', () => {
  for (const view of seen?.values() ?? []) {
    expect(view).toMatchObject({ overflowing: [], requests: [], problems: [], unloaded: 0 });
    expect(view.scrollWidth).toBeLessThanOrEqual(view.clientWidth);
  }
});

test('dark where the reader wants dark, and white on paper all the same', () => {
  if (!seen) return;
  expect(seen.get('desktop')!.background).toBe('rgb(255, 255, 255)');
  expect(seen.get('dark')!.background).not.toBe('rgb(255, 255, 255)');
  expect(seen.get('print')!.background).toBe('rgb(255, 255, 255)');
});

test('one map on the screen, all on paper', () => {
  if (!seen) return;
  expect(seen.get('desktop')!.panes).toBe(1);
  expect(seen.get('phone')!.panes).toBe(1);
  expect(seen.get('print')!.panes).toBe(2);
});

test('it prints to pages', async () => {
  if (!seen) return;
  const pdf = await readFile(join(folder, 'print.pdf'), 'latin1');
  const pages = pdf.match(/\/Type\s*\/Page\b/g)?.length ?? 0;
  expect(pages).toBeGreaterThan(1);
  expect(pages).toBeLessThan(15);
});
