/** Runs a program and collects what it says. */

import { spawn } from 'node:child_process';
import { InterruptedError } from '../errors.js';

export interface CommandResult {
  /** Exit status; null when a signal ended it, or when it could not be started at all. */
  status: number | null;
  signal: NodeJS.Signals | null;
  /** Why it could not be started, e.g. `ENOENT`. */
  startError?: string;
  /** The time limit ended it. */
  timedOut: boolean;
  stdout: string;
  stderr: string;
}

export interface CommandOptions {
  env?: NodeJS.ProcessEnv;
  cwd?: string;
  timeoutMs?: number;
  signal?: AbortSignal;
  /** Called with each whole line of stdout and stderr. */
  onLine?: (line: string) => void;
}

/** Only the end of a long output is kept, in characters per stream. */
const KEPT = 200_000;
const KILL_AFTER_MS = 3000;

/** Never rejects for what the program does; rejects with InterruptedError when the signal aborts, after the program ended. */
export function runCommand(
  program: string,
  args: string[],
  options: CommandOptions = {},
): Promise<CommandResult> {
  if (options.signal?.aborted) return Promise.reject(stopped(program));
  return new Promise((resolve, reject) => {
    // A group of its own: make and ninja have children, which a kill of the parent alone would leave running.
    const detached = process.platform !== 'win32';
    const child = spawn(program, args, {
      env: options.env,
      cwd: options.cwd,
      stdio: ['ignore', 'pipe', 'pipe'],
      detached,
    });
    const result: CommandResult = { status: null, signal: null, timedOut: false, stdout: '', stderr: '' };
    const kill = (signal: NodeJS.Signals): void => {
      try {
        if (detached && child.pid !== undefined) process.kill(-child.pid, signal);
        else child.kill(signal);
      } catch {
        // It has ended already.
      }
    };
    let killer: NodeJS.Timeout | undefined;
    const end = (): void => {
      kill('SIGTERM');
      killer ??= setTimeout(() => kill('SIGKILL'), KILL_AFTER_MS);
    };
    const timer =
      options.timeoutMs === undefined
        ? undefined
        : setTimeout(() => {
            result.timedOut = true;
            end();
          }, options.timeoutMs);
    const onExit = (): void => kill('SIGKILL');
    options.signal?.addEventListener('abort', end, { once: true });
    process.once('exit', onExit);
    for (const name of ['stdout', 'stderr'] as const) {
      let rest = '';
      child[name].setEncoding('utf8');
      child[name].on('data', (text: string) => {
        result[name] = (result[name] + text).slice(-KEPT);
        if (options.onLine === undefined) return;
        const lines = (rest + text).split(/\r?\n|\r/);
        rest = lines.pop() ?? '';
        for (const line of lines) options.onLine(line);
      });
    }
    const settle = (): void => {
      clearTimeout(timer);
      clearTimeout(killer);
      options.signal?.removeEventListener('abort', end);
      process.removeListener('exit', onExit);
      if (options.signal?.aborted) reject(stopped(program));
      else resolve(result);
    };
    child.once('error', (error: NodeJS.ErrnoException) => {
      result.startError = error.code ?? error.message;
      settle();
    });
    child.once('close', (status, signal) => {
      result.status = status;
      result.signal = signal;
      settle();
    });
  });
}

function stopped(program: string): InterruptedError {
  return new InterruptedError(`Stopped while ${program} ran.`, { code: 'E_INTERRUPTED' });
}
