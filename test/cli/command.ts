/** Runs the compiled command line as a user does: a process of its own. */
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const MAIN = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));

/** Settings that train a fold of the demo corpus in about a second. */
export const TINY = [
  '--set=encoder={"bands":40,"convChannels":8,"width":32,"layers":1,"heads":2,"feedForward":64}',
  '--epochs=2',
  '--folds=1,2',
  '--set=batch.size=32',
];

export interface Finished {
  /** Exit code, or the signal's name. */
  code: number | NodeJS.Signals | null;
  stdout: string;
  stderr: string;
}

export interface Running {
  child: ChildProcess;
  finished: Promise<Finished>;
  /** Resolves when a text has been printed on either stream. */
  printed: (pattern: RegExp) => Promise<void>;
}

export function start(
  args: readonly string[],
  options: { cwd: string; env?: Record<string, string> },
): Running {
  if (!existsSync(MAIN))
    throw new Error('the tests of the command line need the compiled package: npm run build');
  const child = spawn(process.execPath, [MAIN, ...args], {
    cwd: options.cwd,
    env: { ...process.env, NODE_OPTIONS: '', NO_COLOR: '1', ...options.env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let stdout = '';
  let stderr = '';
  const waiting: { pattern: RegExp; resolve: () => void }[] = [];
  const look = () => {
    for (const entry of waiting.splice(0)) {
      if (entry.pattern.test(stdout) || entry.pattern.test(stderr)) entry.resolve();
      else waiting.push(entry);
    }
  };
  child.stdout.on('data', (chunk: Buffer) => {
    stdout += chunk.toString();
    look();
  });
  child.stderr.on('data', (chunk: Buffer) => {
    stderr += chunk.toString();
    look();
  });
  const finished = new Promise<Finished>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code, signal) => {
      for (const entry of waiting.splice(0)) entry.resolve();
      resolve({ code: code ?? signal, stdout, stderr });
    });
  });
  return {
    child,
    finished,
    printed: (pattern) =>
      new Promise((resolve) => {
        waiting.push({ pattern, resolve });
        look();
      }),
  };
}

export function run(
  args: readonly string[],
  options: { cwd: string; env?: Record<string, string> },
): Promise<Finished> {
  return start(args, options).finished;
}
