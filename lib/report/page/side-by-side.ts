/** Several runs on one page: figures, intervals drawn to one scale, recalls, differences. */

import { formatP, signed } from '../../compare/comparison-meaning.js';
import type { RunAgainstFirst } from '../../compare/index.js';
import { classScores } from '../../metrics/index.js';
import { brackets, DASH, percent, percentSpread } from '../format.js';
import { publishedTarget } from '../published-targets.js';
import { remarks } from '../remarks.js';
import { comparisonSentences, type NamedReport, type SideBySide } from '../side-by-side.js';
import type { Selection } from '../types.js';
import { document } from './document.js';
import { selectionName } from './headline.js';
import { html, type Markup } from './html.js';
import { corpusTitle } from './page.js';
import { chart, round, scale, shorten } from './svg.js';

export function renderSideBySidePage(input: SideBySide): string {
  const { runs } = input;
  const corpora = [...new Set(runs.map(({ report }) => corpusTitle(report)))];
  return document({
    version: runs[0]!.report.version,
    title: `${runs.length} runs side by side: ser-native report`,
    header: html`<h1>${runs.length} runs <span>${corpora.join(', ')}</span></h1>
  ${marks(runs)}`,
    sections: [figures(runs), intervals(runs), differences(input), recalls(runs)],
  });
}

/** Each remark once, with the runs that it holds for. */
function marks(runs: readonly NamedReport[]): Markup[] {
  const named = new Map<string, string[]>();
  for (const { name, report } of runs)
    for (const remark of remarks(report)) named.set(remark, [...(named.get(remark) ?? []), name]);
  return [...named].map(([remark, names]) => {
    const who = names.length === runs.length ? 'all runs' : names.join(', ');
    return html`<p class="mark-box"><strong>${remark[0]!.toUpperCase() + remark.slice(1)}:</strong> ${who}.</p>`;
  });
}

function figures(runs: readonly NamedReport[]): Markup {
  const row = ({ name, report }: NamedReport, selection: Selection) => {
    const mean = report.mean[selection];
    const pooled = report.pooled[selection];
    const title =
      selection === 'selected'
        ? html`${name} <small class="under">${corpusTitle(report)}, ${report.protocol}; ${selectionName(report, 'selected').toLowerCase()}</small>`
        : html`<small>best on test, optimistic</small>`;
    const cell = (figure: 'ua' | 'wa' | 'mf1', kind: string) =>
      html`<td class="${kind}">${percent(pooled[figure])}${pooled.ci95?.[figure] && html`<small class="ci">${brackets(pooled.ci95[figure])}</small>`}</td>`;
    return html`<tr class="${selection}"><th scope="row">${title}</th><td class="key">${percentSpread(mean.ua)}</td><td>${percentSpread(mean.wa)}</td>${cell('ua', 'gap key')}${cell('wa', '')}${cell('mf1', '')}<td>${selection === 'selected' ? pooled.n : ''}</td></tr>`;
  };
  return html`
<section id="figures" class="headline">
  <h2>Figures</h2>
  <div class="scroll"><table class="figures">
    <thead><tr><td rowspan="2"></td><th colspan="2" scope="colgroup">mean, ± standard deviation</th><th colspan="4" scope="colgroup" class="gap">pooled, 95 % interval over speakers</th></tr>
    <tr><th scope="col">UA</th><th scope="col">WA</th><th scope="col" class="gap">UA</th><th scope="col">WA</th><th scope="col">macro F1</th><th scope="col">n</th></tr></thead>
    <tbody>${runs.map((run) => html`${row(run, 'selected')}${row(run, 'bestOnTest')}`)}</tbody>
  </table></div>
</section>`;
}

