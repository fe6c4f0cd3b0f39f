/**
 * `npm test`: compiles the TypeScript where it is out of date, sets the addon up, and runs jest. Arguments go to jest. The last
 * line counts the tests: `Tests: N passed, N failed`, with `, N skipped` where there are any.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const require = createRequire(import.meta.url);

/** Time of the newest file below a folder, in ms. */
function newest(folder, pattern) {
  const times = readdirSync(folder, { recursive: true })
    .filter((name) => pattern.test(name))
    .map((name) => statSync(join(folder, name)).mtimeMs);
  return Math.max(0, ...times);
}

function fail(step, status) {
  console.error(`\n${step} failed (exit code ${status ?? 'unknown'}); no test was run.`);
  console.log('Tests: 0 passed, 1 failed');
  process.exit(status || 1);
}

function run(step, args) {
  const result = spawnSync(process.execPath, args, { cwd: root, stdio: 'inherit' });
  if (result.status !== 0) fail(step, result.status);
}

const main = join(root, 'dist', 'cli', 'main.js');
if (!existsSync(main) || newest(join(root, 'dist'), /\.js$/) < newest(join(root, 'lib'), /\.ts$/)) {
  const tsc = join(dirname(require.resolve('typescript/package.json')), 'bin', 'tsc');
  run('Compiling the TypeScript', [tsc, '-p', 'tsconfig.build.json']);
}
run('Set-up', [main, 'setup', '--yes']);

const reports = mkdtempSync(join(tmpdir(), 'ser-native-test-'));
const report = join(reports, 'jest.json');
const jest = join(dirname(require.resolve('jest/package.json')), 'bin', 'jest.js');
const args = [
  '--experimental-vm-modules',
  '--no-warnings',
  jest,
  '--json',
  `--outputFile=${report}`,
  ...process.argv.slice(2),
];
// jest --json prints its JSON to stdout as well, unless it goes to a file; its progress is on stderr either way.
// One thread an engine: jest runs files side by side, and threads that wait for each other on shared cores crawl.
const env = { ...process.env, SER_THREADS: process.env.SER_THREADS ?? '1' };
const result = spawnSync(process.execPath, args, { cwd: root, env, stdio: ['inherit', 'ignore', 'inherit'] });
let counts;
try {
  counts = JSON.parse(readFileSync(report, 'utf8'));
} catch {
  console.error('\njest ended without a report.');
}
rmSync(reports, { recursive: true, force: true });
if (counts === undefined) fail('jest', result.status);
// A file that could not even be loaded has no tests of its own to count.
const failed = counts.numFailedTests + counts.numRuntimeErrorTestSuites;
const skipped = counts.numPendingTests + counts.numTodoTests;
console.log(
  `Tests: ${counts.numPassedTests} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`,
);
process.exit(result.status === 0 && failed > 0 ? 1 : (result.status ?? 1));
