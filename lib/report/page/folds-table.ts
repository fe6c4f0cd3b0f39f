/** One row a fold. */
import { DASH, percent, percentSpread } from '../format.js';
import type { FoldReport, RunReport } from '../types.js';
import { meanOver, selectionName } from './headline.js';
import { html, type Markup } from './html.js';

/** Folds shown at once; a protocol of more (leave one speaker out) opens on demand, its mean stays in sight. */
const SHOWN = 12;

export function foldsTable(report: RunReport): Markup {
  const table = figures(report);
  return html`
<section id="folds">
  <h2>Folds</h2>
  ${report.folds.length > SHOWN ? html`<p class="note">${extremes(report)}</p><details><summary>All ${report.folds.length} folds</summary>${table}</details>` : table}
  ${report.folds.some((fold) => fold.selected.ua === null) && html`<p class="note">${DASH} UA is not defined where a test fold lacks a class of the corpus.</p>`}
</section>`;
}

function extremes({ folds }: RunReport): string {
  const known = folds.filter(({ selected }) => selected.ua !== null);
  const figure = known.length > 0 ? 'ua' : 'wa';
  const sorted = (known.length > 0 ? known : [...folds]).sort(
    (a, b) => a.selected[figure]! - b.selected[figure]!,
  );
  const say = ({ fold, selected }: FoldReport) => `${percent(selected[figure])} % (fold ${fold})`;
  const middle = sorted[Math.floor(sorted.length / 2)]!;
  return `${figure.toUpperCase()} of the folds: lowest ${say(sorted[0]!)}, median ${percent(middle.selected[figure])} %, highest ${say(sorted.at(-1)!)}.`;
}

function figures(report: RunReport): Markup {
  const seeds = report.seeds.length > 1;
  const { selected, bestOnTest } = report.mean;
  return html`<div class="scroll"><table class="figures">
    <thead>
      <tr><th rowspan="2" scope="col">fold</th>${seeds && html`<th rowspan="2" scope="col">seed</th>`}<th rowspan="2" scope="col">utterances</th><th colspan="5" scope="colgroup" class="gap">${selectionName(report, 'selected').toLowerCase()}</th><th colspan="3" scope="colgroup" class="gap">best on test (optimistic)</th></tr>
      <tr><th scope="col" class="gap">epoch</th><th scope="col">UA</th><th scope="col">WA</th><th scope="col">macro F1</th><th scope="col">weighted F1</th><th scope="col" class="gap">epoch</th><th scope="col">UA</th><th scope="col">WA</th></tr>
    </thead>
    <tbody>${report.folds.map((fold) => row(fold, seeds))}</tbody>
    <tfoot><tr><th scope="row" colspan="${seeds ? 3 : 2}">${meanOver(report)}</th><td class="gap"></td><td class="key">${percentSpread(selected.ua)}</td><td>${percentSpread(selected.wa)}</td><td>${percentSpread(selected.mf1)}</td><td>${percentSpread(selected.wf1)}</td><td class="gap"></td><td>${percentSpread(bestOnTest.ua)}</td><td>${percentSpread(bestOnTest.wa)}</td></tr></tfoot>
  </table></div>`;
}

function row({ fold, seed, n, selected, bestOnTest }: FoldReport, seeds: boolean): Markup {
  const why = 'Not defined: this test fold lacks a class';
  const ua = (value: number | null) =>
    value === null ? html`<abbr title="${why}">${percent(value)}</abbr>` : html`${percent(value)}`;
  return html`<tr><th scope="row">${fold}</th>${seeds && html`<td>${seed}</td>`}<td>${n}</td><td class="gap">${selected.epoch}</td><td class="key">${ua(selected.ua)}</td><td>${percent(selected.wa)}</td><td>${percent(selected.mf1)}</td><td>${percent(selected.wf1)}</td><td class="gap">${bestOnTest.epoch}</td><td>${ua(bestOnTest.ua)}</td><td>${percent(bestOnTest.wa)}</td></tr>`;
}
