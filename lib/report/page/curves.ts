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
/** Folds drawn at all: of a protocol of hundreds, the rest stands in metrics.jsonl. */
const DRAWN = 48;
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
  const drawn = folds.slice(0, DRAWN);
  const figures = drawn.map(({ fold, lines }) => foldCurves(report, fold, lines, used));
  const left = folds.length - drawn.length;
  const legend = [
    ...(used.length > 1 ? [{ title: 'training, total', kind: 'total' }] : []),
    ...used.map(({ title, name }) => ({ title: `training, ${title}`, kind: name })),
    ...(validated ? [{ title: 'validation', kind: 'validation' }] : []),
    { title: 'test', kind: 'test' },
    { title: 'training (WA)', kind: 'training' },
  ];
  return html`
<section id="curves" class="curves">
  <h2>Learning curves</h2>
  <p class="note">Training losses are as they enter the total, each scaled to about 0 to 1.${validated && ` The validation loss is the plain KL in nats; a guess costs ln ${report.classes.length} = ${Math.log(report.classes.length).toFixed(2)}.`} Training WA is on mixed and augmented audio.</p>
  <p class="legend" aria-hidden="true">${legend.map(({ title, kind }) => html`<span><svg viewBox="0 0 26 8"><line class="line ${kind}" x1="1" x2="25" y1="4" y2="4"/></svg>${title}</span>`)}<span><svg viewBox="0 0 26 8"><path class="flag selected" d="M9,0h8l-4,8z"/></svg>${selectionName(report, 'selected').toLowerCase()}</span><span><svg viewBox="0 0 26 8"><path class="flag bestOnTest" d="M9,0h8l-4,8z"/></svg>best on test</span></p>
  ${figures.slice(0, SHOWN)}
  ${figures.length > SHOWN && html`<details><summary>${figures.length - SHOWN} more folds</summary>${figures.slice(SHOWN)}</details>`}
  <details><summary>Losses unscaled, on a logarithmic axis</summary><p class="note">As they are before each is brought to about 0 to 1. Their height tells nothing against each other's.</p><div class="thirds">${drawn.map(({ fold, lines }) => rawCurves(report, fold, lines, used))}</div></details>
  ${left > 0 && html`<p class="note">The curves of ${left} more folds are in metrics.jsonl.</p>`}
</section>`;
}

/** The losses as they are, over decades. */
function rawCurves(
  report: RunReport,
  fold: FoldReport,
  lines: readonly EpochLine[],
  used: typeof LOSSES,
): Markup {
  const width = 300;
  const height = 170;
  const plot = { left: 40, right: width - 6, top: 16, bottom: height - 24 };
  const positive = used
    .flatMap(({ name }) => lines.map((line) => line.train.raw[name]))
    .filter((value) => value > 0 && Number.isFinite(value));
  const low = Math.floor(Math.log10(Math.max(1e-6, Math.min(...positive, 1))));
  const high = Math.max(low + 1, Math.ceil(Math.log10(Math.max(...positive, 1))));
  const x = scale(lines[0]!.epoch, Math.max(lines.at(-1)!.epoch, lines[0]!.epoch + 1), plot.left, plot.right);
  const y = scale(low, high, plot.bottom, plot.top);
  const decades = Array.from({ length: high - low + 1 }, (_, i) => low + i).map(
    (decade) =>
      html`<line class="grid" x1="${plot.left}" x2="${plot.right}" y1="${y(decade)}" y2="${y(decade)}"/><text class="tick" x="${plot.left - 6}" y="${y(decade) + 4}" text-anchor="end">${Number((10 ** decade).toPrecision(1))}</text>`,
  );
  const curves = used.flatMap(({ name }) =>
    polylines(
      lines.map((line) => {
        const value = line.train.raw[name];
        return [
          x(line.epoch),
          value > 0 && Number.isFinite(value) ? y(Math.max(low, Math.log10(value))) : Number.NaN,
        ] as const;
      }),
      name,
    ),
  );
  const name = foldName(report, fold);
  const told = used.map(
    ({ name: loss, title }) =>
      `${title} ${say(lines[0]!.train.raw[loss])} to ${say(lines.at(-1)!.train.raw[loss])}`,
  );
  return html`<figure><figcaption>${name}</figcaption>${chart(
    {
      id: `raw-${fold.seed}-${fold.fold}`,
      width,
      height,
      title: `${name}: losses unscaled`,
      description: `${told.join(', ')}.`,
    },
    [
      ...decades,
      html`<text class="tick" x="${plot.right}" y="${height - 4}" text-anchor="end">epoch ${lines.at(-1)!.epoch}</text><text class="tick" x="${plot.left}" y="${height - 4}">${lines[0]!.epoch}</text>`,
      ...curves,
    ],
  )}</figure>`;
}

const say = (value: number) => (Number.isFinite(value) ? value.toPrecision(3) : 'none');

function foldName(report: RunReport, { fold, seed }: FoldReport): string {
  return report.seeds.length > 1 ? `Fold ${fold}, seed ${seed}` : `Fold ${fold}`;
}

function foldCurves(
  report: RunReport,
  fold: FoldReport,
  lines: readonly EpochLine[],
  used: typeof LOSSES,
): Markup {
  const name = foldName(report, fold);
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
      const figure = (v: number) => (top === 1 && unit !== 'loss' ? percent(v) : v.toFixed(2));
      return `${name} ${Number.isFinite(from) ? `from ${figure(from!)} ` : ''}to ${figure(to)}`;
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
