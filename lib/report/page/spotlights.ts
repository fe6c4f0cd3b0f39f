/** Utterances with the pooling weights drawn over the waveform and the spectrogram. */
import { percent } from '../format.js';
import type { SpotlightExample } from '../types.js';
import { html, type Markup } from './html.js';
import { chart, round, scale, ticks } from './svg.js';

const WIDTH = 310;
const MIDDLE = 54;
const REACH = 48;
const BASE = MIDDLE + REACH;
/** The spectrogram lies under the waveform, on the same seconds. */
const PICTURE = { top: BASE + 6, height: 62 };
const AXIS = 20;

const GROUPS: readonly { why: NonNullable<SpotlightExample['why']>; title: string }[] = [
  { why: 'right', title: 'Most certain, and right' },
  { why: 'wrong', title: 'Most certain, and wrong' },
  { why: 'unsure', title: 'Least certain' },
];

/** @param audio WAV files, base64, by utterance id; players only for these */
export function spotlightsSection(
  examples: readonly SpotlightExample[],
  audio: Readonly<Record<string, string>> = {},
): Markup | null {
  if (examples.length === 0) return null;
  const kind = ({ why, label, predicted }: SpotlightExample) =>
    why ?? (label === predicted ? 'right' : 'wrong');
  const weighted = examples.some(({ weights }) => weights.length > 0);
  const group = ({ why, title }: (typeof GROUPS)[number]) => {
    const some = examples
      .map((example, i) => ({ example, i }))
      .filter(({ example }) => kind(example) === why);
    return (
      some.length > 0 &&
      html`<h3>${title}</h3><div class="spots">${some.map(({ example, i }) => spotlight(example, i, audio[example.id]))}</div>`
    );
  };
  return html`
<section id="spotlights">
  <h2>Spotlights</h2>
  <p class="note">${weighted ? html`The waveform in grey, below it the spectrogram (the louder the stronger, high is up); over both, the weight that pooling gives each moment. Dashed: the weight that all frames would have if they counted alike. <strong>A high weight is no proof that the model decided by what is heard there</strong>: before FLAM weighs the frames, its self-attention has mixed each with all others.` : 'The waveform, and below it the spectrogram (the louder the stronger, high is up).'}</p>
  ${GROUPS.map(group)}
</section>`;
}

function spotlight(example: SpotlightExample, index: number, wav: string | undefined): Markup {
  const right = example.label === example.predicted;
  const verdict = right
    ? html`<strong>${example.label}</strong>, recognised`
    : html`<strong>${example.label}</strong>, taken for <strong>${example.predicted}</strong>`;
  const player =
    wav !== undefined &&
    html`<audio controls preload="none" src="data:audio/wav;base64,${wav}" aria-label="${example.id}"></audio>`;
  return html`<figure class="spot"><figcaption><span class="badge ${right ? 'right' : 'wrong'}" aria-hidden="true">${right ? '\u2713' : '\u2717'}</span> ${verdict} <small>${percent(example.confidence)} % sure · ${example.id} · fold ${example.fold}</small></figcaption>${drawing(example, index)}${player}</figure>`;
}

function drawing(example: SpotlightExample, index: number): Markup {
  const { duration, weights, spectrogram } = example;
  const x = scale(0, duration, 4, WIDTH - 4);
  const bottom = spectrogram ? PICTURE.top + PICTURE.height : BASE;
  const heaviest = weights.reduce((best, weight, i) => (weight > weights[best]! ? i : best), 0);
  const most = weights[heaviest] ?? 0;
  const peak = weights.length > 0 ? ((heaviest + 0.5) * duration) / weights.length : 0;
  // Full height is the heaviest frame, or four times the even weight where no frame stands out: flat must look flat.
  const even = weights.length > 0 ? 1 / weights.length : 0;
  const top = Math.max(most, 4 * even);
  const y = scale(0, top, BASE, MIDDLE - REACH);
  const overPicture = scale(0, top, bottom, PICTURE.top);
  const times = ticks(0, duration, 5).map(
    (t) =>
      html`<line class="grid" x1="${x(t)}" x2="${x(t)}" y1="${bottom}" y2="${bottom + 4}"/><text class="tick" x="${x(t)}" y="${bottom + AXIS - 3}" text-anchor="${t === 0 ? 'start' : x(t) > WIDTH - 14 ? 'end' : 'middle'}">${t}${t === 0 ? ' s' : ''}</text>`,
  );
  const layer = weights.length > 0;
  return chart(
    {
      id: `spot-${index}`,
      width: WIDTH,
      height: bottom + AXIS,
      title: `${example.id}: waveform${spectrogram ? ', spectrogram' : ''}${layer ? ' and pooling weights' : ''}`,
      description: layer
        ? `${duration.toFixed(1)} seconds; the heaviest frame is at ${peak.toFixed(1)} seconds, ${(most / even).toFixed(1)} times the even weight.`
        : `${duration.toFixed(1)} seconds.`,
    },
    [
      html`<path class="wave" d="${wavePath(example.envelope)}"/>`,
      html`${layer && html`<path class="weight" d="${areaPath(weights, duration, x, y)}"/><line class="level" x1="4" x2="${WIDTH - 4}" y1="${y(even)}" y2="${y(even)}"/>`}`,
      html`${spectrogram && html`<image class="spectrogram" x="4" y="${PICTURE.top}" width="${WIDTH - 8}" height="${PICTURE.height}" preserveAspectRatio="none" href="data:image/png;base64,${spectrogram.png}"/>`}`,
      html`${spectrogram && layer && html`<path class="over halo" d="${linePath(weights, duration, x, overPicture)}"/><path class="over" d="${linePath(weights, duration, x, overPicture)}"/>`}`,
      html`<line class="grid" x1="4" x2="${WIDTH - 4}" y1="${bottom}" y2="${bottom}"/>`,
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

/** Middles of frames; neighbours are drawn as one where there are more than pixels, by their largest weight. */
function points(
  weights: readonly number[],
  duration: number,
  x: (t: number) => number,
  y: (w: number) => number,
): string {
  const per = Math.max(1, Math.ceil(weights.length / 400));
  const found: string[] = [];
  for (let i = 0; i < weights.length; i += per) {
    const end = Math.min(i + per, weights.length);
    const weight = Math.max(...weights.slice(i, end));
    found.push(`${x((((i + end) / 2) * duration) / weights.length)},${y(weight)}`);
  }
  return found.join('L');
}

function areaPath(...args: Parameters<typeof points>): string {
  const [, duration, x] = args;
  return `M${round(x(0))},${BASE}L${points(...args)}L${round(x(duration))},${BASE}Z`;
}

const linePath = (...args: Parameters<typeof points>) => `M${points(...args)}`;
