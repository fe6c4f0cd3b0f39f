/** Utterances with the pooling weights drawn over the waveform. */
import { percent } from '../format.js';
import type { SpotlightExample } from '../types.js';
import { html, type Markup } from './html.js';
import { chart, round, scale, ticks } from './svg.js';

const WIDTH = 310;
const HEIGHT = 132;
const MIDDLE = 62;
const REACH = 50;
const BASE = MIDDLE + REACH;

export function spotlightsSection(examples: readonly SpotlightExample[]): Markup | null {
  if (examples.length === 0) return null;
  const right = examples.filter((example) => example.label === example.predicted);
  const wrong = examples.filter((example) => example.label !== example.predicted);
  const group = (title: string, some: readonly SpotlightExample[], first: number) =>
    some.length > 0 &&
    html`<h3>${title}</h3><div class="spots">${some.map((example, i) => spotlight(example, first + i))}</div>`;
  return html`
<section>
  <h2>Spotlights</h2>
  <p class="note">The waveform in grey; over it, the weight that pooling gives each moment. Dashed: the weight that all frames would have if they counted alike. <strong>A high weight is no proof that the model decided by what is heard there</strong>: before FLAM weighs the frames, its self-attention has mixed each with all others.</p>
  ${group('Recognised', right, 0)}
  ${group('Mistaken', wrong, right.length)}
</section>`;
}

function spotlight(example: SpotlightExample, index: number): Markup {
  const right = example.label === example.predicted;
  const verdict = right
    ? html`<strong>${example.label}</strong>, recognised`
    : html`<strong>${example.label}</strong>, taken for <strong>${example.predicted}</strong>`;
  return html`<figure class="spot"><figcaption><span class="badge ${right ? 'right' : 'wrong'}" aria-hidden="true">${right ? '\u2713' : '\u2717'}</span> ${verdict} <small>${percent(example.confidence)} % sure · ${example.id} · fold ${example.fold}</small></figcaption>${drawing(example, index)}</figure>`;
}

function drawing(example: SpotlightExample, index: number): Markup {
  const { duration, weights } = example;
  const x = scale(0, duration, 4, WIDTH - 4);
  const heaviest = weights.reduce((best, weight, i) => (weight > weights[best]! ? i : best), 0);
  const most = weights[heaviest] ?? 0;
  const peak = weights.length > 0 ? ((heaviest + 0.5) * duration) / weights.length : 0;
  // Full height is the heaviest frame, or four times the even weight where no frame stands out: flat must look flat.
  const even = weights.length > 0 ? 1 / weights.length : 0;
  const y = scale(0, Math.max(most, 4 * even), BASE, MIDDLE - REACH);
  const times = ticks(0, duration, 5).map(
    (t) =>
      html`<line class="grid" x1="${x(t)}" x2="${x(t)}" y1="${BASE}" y2="${BASE + 4}"/><text class="tick" x="${x(t)}" y="${HEIGHT - 3}" text-anchor="${t === 0 ? 'start' : x(t) > WIDTH - 14 ? 'end' : 'middle'}">${t}${t === 0 ? ' s' : ''}</text>`,
  );
  const weightLayer =
    weights.length > 0
      ? html`<path class="weight" d="${areaPath(weights, duration, x, y)}"/><line class="level" x1="4" x2="${WIDTH - 4}" y1="${y(even)}" y2="${y(even)}"/>`
      : null;
  return chart(
    {
      id: `spot-${index}`,
      width: WIDTH,
      height: HEIGHT,
      title: `${example.id}: waveform and pooling weights`,
      description:
        weights.length === 0
          ? `${duration.toFixed(1)} seconds.`
          : `${duration.toFixed(1)} seconds; the heaviest frame is at ${peak.toFixed(1)} seconds, ${(most / even).toFixed(1)} times the even weight.`,
    },
    [
      html`<path class="wave" d="${wavePath(example.envelope)}"/>`,
      html`${weightLayer}`,
      html`<line class="grid" x1="4" x2="${WIDTH - 4}" y1="${BASE}" y2="${BASE}"/>`,
      ...times,
    ],
  );
}

/** A closed outline: along the maxima and back along the minima, the loudest sample at full height. */
function wavePath(envelope: readonly (readonly [number, number])[]): string {
  if (envelope.length === 0) return '';
  const loudest = Math.max(...envelope.map(([low, high]) => Math.max(-low, high)), 1e-9);
  const x = scale(0, envelope.length, 4, WIDTH - 4);
  const y = scale(-loudest, loudest, BASE, MIDDLE - REACH);
  const upper = envelope.map(([, high], i) => `${x(i + 0.5)},${y(high)}`);
  const lower = envelope.map(([low], i) => `${x(i + 0.5)},${y(low)}`).reverse();
  return `M${upper.join('L')}L${lower.join('L')}Z`;
}

/** Neighbouring frames are drawn as one where there are more than pixels, by their largest weight. */
function areaPath(
  weights: readonly number[],
  duration: number,
  x: (t: number) => number,
  y: (w: number) => number,
): string {
  const per = Math.max(1, Math.ceil(weights.length / 400));
  const points: string[] = [];
  for (let i = 0; i < weights.length; i += per) {
    const end = Math.min(i + per, weights.length);
    const weight = Math.max(...weights.slice(i, end));
    points.push(`${x((((i + end) / 2) * duration) / weights.length)},${y(weight)}`);
  }
  return `M${round(x(0))},${BASE}L${points.join('L')}L${round(x(duration))},${BASE}Z`;
}
