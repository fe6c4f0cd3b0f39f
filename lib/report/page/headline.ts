/** The first screen: the figures, how folds scatter, and what to compare them with. */
import { brackets, count, DASH, percent, percentSpread } from '../format.js';
import { publishedTarget, TARGET_SOURCE } from '../published-targets.js';
import type { RunReport, Selection } from '../types.js';
import { html, type Markup } from './html.js';
import { summary } from './summary.js';
import { chart, scale } from './svg.js';

const FIGURES = ['ua', 'wa', 'mf1', 'wf1'] as const;

/** How the page names a selection, and the sentence that tells what it means. */
export const SELECTIONS: Record<Selection, { name: string; note: (report: RunReport) => string }> = {
  selected: {
    name: 'Validation-selected',
    note: (report) =>
      report.validation === 'none'
        ? 'Last epoch of a fixed schedule. No part of the data chose it, so the test fold could not either.'
        : 'Epoch with the highest validation UA. The test fold played no part in choosing it.',
  },
  bestOnTest: {
    name: 'Best on test',
    note: () =>
      'Epoch with the highest UA on the test fold itself. Optimistic: an upper bound, not what a new speaker would get.',
  },
};

/** The name of the honest selection where there is no validation part. */
export function selectionName(report: RunReport, selection: Selection): string {
  return selection === 'selected' && report.validation === 'none' ? 'Last epoch' : SELECTIONS[selection].name;
}

/** What the mean is over: folds, or the means of seeds. */
export function meanOver(report: RunReport): string {
  return report.seeds.length > 1
    ? `mean of ${report.seeds.length} seeds`
    : `mean of ${count(report.folds.length, 'fold')}`;
}

export function headline(report: RunReport): Markup {
  const target = publishedTarget(report);
  return html`
<section class="headline" aria-label="Result">
  ${cards(report)}
  ${summary(report)}
  ${report.folds.some((fold) => fold.selected.ua !== null) && foldStrip(report)}
  <div class="scroll"><table class="figures">
    <thead>
      <tr><td rowspan="2"></td><th colspan="4" scope="colgroup">${meanOver(report)}, ± standard deviation</th><th colspan="4" scope="colgroup" class="gap">all ${report.pooled.selected.n} predictions pooled</th></tr>
      <tr>${['', 'gap'].map((gap) => ['UA', 'WA', 'macro F1', 'weighted F1'].map((name, i) => html`<th scope="col" class="${i === 0 ? gap : ''}">${name}</th>`))}</tr>
    </thead>
    <tbody>
      ${row(report, 'selected')}
      ${row(report, 'bestOnTest')}
      <tr class="chance"><th scope="row">Chance</th><td>${percent(1 / report.classes.length)}</td>${Array.from({ length: 7 }, (_, i) => html`<td class="${i === 3 ? 'gap' : ''}">${i === 3 ? percent(1 / report.classes.length) : ''}</td>`)}</tr>
      ${target && html`<tr class="target"><th scope="row">Target <small>paper, not a result of this run</small></th><td>${percent(target.ua)}</td><td>${percent(target.wa)}</td><td>${DASH}</td><td>${DASH}</td><td class="gap">${DASH}</td><td>${DASH}</td><td>${DASH}</td><td>${DASH}</td></tr>`}
    </tbody>
  </table></div>
  <p class="note">In percent. UA is the mean of the per-class recalls, WA the share of utterances recognised. The deviation tells how folds differ; it is no standard error.${intervalNote(report)}${report.pooled.selected.ua === null && ' A dash under UA: a class of the corpus occurs in none of the held-out predictions.'}${report.pooled.selected.ua !== null && report.mean.selected.ua.mean === null && ' A dash under UA: a test fold lacks a class, so UA is not defined for it; the pooled UA stands in its place.'}${target && html` The target: ${TARGET_SOURCE}; ${count(target.folds, 'fold')}, ${target.split}.`}</p>
</section>`;
}

function cards(report: RunReport): Markup {
  const usable = report.mean.selected.ua.mean !== null;
  const ua = usable ? report.mean.selected.ua : { mean: report.pooled.selected.ua, std: null };
  const best = usable ? report.mean.bestOnTest.ua : { mean: report.pooled.bestOnTest.ua, std: null };
  return html`<dl class="cards">
    <div class="card main"><dt>UA, ${selectionName(report, 'selected').toLowerCase()}</dt><dd>${percent(ua.mean)}<small>${ua.std === null ? '' : ` ± ${percent(ua.std)}`} %</small></dd><dd class="what">${usable ? meanOver(report) : 'pooled over all predictions'}${pooledInterval(report, 'ua')}</dd></div>
    <div class="card"><dt>WA, ${selectionName(report, 'selected').toLowerCase()}</dt><dd>${percent(report.mean.selected.wa.mean)}<small>${report.mean.selected.wa.std === null ? '' : ` ± ${percent(report.mean.selected.wa.std)}`} %</small></dd><dd class="what">${meanOver(report)}${pooledInterval(report, 'wa')}</dd></div>
    <div class="card second"><dt>UA, best on test</dt><dd>${percent(best.mean)}<small>${best.std === null ? '' : ` ± ${percent(best.std)}`} %</small></dd><dd class="what">optimistic: chosen on the test folds</dd></div>
  </dl>`;
}