/** Pooled UA of each run with its interval, on one scale. */
function intervals(runs: readonly NamedReport[]): Markup {
  const width = 600;
  const left = Math.min(200, 24 + 7.5 * Math.max(...runs.map(({ name }) => name.length)));
  const x = scale(0, 1, left, width - 20);
  const bottom = 8 + runs.length * 30;
  const axis = [0, 0.25, 0.5, 0.75, 1].map(
    (v) =>
      html`<line class="grid" x1="${x(v)}" x2="${x(v)}" y1="4" y2="${bottom}"/><text class="tick" x="${x(v)}" y="${bottom + 15}" text-anchor="middle">${100 * v} %</text>`,
  );
  const rows = runs.map(({ name, report }, i) => {
    const y = 8 + i * 30 + 15;
    const { ua, ci95 } = report.pooled.selected;
    const interval = ci95?.ua;
    const target = publishedTarget(report)?.ua;
    const chance = 1 / report.classes.length;
    return html`<g><title>${name}: ${percent(ua)} ${brackets(interval)}</title><text class="label" x="${left - 14}" y="${y + 4}" text-anchor="end">${shorten(name, 27)}</text>${interval && html`<line class="band selected" x1="${x(interval[0])}" x2="${x(interval[1])}" y1="${y}" y2="${y}"/>`}${ua !== null && html`<circle class="fold selected" cx="${x(ua)}" cy="${y}" r="5.5"/>`}<line class="mark" x1="${x(chance)}" x2="${x(chance)}" y1="${y - 10}" y2="${y + 10}"/>${typeof target === 'number' && html`<path class="precision" d="M${x(target)},${round(y - 6)}l5,6l-5,6l-5,-6Z"/>`}</g>`;
  });
  const withTarget = runs.some(({ report }) => publishedTarget(report));
  return html`
<section id="intervals">
  <h2>UA, pooled</h2>
  <p class="note">Validation-selected, with the 95 % interval over held-out speakers. Dashed: chance.${withTarget && " Diamond: the paper's figure for the corpus, with WavLM Large; no result of these runs."} Overlap of intervals is no test: see the differences.</p>
  ${chart(
    {
      id: 'intervals-chart',
      kind: 'strip',
      width,
      height: bottom + 20,
      title: 'Pooled UA of each run',
      description: runs
        .map(({ name, report }) => {
          const { ua, ci95 } = report.pooled.selected;
          return `${name}: ${percent(ua)} ${brackets(ci95?.ua)}`;
        })
        .join('; '),
    },
    [...axis, ...rows],
  )}
</section>`;
}

function differences(input: SideBySide): Markup | null {
  const sentences = comparisonSentences(input);
  if (sentences.length === 0) return null;
  const { first, others } = input.comparison ?? { first: null, others: [] };
  const cells = (test: RunAgainstFirst, figure: 'ua' | 'wa', kind: string) => {
    const { difference, ci95 } = test[figure];
    const p = test.adjustedP[figure];
    return html`<td class="${kind}">${difference === null ? DASH : signed(difference)}</td><td>${brackets(ci95)}</td><td>${p === null ? DASH : formatP(p)}</td>`;
  };
  const rows = others.map(
    (test) =>
      html`<tr><th scope="row">${test.run.name}</th>${cells(test, 'ua', 'key')}${cells(test, 'wa', 'gap')}</tr>`,
  );
  return html`
<section id="differences">
  <h2>Differences</h2>
  ${
    first &&
    html`<p class="note">From ${first.name}, in points, validation-selected, on the utterances that both predict: difference, 95 % interval, and p of a permutation test over speakers${others.length > 1 && ' with Holm\u2019s correction'}.</p>
  <div class="scroll"><table class="figures"><thead><tr><td rowspan="2"></td><th colspan="3" scope="colgroup">UA</th><th colspan="3" scope="colgroup" class="gap">WA</th></tr><tr>${['', 'gap'].map((kind) => html`<th scope="col" class="${kind}">points</th><th scope="col">95 %</th><th scope="col">p</th>`)}</tr></thead><tbody>${rows}</tbody></table></div>`
  }
  <div class="plainlist"><ul>${sentences.map((sentence) => html`<li>${sentence}</li>`)}</ul></div>
</section>`;
}

/** Recall by class, where runs share classes. */
function recalls(runs: readonly NamedReport[]): Markup {
  const classes = [...new Set(runs.flatMap(({ report }) => report.classes))];
  const rows = classes.map((name) => {
    const cells = runs.map(({ report }) => {
      const c = report.classes.indexOf(name);
      return html`<td>${c < 0 ? '' : percent(classScores(report.pooled.selected.confusion, c).recall)}</td>`;
    });
    return html`<tr><th scope="row">${name}</th>${cells}</tr>`;
  });
  return html`
<section id="recalls">
  <h2>Recall of each emotion</h2>
  <p class="note">In percent, pooled, validation-selected. Empty: the run does not have the class.</p>
  <div class="scroll"><table class="figures"><thead><tr><td></td>${runs.map(({ name }) => html`<th scope="col">${shorten(name, 28)}</th>`)}</tr></thead><tbody>${rows}</tbody></table></div>
</section>`;
}
