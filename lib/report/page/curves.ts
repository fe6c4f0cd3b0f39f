/** Learning curves: how each fold got to its figures, and where each selection stopped. */
import { percent } from '../format.js';
import type { EpochLine, FoldReport, LossName, RunReport } from '../types.js';
import { selectionName } from './headline.js';
import { html, type Markup } from './html.js';
import { chart, polylines, round, scale, ticks } from './svg.js';

const LOSSES: readonly { name: LossName; title: string }[] = [
  { name: 'kl', title: 'KL' },
  { name: 'focal', title: 'focal' },
  { name: 'center', title: 'center' },
  { name: 'supcon', title: 'SupCon' },
];

/** Folds shown at once; the rest open on demand. */
const SHOWN = 6;
const WIDTH = 420;
const HEIGHT = 190;
const PLOT = { left: 40, right: WIDTH - 8, top: 22, bottom: HEIGHT - 30 };

interface Series {
  title: string;
  /** Class of the style sheet that gives colour and dashes. */
  kind: string;
  values: (number | null | undefined)[];
}

export function curvesSection(report: RunReport, epochs: readonly EpochLine[]): Markup | null {
  const folds = report.folds
    .map((fold) => ({
      fold,
      lines: epochs
        .filter((line) => line.fold === fold.fold && line.seed === fold.seed)
        .sort((a, b) => a.epoch - b.epoch),
    }))
    .filter(({ lines }) => lines.length > 0);
  if (folds.length === 0) return null;
  // A loss that is off stands in the file as zero; a flat line would only be in the way.
  const used = LOSSES.filter(({ name }) => epochs.some((line) => Math.abs(line.train.scaled[name]) > 0));
  const validated = epochs.some((line) => line.validation);
  const figures = folds.map(({ fold, lines }) => foldCurves(report, fold, lines, used));
  const legend = [
    ...(used.length > 1 ? [{ title: 'training, total', kind: 'total' }] : []),
    ...used.map(({ title, name }) => ({ title: `training, ${title}`, kind: name })),
    ...(validated ? [{ title: 'validation', kind: 'validation' }] : []),
    { title: 'test', kind: 'test' },
    { title: 'training (WA)', kind: 'training' },
  ];
  return html`
<section class="curves">
  <h2>Learning curves</h2>
  <p class="note">Training losses are as they enter the total, each scaled to about 0 to 1.${validated && ` The validation loss is the plain KL in nats; a guess costs ln ${report.classes.length} = ${Math.log(report.classes.length).toFixed(2)}.`} Training WA is on mixed and augmented audio.</p>
  <p class="legend" aria-hidden="true">${legend.map(({ title, kind }) => html`<span><svg viewBox="0 0 26 8"><line class="line ${kind}" x1="1" x2="25" y1="4" y2="4"/></svg>${title}</span>`)}<span><svg viewBox="0 0 26 8"><path class="flag selected" d="M9,0h8l-4,8z"/></svg>${selectionName(report, 'selected').toLowerCase()}</span><span><svg viewBox="0 0 26 8"><path class="flag bestOnTest" d="M9,0h8l-4,8z"/></svg>best on test</span></p>
  ${figures.slice(0, SHOWN)}
  ${figures.length > SHOWN && html`<details><summary>${figures.length - SHOWN} more folds</summary>${figures.slice(SHOWN)}</details>`}
</section>`;
}

