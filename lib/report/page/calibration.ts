/** Reliability diagrams: whether "80 % sure" is right four times in five, before and after temperature. */
import { percent } from '../format.js';
import type { Calibration, RunReport } from '../types.js';
import { html, type Markup } from './html.js';
import { chart, scale } from './svg.js';

const SIZE = 300;
const LEFT = 44;
const PLOT = { left: LEFT, right: SIZE - 10, top: 20, bottom: SIZE - 74 };
/** The strip below that tells how many utterances a bin has. */
const COUNTS = { top: SIZE - 52, bottom: SIZE - 26 };

export function calibrationSection({ calibration }: RunReport): Markup | null {
  if (!calibration) return null;
  const { plain, scaled, temperatures } = calibration;
  const told = temperatures && temperatures.length > 0 ? temperatureRange(temperatures) : null;
  return html`
<section id="certainty">
  <h2>Certainty</h2>
  <p class="note">How often the model is right (bar) where it is so sure of its answer (position). On the diagonal its probabilities can be taken at their word; below it is too sure, above not sure enough. ECE is the mean distance from the diagonal, Brier the squared error of all probabilities; lower is better for both.${told && html` Temperature was fitted on each fold's validation part (${told}); above 1 it makes answers less sure, and never changes which one is given.`}</p>
  <div class="columns certainty">
    ${diagram('plain', scaled ? 'As trained' : 'All held-out predictions', plain)}
    ${scaled && diagram('scaled', 'After temperature', scaled)}
  </div>
</section>`;
}

function temperatureRange(temperatures: readonly number[]): string {
  const low = Math.min(...temperatures).toFixed(2);
  const high = Math.max(...temperatures).toFixed(2);
  return low === high ? low : `${low} to ${high}`;
}

function diagram(id: string, title: string, { ece, brier, bins }: Calibration): Markup {
  const x = scale(0, 1, PLOT.left, PLOT.right);
  const y = scale(0, 1, PLOT.bottom, PLOT.top);
  const most = Math.max(1, ...bins.map(({ n }) => n));
  const height = scale(0, most, 0, COUNTS.bottom - COUNTS.top);
  const grid = [0, 0.25, 0.5, 0.75, 1].map(
    (v) =>
      html`<line class="grid" x1="${PLOT.left}" x2="${PLOT.right}" y1="${y(v)}" y2="${y(v)}"/><text class="tick" x="${PLOT.left - 6}" y="${y(v) + 4}" text-anchor="end">${100 * v}</text><text class="tick" x="${x(v)}" y="${SIZE - 14}" text-anchor="middle">${100 * v}</text>`,
  );
  const bars = bins.map(({ low, high, n, confidence, accuracy }) => {
    const left = x(low) + 1;
    const width = Math.max(1, x(high) - x(low) - 2);
    const share = Math.max(height(n), n > 0 ? 1 : 0);
    return html`<g><title>${percent(low)} to ${percent(high)} % sure: ${n} utterances, ${percent(accuracy)} % right, ${percent(confidence)} % sure on average</title><rect class="bar" x="${left}" y="${y(accuracy)}" width="${width}" height="${y(0) - y(accuracy)}"/><rect class="bar light" x="${left}" y="${COUNTS.bottom - share}" width="${width}" height="${share}"/><circle class="sure" cx="${x(confidence)}" cy="${y(accuracy)}" r="3"/></g>`;
  });
  return html`<figure class="reliability"><figcaption>${title} <small>ECE ${percent(ece)} %, Brier ${brier.toFixed(3)}</small></figcaption>${chart(
    {
      id: `reliability-${id}`,
      width: SIZE,
      height: SIZE,
      title: `Reliability, ${title.toLowerCase()}`,
      description: bins
        .map(
          ({ n, confidence, accuracy }) =>
            `${percent(confidence)} % sure: ${percent(accuracy)} % right of ${n}`,
        )
        .join('; '),
    },
    [
      ...grid,
      ...bars,
      html`<line class="diagonal" x1="${x(0)}" x2="${x(1)}" y1="${y(0)}" y2="${y(1)}"/>`,
      html`<text class="tick" x="${PLOT.left}" y="${COUNTS.top - 4}">utterances, most ${most}</text><text class="tick" x="${PLOT.right}" y="${SIZE - 1}" text-anchor="end">% sure</text><text class="tick" x="0" y="8">% right</text>`,
    ],
  )}</figure>`;
}