/** Whose interval it is: of the pooled figure, which is another than the mean of folds beside it. */
function pooledInterval({ pooled }: RunReport, figure: 'ua' | 'wa'): Markup | null {
  const interval = pooled.selected.ci95?.[figure];
  return interval ? html`<br>pooled ${percent(pooled.selected[figure])}, 95 % ${brackets(interval)}` : null;
}

function intervalNote({ pooled, speakers }: RunReport): string {
  const { ci95 } = pooled.selected;
  if (!ci95) return '';
  if (FIGURES.every((figure) => !ci95[figure]))
    return ' No interval: a single speaker says nothing of how others would do.';
  return ` In brackets: 95 % intervals of the pooled figures, over the ${speakers === undefined ? 'held-out speakers' : count(speakers, 'held-out speaker')}.`;
}

function row(report: RunReport, selection: Selection): Markup {
  const mean = report.mean[selection];
  const pooled = report.pooled[selection];
  const label = selection === 'bestOnTest' ? html` <small>optimistic</small>` : null;
  const pooledCells = FIGURES.map((figure, i) => {
    const interval = pooled.ci95?.[figure];
    return html`<td class="${i === 0 ? 'gap key' : ''}">${percent(pooled[figure])}${interval && html`<small class="ci">${brackets(interval)}</small>`}</td>`;
  });
  return html`<tr class="${selection}"><th scope="row">${selectionName(report, selection)}${label}</th><td class="key">${percentSpread(mean.ua)}</td><td>${percentSpread(mean.wa)}</td><td>${percentSpread(mean.mf1)}</td><td>${percentSpread(mean.wf1)}</td>${pooledCells}</tr>`;
}

/** UA of every fold as a dot, the mean as a bar, with chance and the paper's figure for orientation. */
function foldStrip(report: RunReport): Markup {
  const target = publishedTarget(report);
  const width = 600;
  const left = 146;
  const x = scale(0, 1, left, width - 24);
  const rows: Selection[] = ['selected', 'bestOnTest'];
  const top = 26;
  const bottom = top + rows.length * 34;
  const chance = 1 / report.classes.length;
  const axis = [0, 0.25, 0.5, 0.75, 1].map(
    (v) =>
      html`<line class="grid" x1="${x(v)}" x2="${x(v)}" y1="${top}" y2="${bottom}"/><text class="tick" x="${x(v)}" y="${bottom + 15}" text-anchor="middle">${100 * v} %</text>`,
  );
  const mark = (value: number, name: string, anchor: string) =>
    html`<line class="mark" x1="${x(value)}" x2="${x(value)}" y1="${top - 6}" y2="${bottom}"/><text class="tick" x="${x(value)}" y="${top - 11}" text-anchor="${anchor}">${name} ${percent(value)}</text>`;
  const dots = rows.map((selection, i) => {
    const y = top + i * 34 + 17;
    const { mean, std } = report.mean[selection].ua;
    const band =
      mean !== null && std !== null
        ? html`<line class="band ${selection}" x1="${x(Math.max(0, mean - std))}" x2="${x(Math.min(1, mean + std))}" y1="${y}" y2="${y}"/>`
        : null;
    const bar =
      mean === null
        ? null
        : html`<line class="mean ${selection}" x1="${x(mean)}" x2="${x(mean)}" y1="${y - 11}" y2="${y + 11}"/>`;
    const points = report.folds.map((fold) => {
      const ua = fold[selection].ua;
      return (
        ua !== null &&
        html`<circle class="fold ${selection}" cx="${x(ua)}" cy="${y}" r="4.5"><title>fold ${fold.fold}: ${percent(ua)}</title></circle>`
      );
    });
    return html`<text class="label" x="${left - 14}" y="${y + 4}" text-anchor="end">${selectionName(report, selection)}</text>${band}${points}${bar}`;
  });
  return chart(
    {
      width,
      height: bottom + 22,
      id: 'strip',
      kind: report.folds.length > 20 ? 'strip many' : 'strip',
      title: 'UA of each fold',
      description: rows
        .map(
          (selection) =>
            `${selectionName(report, selection)}: ${report.folds.map((fold) => `fold ${fold.fold} ${percent(fold[selection].ua)}`).join(', ')}; mean ${percentSpread(report.mean[selection].ua)}.`,
        )
        .join(' '),
    },
    [
      ...axis,
      mark(chance, 'chance', 'middle'),
      ...(target && target.ua !== null ? [mark(target.ua, "paper's target", 'middle')] : []),
      ...dots,
    ],
  );
}
