import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, test } from '@jest/globals';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const SCRIPT = 'scripts/planted-faults.mjs';
const KERNEL = 'int twice(int x) { return 2 * x; }\nint unused(int x) { return x + 1; }\n';
const TEST = '#include "twice.h"\nint main() { return twice(3) == 6 ? 0 : 1; }\n';

let root: string;

function write(path: string, text: string) {
  mkdirSync(dirname(join(root, path)), { recursive: true });
  writeFileSync(join(root, path), text);
}

/** The tree has a "kernel", its test and one list with these faults. */
function runWith(faults: object[], ...args: string[]) {
  write('native/test/cuda/faults/twice.json', JSON.stringify({ test: 'native/test/twice_test.cc', faults }));
  const { status, stdout, stderr } = spawnSync(process.execPath, [join(root, SCRIPT), ...args], {
    encoding: 'utf8',
  });
  return { status, stdout, stderr };
}

const fault = (text: string, replacement: string, what = 'a fault') => ({
  file: 'native/twice.h',
  what,
  text,
  replacement,
});

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'ser-faults-test-'));
  mkdirSync(join(root, 'scripts'));
  cpSync(join(ROOT, SCRIPT), join(root, SCRIPT));
  write('cmake/emulator_flags.txt', '-O0\n');
  write('native/twice.h', KERNEL);
  write('native/test/twice_test.cc', TEST);
  write('native/test/emulator/emulator.cc', '');
});

afterEach(() => rmSync(root, { recursive: true, force: true }));

test('a fault that the test notices is caught', () => {
  const { status, stdout } = runWith([fault('2 * x', '3 * x', 'thrice')]);
  expect(status).toBe(0);
  expect(stdout).toMatch(/twice +thrice +ends with/);
  expect(stdout).toContain('1 of 1 faults caught');
});

test('a fault that survives, one that does not compile and a test that fails by itself', () => {
  const missed = runWith([fault('x + 1', 'x + 2', 'where nothing looks'), fault('2 * x', '2 *', 'nonsense')]);
  expect(missed.status).toBe(1);
  expect(missed.stdout).toMatch(/where nothing looks +MISSED: passes/);
  expect(missed.stdout).toMatch(/nonsense +MISSED: does not compile/);
  expect(missed.stdout).toContain('0 of 2 faults caught');

  write('native/twice.h', KERNEL.replace('2 * x', '5 * x'));
  const broken = runWith([fault('5 * x', '3 * x')]);
  expect(broken.status).toBe(1);
  expect(broken.stdout).toMatch(/\(none\) +MISSED: fails/);
});

test('a list that does not fit its source is refused before anything is compiled', () => {
  const { status, stderr } = runWith(
    [
      fault('four * x', '', 'stale'),
      fault('int x', 'long x', 'twice there'),
      fault('2 * x', '2 * x', 'same'),
    ],
    '--compiler',
    'no-such-compiler',
  );
  expect(status).toBe(1);
  expect(stderr).toContain('"stale": its text is in native/twice.h 0 times instead of once');
  expect(stderr).toContain('"twice there": its text is in native/twice.h 2 times instead of once');
  expect(stderr).toContain('"same": the replacement changes nothing');
  expect(runWith([]).stderr).toContain('"faults" must have an entry');
  expect(runWith([fault('2 * x', '3 * x')], 'thrice').stderr).toContain('No list thrice; there are twice.');
});

test('an unknown option, and a compiler that is not there: what is wrong, with the cure', () => {
  const unknown = runWith([fault('2 * x', '3 * x')], '--nope');
  expect(unknown).toMatchObject({
    status: 2,
    stderr: expect.stringMatching(/'--nope'.*--compiler FILE\.\n$/),
  });
  const missing = runWith([fault('2 * x', '3 * x')], '--compiler', 'no-such-compiler');
  expect(missing.status).toBe(2);
  expect(missing.stderr).toBe(
    'The compiler no-such-compiler cannot be run (ENOENT). Install it, or name another: --compiler FILE.\n',
  );
});

test('the lists of the kernels fit their sources', () => {
  const { status, stdout, stderr } = spawnSync(process.execPath, [join(ROOT, SCRIPT), '--check'], {
    encoding: 'utf8',
  });
  expect(stderr).toBe('');
  expect(status).toBe(0);
  expect(stdout).toMatch(/\d+ faults in \d+ lists fit/);
});
