/** One figure of several runs along a scale: noise levels, or shares of the training data. */
import { percent } from '../format.js';
import { html, type Markup } from './html.js';
import { chart, polylines, round, scale, ticks } from './svg.js';

export interface ChartPoint {
  x: number;
  /** Fraction; null leaves a gap. */
  y: number | null;
  /** Low and high end of its interval. */
  range?: readonly [number, number] | null;
}

export interface ChartSeries {
  name: string;
  points: readonly ChartPoint[];
}

export interface ComparisonChart {
  /** Unique in the page. */
  id: string;
  title: string;
  /** Of the vertical axis, e.g. `UA, %`. */
  unit: string;
  /** Of the horizontal axis. */
  axis: string;
  marks: readonly { x: number; label: string }[];
  series: readonly ChartSeries[];
  /** Drawn across, dashed. */
  chance?: number;
}

/** Classes of the style sheet with a colour and dashes each. */
const KINDS = ['validation', 'test', 'kl', 'focal', 'center', 'total', 'supcon'];
const WIDTH = 760;
const HEIGHT = 300;
const PLOT = { left: 44, right: WIDTH - 16, top: 22, bottom: HEIGHT - 44 };
/** Series of one place stand this far apart, so that their intervals are told apart. */
const APART = 7;

/** The chart with its legend; intervals are thin bars. */
export function comparisonChart(input: ComparisonChart): Markup {
  const { series, marks } = input;
  const all = series.flatMap(({ points }) => points);
  const highest = Math.max(...all.map(({ y, range }) => range?.[1] ?? y ?? 0), input.chance ?? 0);
  const top = Math.min(1, Math.ceil(highest * 10 + 0.2) / 10);
  const xs = marks.map(({ x }) => x);
  const x = scale(Math.min(...xs), Math.max(...xs), PLOT.left + 24, PLOT.right - 24);
  const y = scale(0, top, PLOT.bottom, PLOT.top);
  const grid = ticks(0, top, 5).map(
    (v) =>
      html`<line class="grid" x1="${PLOT.left}" x2="${PLOT.right}" y1="${y(v)}" y2="${y(v)}"/><text class="tick" x="${PLOT.left - 6}" y="${y(v) + 4}" text-anchor="end">${Math.round(100 * v)}</text>`,
  );
  const labels = marks.map(
    (mark) =>
      html`<text class="tick" x="${x(mark.x)}" y="${PLOT.bottom + 16}" text-anchor="middle">${mark.label}</text>`,
  );
  const chance =
    input.chance === undefined
      ? null
      : html`<line class="mark" x1="${PLOT.left}" x2="${PLOT.right}" y1="${y(input.chance)}" y2="${y(input.chance)}"/><text class="tick" x="${PLOT.left + 2}" y="${y(input.chance) - 4}">chance ${percent(input.chance)}</text>`;
  const curves = series.map(({ points }, index) => {
    const shift = (index - (series.length - 1) / 2) * APART;
    const at = (point: ChartPoint) => round(x(point.x) + shift);
    const kind = kindOf(index);
    return [
      ...points.map(
        (point) =>
          point.range &&
          html`<line class="line ${kind}" opacity=".45" x1="${at(point)}" x2="${at(point)}" y1="${y(point.range[0])}" y2="${y(point.range[1])}"/>`,
      ),
      ...polylines(
        points.map((point) => [at(point), point.y === null ? Number.NaN : y(point.y)] as const),
        kind,
      ),
      ...points.map(
        (point) =>
          point.y !== null && html`<circle class="dot ${kind}" cx="${at(point)}" cy="${y(point.y)}" r="3"/>`,
      ),
    ];
  });
  const told = series.map(
    ({ name, points }) =>
      `${name}: ${points.map((point) => `${percent(point.y)} at ${marks.find((mark) => mark.x === point.x)?.label}`).join(', ')}`,
  );
  const legend = series.map(
    ({ name }, index) =>
      html`<span><svg viewBox="0 0 26 8"><line class="line ${kindOf(index)}" x1="1" x2="25" y1="4" y2="4"/></svg>${name}</span>`,
  );
  return html`<p class="legend" aria-hidden="true">${legend}</p>${chart(
    {
      id: input.id,
      kind: 'strip',
      width: WIDTH,
      height: HEIGHT,
      title: input.title,
      description: `${told.join('. ')}.`,
    },
    [
      ...grid,
      ...labels,
      html`<text class="tick" x="${PLOT.right}" y="${HEIGHT - 8}" text-anchor="end">${input.axis}</text><text class="tick" x="0" y="10">${input.unit}</text>`,
      html`${chance}`,
      html`${curves.flat()}`,
    ],
  )}`;
}

const kindOf = (index: number) => KINDS[index % KINDS.length]!;
