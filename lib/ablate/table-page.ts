/** The table of an ablation as a page of its own: one file that needs neither network nor script. */
import { corpusName, percent, percentSpread } from '../report/format.js';
import { document } from '../report/page/document.js';
import { html, type Markup } from '../report/page/html.js';
import { chart, scale, ticks } from '../report/page/svg.js';
import type { Selection } from '../report/types.js';
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

/** Rows of the table's groups are set apart by their titles. */
const OWN_STYLE = `
body{max-width:1080px}
.ablation{font-size:.84rem}.ablation th,.ablation td{padding:.34rem .4rem}.forest .chart{max-width:760px}
.ablation th.group{text-align:left;color:var(--soft);font-weight:500;font-size:.82rem;padding-top:.9rem}
.ablation .member th[scope=row]{padding-left:1.2rem}.ablation tr.whole th,.ablation tr.whole td{font-weight:650}
.figures.ablation tbody tr:nth-child(even):not(.target){background:none}.figures.ablation tbody tr.whole:nth-child(n):not(.target){background:var(--raised)}
.reach{stroke-width:2}.reach.selected{stroke:var(--blue)}
`;

/** Beside the name of the row; `gap` sets groups of columns apart. */
const HEAD: readonly { title: string; gap?: boolean }[] = [
  { title: 'cells' },
  { title: 'UA' },
  { title: 'WA' },
  { title: 'UA, mean ± sd' },
  { title: 'UA less full', gap: true },
  { title: 'p' },
  { title: 'p Holm' },
  { title: 'UA*', gap: true },
  { title: 'WA*' },
];

export function renderAblationPage(table: AblationTable, command?: string): string {
  return document({
    version: table.version,
    title: `Ablation on ${corpusName(table)}, ${table.protocol}${table.synthetic ? ' (synthetic speech)' : ''}: ser-native`,
    header: html`<h1>Ablation <span>${corpusName(table)}, ${table.protocol}</span></h1>
  <p class="facts">${[foldsText(table), seedsText(table), progressText(table), `preset ${table.preset}`].map((part, i) => html`${i > 0 && ' · '}<span>${part}</span>`)}</p>
  ${marks(table).map(markBox)}`,
    sections: [
      forest(table),
      figuresTable(table),
      command === undefined
        ? null
        : html`<section><h2>Run it again</h2><pre class="command">${command}</pre></section>`,
    ],
    style: OWN_STYLE,
  });
}

function markBox(mark: string): Markup {
  const [what, ...rest] = mark.split(': ');
  return html`<p class="mark-box"><strong>${what}:</strong> ${rest.join(': ')}</p>`;
}

function figuresTable(table: AblationTable): Markup {
  return html`<section>
  <div class="scroll"><table class="figures ablation">
    <thead><tr><td></td>${HEAD.map(({ title, gap }) => html`<th scope="col" class="${gap ? 'gap' : ''}">${title}</th>`)}</tr></thead>
    <tbody>${groupedRows(table).map(({ title, rows }) => html`${title && html`<tr><th class="group" colspan="${HEAD.length + 1}" scope="rowgroup">${title}</th></tr>`}${rows.map((row) => tableRow(row, table, title !== null))}`)}</tbody>
  </table></div>
  <p class="note">The mean is over ${table.seeds.length > 1 ? "the seeds' means over folds" : 'folds'}. UA* and WA* are of the epoch with the highest UA on the test fold itself: optimistic, an upper bound.</p>
  ${notes(table).map((note) => html`<p class="note">${note}</p>`)}
  ${table.missing.length > 0 && html`<aside class="warnings"><strong>Missing</strong><p>${missingText(table)}</p></aside>`}
</section>`;
}

