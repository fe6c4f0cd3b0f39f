/** The table of an ablation for a README or a paper's repository. */
import { corpusName, percentSpread } from '../report/format.js';
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

export function renderAblationMarkdown(table: AblationTable): string {
  const head = [
    '',
    'cells',
    'UA',
    'WA',
    `UA over ${table.seeds.length > 1 ? 'seeds' : 'folds'}`,
    'UA*',
    'WA*',
    'UA less full',
    'p',
    'p Holm',
  ];
  const line = (values: readonly string[]) => `| ${values.join(' | ')} |`;
  const lines = [
    `# Ablation on ${corpusName(table)}, ${table.protocol}`,
    '',
    `${foldsText(table)}, ${seedsText(table)}, ${progressText(table)}; preset \`${table.preset}\`.`,
    '',
    line(head),
    line(head.map((_, at) => (at === 0 ? '---' : '---:'))),
  ];
  for (const { title, rows } of groupedRows(table)) {
    if (title) lines.push(line([`*${title}*`, ...head.slice(1).map(() => '')]));
    for (const row of rows) lines.push(line(values(row, table)));
  }
  lines.push('', '\\* best epoch on the test fold: optimistic.');
  for (const note of [...marks(table), ...notes(table)]) lines.push('', note);
  if (table.missing.length > 0) lines.push('', `Missing: ${missingText(table)}.`);
  return `${lines.join('\n')}\n`;
}

function values(row: AblationRow, table: AblationTable): string[] {
  const { figures, against } = row;
  const tested = against?.selected.ua;
  const full = row.group === 'full';
  return [
    full ? `**${row.label}**` : row.label,
    cellsText(row, table),
    figureText(figures?.selected.ua),
    figureText(figures?.selected.wa),
    figures ? percentSpread(figures.selected.ua.overFolds) : '',
    bestText(row, 'ua'),
    bestText(row, 'wa'),
    full ? '' : differenceText(tested),
    full ? '' : pText(tested?.p),
    full ? '' : pText(tested?.pHolm),
  ];
}
