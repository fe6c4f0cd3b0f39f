/**
 * Formats the C++ sources, or with --check fails where one is not formatted. clang-format is the release below, because
 * another one formats otherwise: from PATH if it has that major version, else from PyPI into a virtual environment in the cache.
 * Without either the check is skipped on a person's machine, and fails in CI.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, readdirSync, rmSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const VERSION = '19.1.7';
const root = fileURLToPath(new URL('..', import.meta.url));
const check = process.argv.includes('--check');

function cacheFolder() {
  if (process.env.SER_CACHE) return process.env.SER_CACHE;
  return join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'ser-native');
}

function fromPath() {
  const result = spawnSync('clang-format', ['--version'], { encoding: 'utf8' });
  const major = result.stdout?.match(/version (\d+)\./)?.[1];
  return major === VERSION.split('.')[0] ? 'clang-format' : undefined;
}

function fromPyPI() {
  const venv = join(cacheFolder(), 'tools', `clang-format-${VERSION}`);
  const program = join(venv, process.platform === 'win32' ? 'Scripts/clang-format.exe' : 'bin/clang-format');
  if (existsSync(program)) return program;
  try {
    execFileSync('python3', ['-m', 'venv', venv], { stdio: 'pipe' });
    execFileSync(
      join(venv, 'bin', 'python'),
      ['-m', 'pip', 'install', '-q', '--disable-pip-version-check', `clang-format==${VERSION}`],
      {
        stdio: 'pipe',
      },
    );
    return program;
  } catch {
    rmSync(venv, { recursive: true, force: true });
    return undefined;
  }
}

function sources() {
  return readdirSync(join(root, 'native'), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && /\.(h|cc|cu|cuh)$/.test(entry.name))
    .map((entry) => join(entry.parentPath ?? entry.path, entry.name))
    .sort();
}

const program = fromPath() ?? fromPyPI();
if (program === undefined) {
  const text = `clang-format ${VERSION} is neither on PATH nor to be had from PyPI (python3 with venv and pip)`;
  console.error(
    process.env.CI
      ? `${text}: the C++ sources were not checked.`
      : `${text}: skipping the C++ sources; CI checks them.`,
  );
  process.exit(process.env.CI ? 1 : 0);
}
const files = sources();
const result = spawnSync(program, check ? ['--dry-run', '--Werror', ...files] : ['-i', ...files], {
  cwd: root,
  stdio: 'inherit',
});
if (result.status === 0)
  console.log(`clang-format: ${files.length} files ${check ? 'checked' : 'formatted'}`);
else if (check) console.error('Run `npm run format`.');
process.exit(result.status ?? 1);
