/** `report.html`: one file that needs nothing else, neither network nor script. */
import { choicesOf, count } from '../format.js';
import { knownTitle } from '../published-targets.js';
import { unfinishedFolds } from '../remarks.js';
import type { ReportPageInput, RunReport } from '../types.js';
import { auditSection } from './audit.js';
import { calibrationSection } from './calibration.js';
import { classesSection } from './classes.js';
import { confusionSection } from './confusion.js';
import { curvesSection } from './curves.js';
import { deletionSection } from './deletion.js';
import { document } from './document.js';
import { embeddingSection } from './embedding-map.js';
import { foldsTable } from './folds-table.js';
import { headline } from './headline.js';
import { html, type Markup } from './html.js';
import { speakersSection } from './speakers.js';
import { spotlightsSection } from './spotlights.js';

/**
 * The report as a self-contained page: results first, then where they come from, then how to run it again. The same input
 * gives the same text. Names of corpora, speakers and utterances are escaped.
 */
export function renderReportPage(input: ReportPageInput): string {
  const { report } = input;
  return document({
    version: report.version,
    title: pageTitle(report),
    header: html`<h1>${corpusTitle(report)} <span>${report.protocol}</span></h1>
  <p class="facts">${facts(report)}</p>
  ${marks(report)}
  ${warnings(report.warnings.filter((warning) => !isUnfinished(warning)))}`,
    sections: [
      headline(report),
      foldsTable(report),
      confusionSection(report),
      classesSection(report),
      speakersSection(report, input.predictions ?? []),
      calibrationSection(report),
      embeddingSection(report, input.maps ?? []),
      spotlightsSection(input.spotlights, input.audio),
      deletionSection(input.deletion),
      curvesSection(report, input.epochs),
      auditSection(report),
      again(input),
    ],
    audio: input.audio !== undefined,
  });
}

function pageTitle(report: RunReport): string {
  return `${corpusTitle(report)}, ${report.protocol}${report.synthetic ? ' (synthetic speech)' : ''}: ser-native report`;
}

export function corpusTitle(report: RunReport): string {
  return `${knownTitle(report.corpus)}${choicesOf(report)}`;
}

function facts(report: RunReport): Markup {
  const done = new Set(report.folds.map(({ fold }) => fold)).size;
  const parts = [
    `${report.classes.length} emotions`,
    done === report.protocolFolds ? `${done} folds` : `${done} of ${report.protocolFolds} folds`,
    ...(report.speakers === undefined ? [] : [count(report.speakers, 'speaker')]),
    `${report.pooled.selected.n} held-out predictions`,
    report.seeds.length === 1 ? `seed ${report.seeds[0]}` : `seeds ${report.seeds.join(', ')}`,
    report.validation === 'none' ? 'no validation part, fixed schedule' : 'validation by whole speakers',
    report.created.replace('T', ' ').replace(/(:\d\d)(\.\d+)?Z$/, '$1 UTC'),
  ];
  return html`${parts.map((part, i) => html`${i > 0 && ' · '}<span>${part}</span>`)}`;
}

/** What makes every figure below something else than it seems, as loud as the title. */
export function marks(report: RunReport): Markup | null {
  const unfinished = unfinishedFolds(report);
  const found = [
    report.synthetic &&
      html`<p class="mark-box"><strong>Synthetic speech.</strong> This corpus is computed by the tool itself, not recorded. The figures show that training works; they say nothing about real speech.</p>`,
    report.partial &&
      html`<p class="mark-box"><strong>Partial corpus.</strong> Files of the corpus were missing. No figure here compares with a published one.</p>`,
    unfinished.length > 0 &&
      html`<p class="mark-box"><strong>Unfinished: ${unfinished.join(', ')}.</strong> No figure here is a result of the whole protocol.</p>`,
  ].filter((mark) => mark !== false && mark !== undefined);
  return found.length > 0 ? html`${found}` : null;
}

/** Said by a mark already. */
const isUnfinished = (warning: string) => /^\d+ of the protocol's \d+ folds are in this report/.test(warning);

/** Warnings shown at once; the rest open on demand, so that a corpus of many damaged files leaves the results in sight. */
const SHOWN_WARNINGS = 6;

function warnings(all: readonly string[]): Markup | null {
  if (all.length === 0) return null;
  const list = (some: readonly string[]) =>
    html`<ul>${some.map((warning) => html`<li>${warning}</li>`)}</ul>`;
  const rest = all.slice(SHOWN_WARNINGS);
  return html`<aside class="warnings" aria-label="Warnings"><strong>${all.length === 1 ? 'Mind this' : `Mind these ${all.length}`}</strong>${list(all.slice(0, SHOWN_WARNINGS))}${rest.length > 0 && html`<details><summary>${rest.length} more</summary>${list(rest)}</details>`}</aside>`;
}

function again({ command, config, environment }: ReportPageInput): Markup {
  return html`
<section id="again">
  <h2>Run it again</h2>
  <pre class="command">${command}</pre>
  <table class="environment"><caption class="hidden">Environment</caption><tbody>${Object.entries(environment).map(([name, value]) => html`<tr><th scope="row">${name}</th><td>${value}</td></tr>`)}</tbody></table>
  <details class="config"><summary>Full configuration</summary><pre>${JSON.stringify(config, null, 2)}</pre></details>
</section>`;
}
