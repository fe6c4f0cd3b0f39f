/** The table of an ablation for a terminal. */
import { corpusName } from '../report/format.js';
import { type Column, fittedTable, printable, wrap } from '../text-layout.js';
import type { AblationRow, AblationTable } from './table.js';
import {
  bestText,
  cellsText,
  differenceText,
  figureText,
  foldsText,
  groupedRows,
  marks,
  missingText,
  notes,
  progressText,
  pText,
  seedsText,
} from './table-rows.js';

const BOLD = (text: string) => `\u001b[1m${text}\u001b[22m`;
const DIM = (text: string) => `\u001b[2m${text}\u001b[22m`;
const PLAIN = (text: string) => text;

const COLUMNS: readonly Column[] = [
  { title: '' },
  { title: 'cells', align: 'right' },
  { title: 'UA', align: 'right' },
  { title: 'WA', align: 'right' },
  { title: 'UA*', align: 'right' },
  { title: 'WA*', align: 'right' },
  { title: 'UA less full', align: 'right' },
  { title: 'p', align: 'right' },
  { title: 'p Holm', align: 'right' },
];
const WIDTH = 110;

/** No trailing line break. */
export function renderAblationText(table: AblationTable, options: { colour?: boolean } = {}): string {
  const bold = options.colour ? BOLD : PLAIN;
  const dim = options.colour ? DIM : PLAIN;
  const entries = groupedRows(table).flatMap(({ title, rows }) => [
    ...(title ? [{ style: dim, cells: [title] }] : []),
    ...rows.map((row) => ({
      style: row.group === 'full' ? bold : PLAIN,
      cells: values(row, table, title === null ? row.label : `  ${row.label}`),
    })),
  ]);
  const [head, ...body] = fittedTable(
    COLUMNS,
    entries.map(({ cells }) => cells),
    Number.POSITIVE_INFINITY,
  );
  const lines = [
    bold(`Ablation on ${printable(corpusName(table))}, ${printable(table.protocol)}`) +
      dim(`   ${foldsText(table)}, ${seedsText(table)}, ${progressText(table)}`),
    '',
    dim(head!),
    ...body.map((line, at) => entries[at]!.style(line)),
    dim('* best epoch on the test fold: optimistic'),
  ];
  for (const note of [...marks(table), ...notes(table)]) lines.push('', ...wrap(note, WIDTH, ''));
  if (table.missing.length > 0) lines.push('', ...wrap(`Missing: ${missingText(table)}.`, WIDTH, ''));
  return lines.join('\n');
}

function values(row: AblationRow, table: AblationTable, label: string): string[] {
  const { figures, against } = row;
  const tested = against?.selected.ua;
  return [
    label,
    cellsText(row, table),
    figureText(figures?.selected.ua),
    figureText(figures?.selected.wa),
    bestText(row, 'ua'),
    bestText(row, 'wa'),
    row.group === 'full' ? '' : differenceText(tested),
    row.group === 'full' ? '' : pText(tested?.p),
    row.group === 'full' ? '' : pText(tested?.pHolm),
  ];
}