function foldCurves(
  report: RunReport,
  fold: FoldReport,
  lines: readonly EpochLine[],
  used: typeof LOSSES,
): Markup {
  const name = report.seeds.length > 1 ? `Fold ${fold.fold}, seed ${fold.seed}` : `Fold ${fold.fold}`;
  const losses: Series[] = [
    ...used.map(
      (loss): Series => ({
        title: loss.title,
        kind: loss.name,
        values: lines.map((line) => line.train.scaled[loss.name]),
      }),
    ),
    { title: 'validation', kind: 'validation', values: lines.map((line) => line.validation?.loss) },
  ];
  // With one loss the total is that loss.
  if (used.length > 1) {
    losses.unshift({ title: 'total', kind: 'total', values: lines.map((line) => line.train.total) });
  }
  // Where a part lacks a class its UA is not defined, and WA takes its place in the chart.
  const figure = lines.every((line) => line.test?.ua !== null && line.validation?.ua !== null) ? 'ua' : 'wa';
  const accuracy: Series[] = [
    { title: 'training', kind: 'training', values: lines.map((line) => line.train.wa) },
    { title: 'validation', kind: 'validation', values: lines.map((line) => line.validation?.[figure]) },
    { title: 'test', kind: 'test', values: lines.map((line) => line.test?.[figure]) },
  ];
  const top = Math.max(...losses.flatMap(({ values }) => values.map((v) => (Number.isFinite(v) ? v! : 0))));
  const id = `curve-${fold.seed}-${fold.fold}`;
  return html`<figure class="pair"><figcaption>${name} <small>${report.validation === 'none' ? `last epoch ${fold.selected.epoch}` : `epoch ${fold.selected.epoch} selected on validation`}, ${fold.bestOnTest.epoch} best on test</small></figcaption><div class="columns">${plot(
    `${id}-loss`,
    `${name}: loss`,
    'loss',
    lines,
    losses,
    top || 1,
    fold,
    (v) => String(v),
  )}${plot(`${id}-accuracy`, `${name}: ${figure.toUpperCase()}`, `${figure.toUpperCase()}, %`, lines, accuracy, 1, fold, (v) => String(Math.round(100 * v)))}</div></figure>`;
}

function plot(
  id: string,
  title: string,
  unit: string,
  lines: readonly EpochLine[],
  series: readonly Series[],
  top: number,
  fold: FoldReport,
  label: (value: number) => string,
): Markup {
  const first = lines[0]!.epoch;
  const last = lines.at(-1)!.epoch;
  const x = scale(first, Math.max(last, first + 1), PLOT.left, PLOT.right);
  const y = scale(0, top, PLOT.bottom, PLOT.top);
  const vertical = ticks(0, top, 4).map(
    (v) =>
      html`<line class="grid" x1="${PLOT.left}" x2="${PLOT.right}" y1="${y(v)}" y2="${y(v)}"/><text class="tick" x="${PLOT.left - 6}" y="${y(v) + 4}" text-anchor="end">${label(v)}</text>`,
  );
  const whole = ticks(first, last, 6).filter(Number.isInteger);
  const horizontal = (whole.length > 1 ? whole : [first, last]).map(
    (v) => html`<text class="tick" x="${x(v)}" y="${PLOT.bottom + 15}" text-anchor="middle">${v}</text>`,
  );
  const flag = (epoch: number, kind: string) =>
    html`<line class="flag ${kind}" x1="${x(epoch)}" x2="${x(epoch)}" y1="${PLOT.top}" y2="${PLOT.bottom}"/><path class="flag ${kind}" d="M${round(x(epoch) - 5)},${PLOT.top - 8}h10l-5,8z"/>`;
  const curves = series.map(({ kind, values }) =>
    polylines(
      values.map(
        (value, i) => [x(lines[i]!.epoch), Number.isFinite(value) ? y(value!) : Number.NaN] as const,
      ),
      kind,
    ),
  );
  const told = series
    .filter(({ values }) => Number.isFinite(values.at(-1)))
    .map(({ title: name, values }) => {
      const [from, to] = [values[0], values.at(-1)!];
      const say = (v: number) => (top === 1 && unit !== 'loss' ? percent(v) : v.toFixed(2));
      return `${name} ${Number.isFinite(from) ? `from ${say(from!)} ` : ''}to ${say(to)}`;
    });
  return chart(
    {
      id,
      width: WIDTH,
      height: HEIGHT,
      title,
      description: `Epochs ${first} to ${last}: ${told.join(', ')}.`,
    },
    [
      ...vertical,
      ...horizontal,
      html`<text class="tick" x="${PLOT.right}" y="${HEIGHT - 2}" text-anchor="end">epoch</text><text class="tick" x="0" y="10">${unit}</text>`,
      flag(fold.bestOnTest.epoch, 'bestOnTest'),
      flag(fold.selected.epoch, 'selected'),
      ...curves.flat(),
    ],
  );
}
