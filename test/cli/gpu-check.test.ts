/** scripts/gpu-check where there is no GPU: one sentence and exit code 4. What it does with one only a GPU can tell. */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));

function check(args: readonly string[], env: Record<string, string> = {}) {
  return spawnSync(join(ROOT, 'scripts/gpu-check'), args, {
    cwd: tmpdir(),
    encoding: 'utf8',
    env: { ...process.env, NODE_OPTIONS: '', ...env },
  });
}

test('every GPU hidden, or none there: why, in a sentence, and exit code 4', () => {
  const { status, stdout, stderr } = check([], { CUDA_VISIBLE_DEVICES: '' });
  expect(status).toBe(4);
  expect(stdout).toBe('');
  expect(stderr).toMatch(/^No GPU can be used here: .+\.\n$/);
});

test('its help names every option of docs/gpu.md, and an unknown one is refused', () => {
  const { status, stdout } = check(['--help']);
  expect(status).toBe(0);
  const page = readFileSync(join(ROOT, 'docs/gpu.md'), 'utf8');
  const options = (text: string) =>
    new Set(text.match(/--(?:from|python|tests-only|bench-only|no-sanitizer|encoder|out|logs)\b/g));
  expect(options(stdout)).toEqual(options(page));
  expect(check(['--nope'])).toMatchObject({
    status: 2,
    stderr: expect.stringMatching(/^Unknown option '--nope'[\s\S]+--tests-only/),
  });
});
