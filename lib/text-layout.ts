/** Text laid out for a terminal: wrapped lines, tables that fit a width, a histogram in one line. */

/** Names come from file systems: control characters in them must not reach a terminal. */
export function printable(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: meant
  return text.replace(/[\u0000-\u001f\u007f-\u009f]/g, '\ufffd');
}

/** Spaces at which a line may break: not between a number and its unit, nor within `1 h 05 min`. */
const BREAK =
  / (?!(?:%|s|ms|h|min|kHz|dBFS|kB|MB|GB)(?![\p{L}\d])|(?<=\d (?:h|min) )\d\d (?:min|s)(?!\p{L}))/u;

/**
 * Breaks at spaces; lines after the first are indented, spaces at the very beginning stay. A word longer than the width stays
 * whole.
 */
export function wrap(text: string, width: number, indent = '  '): string[] {
  const words = text.trimStart().split(BREAK);
  const lines = [text.slice(0, text.length - text.trimStart().length) + words[0]];
  for (const word of words.slice(1)) {
    const line = lines.at(-1)!;
    if (columnsOf(line) + 1 + columnsOf(word) > width) lines.push(`${indent}${word}`);
    else lines[lines.length - 1] = `${line} ${word}`;
  }
  return lines;
}

const WIDE =
  /[\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6]|\p{Emoji_Presentation}/u;

/** Columns that a text takes on a terminal: East Asian characters take two, combining marks none. */
export function columnsOf(text: string): number {
  let columns = 0;
  for (const character of text) columns += /\p{M}/u.test(character) ? 0 : WIDE.test(character) ? 2 : 1;
  return columns;
}

function pad(text: string, width: number, side: 'left' | 'right'): string {
  const space = ' '.repeat(Math.max(0, width - columnsOf(text)));
  return side === 'right' ? space + text : text + space;
}

function cut(text: string, width: number): string {
  if (columnsOf(text) <= width) return text;
  let kept = '';
  for (const character of text) {
    if (columnsOf(kept) + columnsOf(character) > width - 1) break;
    kept += character;
  }
  return `${kept}\u2026`;
}

export interface Column {
  title: string;
  /** Default left. */
  align?: 'left' | 'right';
  /** Where the width is short, columns that have this are left out, the highest first. */
  optional?: number;
  /** The one column that is cut where leaving out others is not enough; the first where none is named. */
  cut?: boolean;
}

const GAP = '  ';

/**
 * Lines of a table, the titles first, no wider than `width` as long as its cut column keeps 8 columns. No line has spaces
 * at its end.
 */
export function fittedTable(
  columns: readonly Column[],
  rows: readonly (readonly string[])[],
  width: number,
): string[] {
  const natural = columns.map(({ title }, c) =>
    Math.max(columnsOf(title), ...rows.map((row) => columnsOf(row[c] ?? ''))),
  );
  const shown = new Set(columns.keys());
  const total = () =>
    [...shown].reduce((sum, c) => sum + natural[c]!, 0) + GAP.length * Math.max(0, shown.size - 1);
  const leaveOut = [...columns.entries()]
    .filter(([, column]) => column.optional !== undefined)
    .sort(([, a], [, b]) => b.optional! - a.optional!);
  for (const [c] of leaveOut) {
    if (total() <= width) break;
    shown.delete(c);
  }
  const flexible = Math.max(
    0,
    columns.findIndex((column) => column.cut),
  );
  natural[flexible] = Math.max(
    Math.min(8, natural[flexible]!),
    natural[flexible]! - Math.max(0, total() - width),
  );
  const line = (cells: readonly string[]) =>
    [...shown]
      .map((c) => pad(cut(cells[c] ?? '', natural[c]!), natural[c]!, columns[c]!.align ?? 'left'))
      .join(GAP)
      .trimEnd();
  return [columns.map(({ title }) => title), ...rows].map(line);
}

/** A column with its own cells, so that leaving it out leaves the others as they are. */
export type FilledColumn = Column & { cells: readonly string[] };

/** As `fittedTable`, of columns of equal length. */
export function filledTable(columns: readonly FilledColumn[], width: number): string[] {
  const rows = (columns[0]?.cells ?? []).map((_, i) => columns.map(({ cells }) => cells[i]!));
  return fittedTable(columns, rows, width);
}

const BLOCKS = '\u2581\u2582\u2583\u2584\u2585\u2586\u2587\u2588';

/** One block for each count, as high as its share of the largest; a space for none. */
export function sparkline(counts: readonly number[]): string {
  const most = Math.max(...counts, 1);
  return counts
    .map((count) => (count === 0 ? ' ' : BLOCKS[Math.min(7, Math.floor((8 * count) / most))]))
    .join('');
}
