/** Learning curves as a page: one chart for all, tables, and the differences from the first. */
import { points, pValue } from '../evaluate/figures.js';
import { brackets, percent, percentSpread } from '../report/format.js';
import { comparisonChart } from '../report/page/comparison-chart.js';
import { html, type Markup } from '../report/page/html.js';
import { plainPage } from '../report/page/plain-page.js';
import { type CurveDifference, type CurveIn, curveNames, describeCurve } from './side-by-side.js';
import { share } from './text.js';

/** The page's text. The same input gives the same text. */
export function renderLearningCurvePage(
  curves: readonly CurveIn[],
  differences: readonly CurveDifference[] = [],
): string {
  const names = curveNames(curves);
  const { curve: first } = curves[0]!;
  return plainPage(
    {
      title: `${names.join(', ')}: ser-native learning curve`,
      heading: html`${names.join(', ')} <span>learning curve</span>`,
      facts:
        curves.length === 1 ? describeCurve(first) : `${first.corpus}, ${curves.length} curves side by side`,
      warnings: [],
      version: first.version,
      synthetic: first.synthetic,
    },
    [
      chart(curves, names),
      differences.length > 0 ? differenceTable(differences) : null,
      ...curves.map((curve, index) => table(curve, names[index]!, curves.length > 1)),
    ],
  );
}

function chart(curves: readonly CurveIn[], names: readonly string[]): Markup {
  const fractions = [
    ...new Set(curves.flatMap(({ curve }) => curve.points.map(({ fraction }) => fraction))),
  ].sort((a, b) => a - b);
  return html`
<section>
  <h2>UA by training data</h2>
  <p class="note">Pooled over all held-out predictions, validation-selected, with 95 % intervals clustered by speaker. What is drawn for a smaller share is part of every larger one; validation and test are the same throughout. The scale is logarithmic.</p>
  ${comparisonChart({
    id: 'learning-curve',
    title: 'UA by share of the training part',
    unit: 'UA, %',
    axis: 'share of the training part',
    marks: fractions.map((fraction) => ({ x: Math.log2(fraction), label: share(fraction) })),
    series: curves.map(({ curve }, index) => ({
      name: names[index]!,
      points: curve.points.map(({ fraction, pooled }) => ({
        x: Math.log2(fraction),
        y: pooled.ua,
        range: pooled.ci95?.ua,
      })),
    })),
    chance: 1 / curves[0]!.curve.classes.length,
  })}
</section>`;
}

function table({ curve }: CurveIn, name: string, several: boolean): Markup {
  return html`
<section>
  <h2>${several ? name : 'Figures'}</h2>
  ${several && html`<p class="note">${describeCurve(curve)}</p>`}
  <div class="scroll"><table class="figures">
    <thead><tr><th scope="col">training</th><th scope="col">utterances</th><th scope="col">UA</th><th scope="col">pooled UA</th><th scope="col">95 % interval</th><th scope="col">WA</th><th scope="col">pooled WA</th><th scope="col">95 % interval</th></tr></thead>
    <tbody>${curve.points.map(({ fraction, utterances, mean, pooled }) => html`<tr><th scope="row">${share(fraction)}</th><td>${utterances.toFixed(0)}</td><td>${percentSpread(mean.ua)}</td><td class="key">${percent(pooled.ua)}</td><td>${brackets(pooled.ci95?.ua)}</td><td>${percentSpread(mean.wa)}</td><td>${percent(pooled.wa)}</td><td>${brackets(pooled.ci95?.wa)}</td></tr>`)}</tbody>
  </table></div>
</section>`;
}

function differenceTable(differences: readonly CurveDifference[]): Markup {
  return html`
<section>
  <h2>Against ${differences[0]!.against}</h2>
  <div class="scroll"><table class="figures">
    <thead><tr><th scope="col">curve</th><th scope="col">training</th><th scope="col">UA, difference</th><th scope="col">95 % interval</th><th scope="col">p</th><th scope="col">WA, difference</th><th scope="col">95 % interval</th><th scope="col">p</th></tr></thead>
    <tbody>${differences.map(({ curve, fraction, ua, wa }) => html`<tr><th scope="row">${curve}</th><td>${share(fraction)}</td><td class="key">${points(ua)}</td><td>${brackets(ua.ci95)}</td><td>${pValue(ua.p)}</td><td>${points(wa)}</td><td>${brackets(wa.ci95)}</td><td>${pValue(wa.p)}</td></tr>`)}</tbody>
  </table></div>
  <p class="note">In percent points of the pooled figures, over the same utterances, paired by speaker; p: permutation test over speakers, each row by itself.</p>
</section>`;
}
