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

/** `[=======>    ]` of `width` characters for a share from 0 to 1; a share beyond 1 (a size that was only known roughly) is full. */
export function progressBar(share: number, width = 24): string {
  const inside = width - 2;
  const filled = Math.round(Math.min(1, Math.max(0, share)) * inside);
  const head = filled > 0 && filled < inside ? '>' : '';
  return `[${'='.repeat(filled - head.length)}${head}${' '.repeat(inside - filled)}]`;
}