function tableRow(row: AblationRow, table: AblationTable, member: boolean): Markup {
  const { figures, against } = row;
  const compared = row.group !== 'full';
  const tested = compared ? against?.selected.ua : undefined;
  return html`<tr class="${compared ? (member ? 'member' : '') : 'whole'}"><th scope="row">${row.label}</th><td>${cellsText(row, table)}</td><td class="key">${figureText(figures?.selected.ua)}</td><td>${figureText(figures?.selected.wa)}</td><td>${figures && percentSpread(figures.selected.ua.overFolds)}</td><td class="gap">${compared && differenceText(tested)}</td><td>${compared && pText(tested?.p)}</td><td>${compared && pText(tested?.pHolm)}</td><td class="gap">${bestText(row, 'ua')}</td><td>${bestText(row, 'wa')}</td></tr>`;
}

/** UA of every row with its interval, the optimistic selection as an open dot, the full method as a line to compare with. */
function forest(table: AblationTable): Markup | null {
  const rows = groupedRows(table).flatMap(({ title, rows: members }) =>
    members.map((row) => ({ row, name: title ? `${title.split(' ')[0]}: ${row.label}` : row.label })),
  );
  const values = rows.flatMap(({ row }) => reach(row));
  if (values.length === 0) return null;
  const chance = 1 / table.classes.length;
  const low = Math.max(0, Math.min(chance, ...values) - 0.02);
  const high = Math.min(1, Math.max(...values) + 0.02);
  const width = 560;
  const left = 206;
  const top = 24;
  const step = 24;
  const x = scale(low, high, left, width - 24);
  const bottom = top + rows.length * step;
  const full = rows.find(({ row }) => row.group === 'full')?.row.figures?.selected.ua.pooled;
  const axis = ticks(low, high, 5).map(
    (value) =>
      html`<line class="grid" x1="${x(value)}" x2="${x(value)}" y1="${top}" y2="${bottom}"/><text class="tick" x="${x(value)}" y="${bottom + 15}" text-anchor="middle">${percent(value).replace('.0', '')} %</text>`,
  );
  const mark = (value: number, name: string) =>
    html`<line class="mark" x1="${x(value)}" x2="${x(value)}" y1="${top - 6}" y2="${bottom}"/><text class="tick" x="${x(value)}" y="${top - 11}" text-anchor="middle">${name}</text>`;
  const dot = (row: AblationRow, selection: Selection, y: number) => {
    const value = row.figures?.[selection].ua.pooled;
    return (
      typeof value === 'number' &&
      html`<circle class="fold ${selection}" cx="${x(value)}" cy="${y}" r="4.5"/>`
    );
  };
  const marks = rows.map(({ row, name }, at) => {
    const y = top + at * step + step / 2;
    const interval = row.figures?.selected.ua.ci95;
    return html`<text x="${left - 12}" y="${y + 4}" text-anchor="end">${name}</text>${interval && html`<line class="reach selected" x1="${x(interval[0])}" x2="${x(interval[1])}" y1="${y}" y2="${y}"/>`}${dot(row, 'bestOnTest', y)}${dot(row, 'selected', y)}`;
  });
  return html`<section class="forest">${chart(
    {
      id: 'forest',
      kind: 'narrow',
      width,
      height: bottom + 26,
      title: 'UA of every row',
      description: rows.map(({ row, name }) => `${name}: ${figureText(row.figures?.selected.ua)}`).join('; '),
    },
    [
      html`${axis}`,
      mark(chance, 'chance'),
      ...(typeof full === 'number' ? [mark(full, 'full method')] : []),
      html`${marks}`,
    ],
  )}
  <p class="legend"><span><svg viewBox="0 0 26 8" aria-hidden="true"><line class="reach selected" x1="1" x2="25" y1="4" y2="4"/><circle class="fold selected" cx="13" cy="4" r="4"/></svg>UA, validation-selected, 95 % interval</span><span><svg viewBox="0 0 26 8" aria-hidden="true"><circle class="fold bestOnTest" cx="13" cy="4" r="3.4"/></svg>best on test (optimistic)</span></p></section>`;
}

/** Every UA that is drawn of a row. */
function reach({ figures }: AblationRow): number[] {
  if (!figures) return [];
  const { selected, bestOnTest } = figures;
  return [selected.ua.pooled, bestOnTest.ua.pooled, ...(selected.ua.ci95 ?? [])].filter(
    (value) => value !== null,
  );
}
