/** Charts of spread: a histogram, and a box for each class. */

import type { Distribution, Histogram } from '../../metrics/distribution.js';
import { html, type Markup } from '../../report/page/html.js';
import { chart, round, scale, ticks } from '../../report/page/svg.js';

interface Axis {
  id: string;
  title: string;
  /** Of the values, as the axis names it. */
  unit: string;
  /** A value of the axis as text. */
  format: (value: number) => string;
}

const WIDTH = 460;
const HEIGHT = 200;
const PLOT = { left: 44, right: WIDTH - 10, top: 8, bottom: HEIGHT - 40 };

export function histogramChart({ from, width, counts, open }: Histogram, axis: Axis): Markup {
  const to = from + width * counts.length;
  const most = Math.max(...counts);
  const x = scale(from, to, PLOT.left, PLOT.right);
  const y = scale(0, most, PLOT.bottom, PLOT.top);
  const bars = counts.map((count, i) => {
    const low = from + i * width;
    const last = open && i === counts.length - 1;
    const where = last
      ? `${axis.format(low)} ${axis.unit} and more`
      : `${axis.format(low)} to ${axis.format(low + width)} ${axis.unit}`;
    return (
      count > 0 &&
      html`<rect class="bar ${last ? 'light' : ''}" x="${round(x(low) + 0.5)}" y="${y(count)}" width="${round(Math.max(1, x(low + width) - x(low) - 1))}" height="${round(PLOT.bottom - y(count))}"><title>${where}: ${count}</title></rect>`
    );
  });
  return chart(
    {
      id: axis.id,
      width: WIDTH,
      height: HEIGHT,
      title: axis.title,
      description: counts
        .map((count, i) => (count > 0 ? `${axis.format(from + i * width)} ${axis.unit}: ${count}` : ''))
        .filter((text) => text !== '')
        .join(', '),
    },
    [
      html`${ticks(0, most, 4).map((v) => html`<line class="grid" x1="${PLOT.left}" x2="${PLOT.right}" y1="${y(v)}" y2="${y(v)}"/><text class="tick" x="${PLOT.left - 6}" y="${round(y(v) + 4)}" text-anchor="end">${v}</text>`)}`,
      html`${bars}`,
      xAxis(x, from, to, axis),
    ],
  );
}

function xAxis(x: (value: number) => number, from: number, to: number, axis: Axis): Markup {
  return html`${ticks(from, to, 6).map((v) => html`<text class="tick" x="${x(v)}" y="${PLOT.bottom + 15}" text-anchor="middle">${axis.format(v)}</text>`)}<text class="tick" x="${PLOT.right}" y="${HEIGHT - 6}" text-anchor="end">${axis.unit}</text>`;
}

const ROW = 24;

/** A box from the first to the third quartile with the median, whiskers to the 5th and 95th percentile. */
export function boxChart(rows: readonly { name: string; spread: Distribution }[], axis: Axis): Markup {
  const left = 104;
  const bottom = rows.length * ROW + 6;
  const low = Math.min(...rows.map(({ spread }) => spread.p5));
  const high = Math.max(...rows.map(({ spread }) => spread.p95));
  const x = scale(low, high, left + 6, WIDTH - 12);
  const grid = ticks(low, high, 5).map(
    (v) =>
      html`<line class="grid" x1="${x(v)}" x2="${x(v)}" y1="4" y2="${bottom}"/><text class="tick" x="${x(v)}" y="${bottom + 15}" text-anchor="middle">${axis.format(v)}</text>`,
  );
  const boxes = rows.map(({ name, spread: s }, i) => {
    const y = 6 + i * ROW;
    const middle = y + ROW / 2;
    const short = name.length > 14 ? `${name.slice(0, 13)}\u2026` : name;
    return html`<g><title>${name}: median ${axis.format(s.median)}, half of them ${axis.format(s.p25)} to ${axis.format(s.p75)}, 90 % ${axis.format(s.p5)} to ${axis.format(s.p95)} ${axis.unit}</title><text class="label" x="${left - 4}" y="${middle + 4}" text-anchor="end">${short}</text><line class="whisker" x1="${x(s.p5)}" x2="${x(s.p95)}" y1="${middle}" y2="${middle}"/><rect class="box" x="${x(s.p25)}" y="${y + 5}" width="${round(Math.max(1, x(s.p75) - x(s.p25)))}" height="${ROW - 10}" rx="2"/><line class="median" x1="${x(s.median)}" x2="${x(s.median)}" y1="${y + 4}" y2="${y + ROW - 4}"/></g>`;
  });
  return chart(
    {
      id: axis.id,
      width: WIDTH,
      height: bottom + 36,
      title: axis.title,
      description: rows
        .map(({ name, spread }) => `${name} median ${axis.format(spread.median)} ${axis.unit}`)
        .join(', '),
    },
    [
      ...grid,
      ...boxes,
      html`<text class="tick" x="${WIDTH - 12}" y="${bottom + 31}" text-anchor="end">${axis.unit}</text>`,
    ],
  );
}
