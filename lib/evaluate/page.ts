/** Evaluations as a page: figures, robustness curves of several runs in one chart, and what to mind. */
import { brackets, percent, percentSpread } from '../report/format.js';
import { comparisonChart } from '../report/page/comparison-chart.js';
import { html, type Markup } from '../report/page/html.js';
import { plainPage } from '../report/page/plain-page.js';
import type { ComparedEvaluations, RunDifference } from './compare-evaluations.js';
import { points, pValue } from './figures.js';
import { basisName, described, meanName, sharedNotes } from './notes.js';
import type { ConditionReport, Evaluation } from './types.js';

/** The page's text. The same input gives the same text. */
export function renderEvaluationPage({ evaluations, differences, warnings }: ComparedEvaluations): string {
  const first = evaluations[0]!;
  const { shared, own } = sharedNotes(evaluations);
  const names = evaluations.map(({ model }) => model).join(', ');
  return plainPage(
    {
      title: `${names} on ${first.corpus.name}: ser-native evaluation`,
      heading: html`${names} <span>on ${first.corpus.name}</span>`,
      facts: evaluations.length === 1 ? described(first) : `${evaluations.length} runs side by side`,
      warnings: [...warnings, ...shared],
      version: first.version,
      synthetic: first.corpus.synthetic,
    },
    [
      curve(evaluations, 'noise', 'Noise', 'signal-to-noise ratio, dB'),
      curve(evaluations, 'gain', 'Level', 'gain, dB'),
      differences.length > 0 ? differencesSection(evaluations, differences) : null,
      ...evaluations.map((evaluation, index) => section(evaluation, own[index]!, evaluations.length > 1)),
    ],
  );
}

/** Clean and the conditions of a kind along their levels; null where there are none. */
function curve(
  evaluations: readonly Evaluation[],
  kind: ConditionReport['kind'],
  title: string,
  axis: string,
): Markup | null {
  const conditions = along(evaluations[0]!, kind);
  if (conditions.length < 2) return null;
  const source = evaluations[0]!.noise;
  return html`
<section id="${kind}">
  <h2>${title}</h2>
  <p class="note">UA under each condition with its 95 % interval, over the same utterances.${kind === 'noise' && source && ` Noise: ${source.description}.`}</p>
  ${comparisonChart({
    id: `curve-${kind}`,
    title: `UA by ${axis}`,
    unit: 'UA, %',
    axis,
    marks: conditions.map(({ level }, x) => ({ x, label: level === null ? 'clean' : String(level) })),
    series: evaluations.map((evaluation) => ({
      name: evaluation.model,
      points: conditions.flatMap(({ name }, x) => {
        const found = evaluation.conditions.find((condition) => condition.name === name);
        return found ? [{ x, y: found.overall.ua, range: found.overall.ci95?.ua }] : [];
      }),
    })),
    chance: evaluations[0]!.chance.ua,
  })}
</section>`;
}

/** Noise from clean to loud; gain from soft to loud, with clean in its place at 0 dB. */
function along({ conditions }: Evaluation, kind: ConditionReport['kind']): ConditionReport[] {
  const chosen = conditions.filter((condition) => condition.kind === kind || condition.kind === 'clean');
  const place = ({ level }: ConditionReport) =>
    kind === 'gain' ? (level ?? 0) : level === null ? Number.NEGATIVE_INFINITY : -level;
  return chosen.sort((a, b) => place(a) - place(b));
}

function differencesSection(
  evaluations: readonly Evaluation[],
  differences: readonly RunDifference[],
): Markup {
  const first = evaluations[0]!;
  return html`
<section>
  <h2>Against ${first.model}</h2>
  <div class="scroll"><table class="figures">
    <thead><tr><th scope="col">run</th><th scope="col">condition</th><th scope="col">UA, difference</th><th scope="col">95 % interval</th><th scope="col">p</th><th scope="col">WA, difference</th><th scope="col">95 % interval</th><th scope="col">p</th></tr></thead>
    <tbody>${differences.map(({ run, condition, ua, wa }) => html`<tr><th scope="row">${run}</th><td>${condition}</td><td class="key">${points(ua)}</td><td>${brackets(ua?.ci95)}</td><td>${pValue(ua?.p)}</td><td>${points(wa)}</td><td>${brackets(wa?.ci95)}</td><td>${pValue(wa?.p)}</td></tr>`)}</tbody>
  </table></div>
  <p class="note">In percent points, over the same utterances, paired by speaker; p: permutation test over speakers, each row by itself.</p>
</section>`;
}

function section(evaluation: Evaluation, own: readonly string[], several: boolean): Markup {
  const { conditions } = evaluation;
  const clean = conditions[0]!;
  const rows = [
    ...clean.models,
    ...(evaluation.basis === 'single' || clean.models.length < 2
      ? []
      : [{ name: basisName(evaluation), ...clean.overall }]),
  ];
  const mean = meanName(evaluation);
  return html`
<section>
  <h2>${several ? evaluation.model : 'Figures'}</h2>
  ${several && html`<p class="note">${described(evaluation)}</p>`}
  <div class="scroll"><table class="figures">
    <thead><tr><td></td><th scope="col">UA</th><th scope="col">95 % interval</th><th scope="col">WA</th><th scope="col">95 % interval</th><th scope="col">macro F1</th><th scope="col">n</th></tr></thead>
    <tbody>
      ${rows.map(({ name, ua, wa, mf1, n, ci95 }) => html`<tr><th scope="row">${name}</th><td class="key">${percent(ua)}</td><td>${brackets(ci95?.ua)}</td><td>${percent(wa)}</td><td>${brackets(ci95?.wa)}</td><td>${percent(mf1)}</td><td>${n}</td></tr>`)}
      ${mean && html`<tr><th scope="row">${mean}</th><td class="key">${percentSpread(clean.mean.ua)}</td><td></td><td>${percentSpread(clean.mean.wa)}</td><td></td><td>${percentSpread(clean.mean.mf1)}</td><td></td></tr>`}
      <tr><th scope="row">Chance</th><td>${percent(evaluation.chance.ua)}</td><td></td><td>${percent(evaluation.chance.wa)}</td><td></td><td></td><td></td></tr>
    </tbody>
  </table></div>
  ${conditions.length > 1 && conditionTable(evaluation)}
  <ul class="note">${own.map((note) => html`<li>${note}</li>`)}</ul>
</section>`;
}

function conditionTable(evaluation: Evaluation): Markup {
  return html`<div class="scroll"><table class="figures">
    <thead><tr><th scope="col">${basisName(evaluation)}</th><th scope="col">UA</th><th scope="col">95 % interval</th><th scope="col">change</th><th scope="col">95 % interval</th><th scope="col">p</th><th scope="col">WA</th><th scope="col">change</th></tr></thead>
    <tbody>${evaluation.conditions.map(({ name, overall, change }) => html`<tr><th scope="row">${name}</th><td class="key">${percent(overall.ua)}</td><td>${brackets(overall.ci95?.ua)}</td><td>${points(change?.ua)}</td><td>${brackets(change?.ua?.ci95)}</td><td>${pValue(change?.ua?.p)}</td><td>${percent(overall.wa)}</td><td>${points(change?.wa)}</td></tr>`)}</tbody>
  </table></div>
  <p class="note">In percent. Change: against clean, over the same utterances, paired by speaker; p: permutation test over speakers.</p>`;
}
