/** Runs a program with its output in a log, and tells how it went in a line. */
import { spawn } from 'node:child_process';
import { createWriteStream, mkdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';

/** Lines of a failed program's output that are shown. */
const SHOWN_LINES = 15;

export class Steps {
  /** @param {string} logs folder of the logs */
  constructor(logs) {
    mkdirSync(logs, { recursive: true });
    this.logs = logs;
    /** @type {{ name: string, ok: boolean, skipped?: string, seconds: number, details?: unknown }[]} */
    this.done = [];
  }

  get failed() {
    return this.done.filter((step) => !step.ok && step.skipped === undefined);
  }

  skip(name, why) {
    this.done.push({ name, ok: true, skipped: why, seconds: 0 });
    console.log(`skip  ${name}: ${why}`);
  }

  /**
   * Runs `work`, which throws or returns details, as one step.
   *
   * @returns what `work` returned; undefined where it failed
   */
  async check(name, work) {
    const started = performance.now();
    const seconds = () => Math.round((performance.now() - started) / 100) / 10;
    process.stdout.write(`      ${name} ..`);
    const clear = process.stdout.isTTY ? '\r\x1b[2K' : '\n';
    const show = () => process.stdout.write(`${clear}      ${name} .. ${Math.round(seconds())} s`);
    const timer = process.stdout.isTTY ? setInterval(show, 1000) : undefined;
    try {
      const details = await work().finally(() => clearInterval(timer));
      this.done.push({ name, ok: true, seconds: seconds(), ...(details === undefined ? {} : { details }) });
      console.log(`${clear}ok    ${name} (${seconds()} s)`);
      return details ?? true;
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      this.done.push({ name, ok: false, seconds: seconds(), details: message.split('\n', 1)[0] });
      console.log(`${clear}FAIL  ${name} (${seconds()} s)\n${message.replace(/^/gm, '        ')}`);
      return undefined;
    }
  }

  /**
   * Runs a program; its output goes to a log named after `name`.
   *
   * @returns {Promise<{ status: number | string, output: string }>}
   */
  async program(name, command, args, { env = {}, cwd, timeoutS = 600, onLine, codes = [0] } = {}) {
    const path = join(this.logs, `${name.replace(/[^\w.-]+/g, '-')}.log`);
    const log = createWriteStream(path);
    log.write(`$ ${command} ${args.join(' ')}\n`);
    const child = spawn(command, args, {
      cwd,
      env: { ...process.env, NO_COLOR: '1', ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let timedOut = false;
    const timer = setTimeout(() => {
      timedOut = true;
      child.kill('SIGKILL');
    }, timeoutS * 1000);
    let stdout = '';
    for (const stream of [child.stdout, child.stderr]) {
      let rest = '';
      stream.setEncoding('utf8').on('data', (text) => {
        log.write(text);
        if (stream === child.stdout) stdout += text;
        const lines = (rest + text).split('\n');
        rest = lines.pop();
        for (const line of lines) onLine?.(line, child);
      });
    }
    const status = await new Promise((resolve) => {
      child.once('error', (error) => resolve(error.code ?? 'error'));
      child.once('close', (code, signal) => resolve(code ?? signal));
    });
    clearTimeout(timer);
    await new Promise((resolve) => log.end(resolve));
    if (!codes.includes(status)) {
      const lines = readFileSync(path, 'utf8').trimEnd().split('\n');
      const telling = lines.filter((line) => /FAIL|error|Error|ERROR SUMMARY: [1-9]/.test(line));
      const shown = (telling.length > 0 ? telling : lines).slice(-SHOWN_LINES);
      throw new Error(
        `${timedOut ? `no end after ${timeoutS} s` : `exit status ${status}`}; the whole output is in ${relative(process.cwd(), path)}\n${shown.join('\n')}`,
      );
    }
    return { status, output: stdout };
  }
}
