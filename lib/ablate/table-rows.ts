/** What every form of the table says: cells of a row as text, and the sentences below it. */
import { count, DASH, percent } from '../report/format.js';
import { TARGET_SOURCE } from '../report/published-targets.js';
import type { Interval } from '../report/types.js';
import type { AblationDifference, AblationFigure } from './statistics.js';
import type { AblationRow, AblationTable } from './table.js';
import { GROUP_TITLES, type VariantGroup } from './variants.js';

/** `[44.1, 66.0]`; nothing where there is no interval. */
export function intervalText(interval: Interval | null): string {
  return interval ? `[${percent(interval[0])}, ${percent(interval[1])}]` : '';
}

export const figureText = (figure: AblationFigure | undefined) =>
  figure ? `${percent(figure.pooled)} ${intervalText(figure.ci95)}`.trim() : DASH;

/** Percent points with a sign, `−3.1 [−8.0, 1.2]`. */
export function differenceText(difference: AblationDifference | undefined): string {
  if (!difference || difference.difference === null) return DASH;
  const { ci95 } = difference;
  const points = (value: number) => `${value > 0 ? '+' : ''}${percent(value)}`.replace(/^([+-])0\.0$/, '0.0');
  return `${points(difference.difference)}${ci95 ? ` [${points(ci95[0])}, ${points(ci95[1])}]` : ''}`.replaceAll(
    '-',
    '\u2212',
  );
}

/** `0.012`, `<0.001`. */
export function pText(p: number | null | undefined): string {
  if (p === null || p === undefined) return DASH;
  return p < 0.001 ? '<0.001' : p.toFixed(3);
}

/** Rows in the order of the table, each group under its title; rows without a cell are left to the list of what is missing. */
export function groupedRows(table: AblationTable): { title: string | null; rows: AblationRow[] }[] {
  const groups: VariantGroup[] = ['full', 'mixing', 'pooling', 'losses', 'baseline'];
  return groups
    .map((group) => ({
      title: GROUP_TITLES[group],
      rows: table.rows.filter((row) => row.group === group && row.cells > 0),
    }))
    .filter(({ rows }) => rows.length > 0);
}

/** `folds 1, 2 of 6`, `6 folds`. */
export function foldsText({ folds, protocolFolds }: AblationTable): string {
  return folds.length === protocolFolds
    ? count(folds.length, 'fold')
    : `${folds.length === 1 ? 'fold' : 'folds'} ${folds.join(', ')} of ${protocolFolds}`;
}

export function seedsText({ seeds }: AblationTable): string {
  return `seed${seeds.length > 1 ? 's' : ''} ${seeds.join(', ')}`;
}

export function progressText(table: AblationTable): string {
  const all = table.rows.length * table.cellsPerRow;
  return `${all - table.missing.length} of ${count(all, 'cell')}`;
}

/** Names of what is missing, runs of one variant taken together: `pooling-max (4 cells)`. */
export function missingText({ missing }: AblationTable): string {
  const byVariant = new Map<string, number>();
  for (const name of missing) {
    const variant = name.replace(/-f\d+-s\d+$/, '');
    byVariant.set(variant, (byVariant.get(variant) ?? 0) + 1);
  }
  return missing.length <= 6
    ? missing.join(', ')
    : [...byVariant].map(([variant, cells]) => `${variant} (${count(cells, 'cell')})`).join(', ');
}

/** What makes every figure something else than it seems. */
export function marks(table: AblationTable): string[] {
  const sentences: string[] = [];
  if (table.synthetic) {
    sentences.push(
      'Synthetic speech: the figures show that the parts work together, nothing about real speech.',
    );
  }
  if (table.partial) {
    sentences.push(
      'Partial corpus: files of it were missing, and no figure here compares with a published one.',
    );
  }
  return sentences;
}

/** How the figures are to be read. */
export function notes(table: AblationTable): string[] {
  const sentences: string[] = [];
  sentences.push(
    'Figures are over all held-out predictions together, in percent, with 95 % intervals clustered by speaker ' +
      `(${count(table.speakers, 'speaker')}).`,
    'The difference is the row less the full method, on the folds and seeds that both have, utterance by utterance; p is by ' +
      'permutation over speakers, and corrected after Holm for the number of rows.',
  );
  const tests = table.rows.flatMap(({ against }) => (against ? [against.selected.smallestP] : []));
  const smallest = Math.max(...tests);
  if (tests.length > 0 && smallest * tests.length > 0.05) {
    sentences.push(
      `With so few speakers p cannot be below ${pText(smallest)}, and corrected for ${count(tests.length, 'row')} not below ` +
        `${pText(Math.min(1, smallest * tests.length))}: no difference here can be shown to be sure, however large.`,
    );
  }
  const partial = table.rows.filter(({ cells }) => cells > 0 && cells < table.cellsPerRow);
  if (partial.length > 0) {
    sentences.push(
      `Not all cells are there: rows with fewer than ${table.cellsPerRow} are figures of other folds or seeds than the rest; ` +
        'their difference is not.',
    );
  }
  if (table.target) {
    const { ua, wa, folds, split, title } = table.target;
    sentences.push(
      `Target for the full method on ${title}, not a result of this table: UA ${percent(ua)}, WA ${percent(wa)} ` +
        `(${TARGET_SOURCE}; ${count(folds, 'fold')}, ${split}). Of the other rows no figure is at hand.`,
    );
  }
  return sentences;
}

export function isComplete(row: AblationRow, table: AblationTable): boolean {
  return row.cells === table.cellsPerRow;
}

/** `2/4` where cells are missing. */
export function cellsText(row: AblationRow, table: AblationTable): string {
  return isComplete(row, table) ? String(row.cells) : `${row.cells}/${table.cellsPerRow}`;
}

/** A figure of the optimistic selection, which stands without interval and test. */
export const bestText = (row: AblationRow, name: 'ua' | 'wa') =>
  percent(row.figures?.bestOnTest[name].pooled ?? null);
