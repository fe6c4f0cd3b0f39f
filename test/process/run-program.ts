/** Runs one of the programs of this folder in a process of its own. */
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

/** Only a hang takes this long, even on a machine that is busy with other tests. */
const LIMIT_MS = 60_000;

export interface Ending {
  code: number | null;
  signal: NodeJS.Signals | null;
  stdout: string;
  stderr: string;
  /** It had to be killed after `LIMIT_MS`. */
  hung: boolean;
}

/** Runs `programs/<name>` to its end; `kill` is sent once it has printed `ready`. */
export function runProgram(name: string, args: string[] = [], kill?: NodeJS.Signals): Promise<Ending> {
  const path = fileURLToPath(new URL(`./programs/${name}`, import.meta.url));
  const { NODE_OPTIONS: _, ...env } = process.env;
  const child = spawn(process.execPath, [path, ...args], { env, stdio: ['ignore', 'pipe', 'pipe'] });
  const ending: Ending = { code: null, signal: null, stdout: '', stderr: '', hung: false };
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    ending.stdout += text;
    if (kill && ending.stdout.includes('ready')) child.kill(kill);
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    ending.stderr += text;
  });
  const timer = setTimeout(() => {
    ending.hung = true;
    child.kill('SIGKILL');
  }, LIMIT_MS);
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code, signal) => {
      clearTimeout(timer);
      resolve({ ...ending, code, signal });
    });
  });
}
