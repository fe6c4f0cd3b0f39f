/**
 * Threads and child processes load compiled files, which a test run has none of: these tests compile `lib/audio` for
 * themselves, type by type erased, below the checkout so that its packages are found.
 */
import { execFile, spawn } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { transformSync } from '@swc/core';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

export interface Compiled {
  folder: string;
  /** Runs a module that may import `./audio/*.js`; resolves to its output. */
  run(code: string, shellPrefix?: string): Promise<{ stdout: string; stderr: string; code: number }>;
  /** Starts one and leaves it to the caller. */
  start(code: string): ReturnType<typeof spawn>;
  remove(): void;
}

export function compileAudio(): Compiled {
  const folder = join(ROOT, 'build', `test-audio-${process.pid}`);
  mkdirSync(join(folder, 'audio'), { recursive: true });
  const sources = ['errors.ts', ...readdirSync(join(ROOT, 'lib/audio')).map((name) => `audio/${name}`)];
  for (const source of sources) {
    const { code } = transformSync(readFileSync(join(ROOT, 'lib', source), 'utf8'), {
      jsc: { target: 'es2022', parser: { syntax: 'typescript' } },
      module: { type: 'es6' },
    });
    writeFileSync(join(folder, source.replace(/\.ts$/, '.js')), code);
  }
  let count = 0;
  const script = (code: string) => {
    const path = join(folder, `run-${count++}.mjs`);
    writeFileSync(path, code);
    return path;
  };
  return {
    folder,
    run: (code, shellPrefix = '') =>
      new Promise((resolve) => {
        const command = `${shellPrefix} exec "${process.execPath}" ./${basename(script(code))}`;
        execFile('sh', ['-c', command], { cwd: folder }, (error, stdout, stderr) => {
          resolve({ stdout, stderr, code: error === null ? 0 : Number(error.code ?? -1) });
        });
      }),
    start: (code) =>
      spawn(process.execPath, [script(code)], { cwd: folder, stdio: ['ignore', 'pipe', 'inherit'] }),
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
}
