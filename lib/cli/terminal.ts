/** Writing for people: whole lines everywhere, a line that is redrawn in place and colours only on a terminal that shows them. */

import { relative } from 'node:path';

export interface Terminal {
  /** The stream is a terminal, so a live line can be redrawn. */
  readonly interactive: boolean;
  /** Colours are on: a terminal, and neither NO_COLOR nor TERM=dumb. */
  readonly colour: boolean;
  /** Writes a whole line, above the live line if there is one. */
  line(text: string): void;
  /** Redraws the live line, cut to the width of the terminal; writes nothing where the stream is no terminal. */
  live(text: string): void;
  /** Removes the live line. Call before something else writes to the terminal. */
  end(): void;
  /** A path as a person would type it: relative when it is below the working directory. */
  path(path: string): string;
  bold(text: string): string;
  dim(text: string): string;
  green(text: string): string;
  yellow(text: string): string;
  red(text: string): string;
}

type Stream = NodeJS.WritableStream & { isTTY?: boolean; columns?: number };

/** A live line that changes more often than this only flickers. */
const LIVE_MS = 80;
const CLEAR_LINE = '\r\x1b[2K';

export function openTerminal(
  stream: Stream = process.stderr,
  env: NodeJS.ProcessEnv = process.env,
): Terminal {
  const interactive = stream.isTTY === true && env.TERM !== 'dumb' && !env.CI;
  // https://no-color.org: present and not empty, whatever its value.
  const colour = stream.isTTY === true && !env.NO_COLOR && env.TERM !== 'dumb';
  const paint =
    (code: number) =>
    (text: string): string =>
      colour ? `\x1b[${code}m${text}\x1b[0m` : text;
  let shown = '';
  let drawnAt = 0;
  const clear = (): void => {
    if (shown !== '') stream.write(CLEAR_LINE);
    shown = '';
  };
  return {
    interactive,
    colour,
    line(text) {
      clear();
      stream.write(`${text}\n`);
      drawnAt = 0;
    },
    live(text) {
      const now = performance.now();
      if (!interactive || (drawnAt !== 0 && now - drawnAt < LIVE_MS)) return;
      drawnAt = now;
      // A line that wraps cannot be redrawn in place.
      shown = text.slice(0, Math.max(10, (stream.columns ?? 80) - 1));
      stream.write(`${CLEAR_LINE}${shown}`);
    },
    end: clear,
    path(path) {
      const short = relative(process.cwd(), path);
      return short === '' || short.startsWith('..') ? path : short;
    },
    bold: paint(1),
    dim: paint(2),
    green: paint(32),
    yellow: paint(33),
    red: paint(31),
  };
}

/** `850 ms`, `9.4 s`, `3 min 20 s`, `2 h 05 min`. */
export function formatDuration(seconds: number): string {
  if (!Number.isFinite(seconds)) return '–';
  if (seconds < 1) return `${Math.round(seconds * 1000)} ms`;
  if (seconds < 59.95) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${String(whole % 60).padStart(2, '0')} s`;
  const minutes = Math.round(whole / 60);
  return `${Math.floor(minutes / 60)} h ${String(minutes % 60).padStart(2, '0')} min`;
}

/** Decimal, as package indexes count: `12 kB`, `527 MB`, `1.2 GB`. */
export function formatBytes(bytes: number): string {
  if (bytes < 1e6) return `${Math.round(bytes / 1e3)} kB`;
  return bytes < 1e9 ? `${Math.round(bytes / 1e6)} MB` : `${(bytes / 1e9).toFixed(1)} GB`;
}

/** `[=======>    ]` of `width` characters for a share from 0 to 1; a share beyond 1 (a size that was only known roughly) is full. */
export function progressBar(share: number, width = 24): string {
  const inside = width - 2;
  const filled = Math.round(Math.min(1, Math.max(0, share)) * inside);
  const head = filled > 0 && filled < inside ? '>' : '';
  return `[${'='.repeat(filled - head.length)}${head}${' '.repeat(inside - filled)}]`;
}
