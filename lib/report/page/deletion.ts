/** The deletion test: how far the pooling weights drawn in the spotlights can be trusted. */
import { brackets, percent } from '../format.js';
import type { DeletionOrder, DeletionTest } from '../types.js';
import { html, type Markup } from './html.js';
import { chart, round, scale } from './svg.js';

const WIDTH = 500;
const HEIGHT = 250;
const PLOT = { left: 46, right: WIDTH - 112, top: 24, bottom: HEIGHT - 34 };

const SERIES: readonly { order: DeletionOrder; title: string }[] = [
  { order: 'lowest', title: 'lowest weight' },
  { order: 'random', title: 'elsewhere' },
  { order: 'loudest', title: 'loudest' },
  { order: 'highest', title: 'highest weight' },
];

export function deletionSection(test: DeletionTest | null | undefined): Markup | null {
  if (!test) return null;
  return html`
<section id="deletion" data-nav="Deletion test" class="beside">
  <h2>Do the weights explain anything?</h2>
  <p class="verdict">${verdict(test)}</p>
  <div class="shown">${curves(test)}</div>
  <p class="note">Deletion test on ${test.utterances} held-out utterances of ${test.speakers} speaker${test.speakers !== 1 && 's'}: parts of the recording are cut out, and the model is asked again. Shown is the mean probability of the emotion that it had heard in the whole. "Elsewhere" moves the same pattern of cuts to ${test.draws} random places of the utterance; "loudest" cuts the frames of most sound energy, "lowest" those of lowest weight. A shorter utterance is a harder one whatever is cut: only the distance between curves tells something.</p>
</section>`;
}

/** One sentence on what the figures allow to say, and no more. */
export function verdict({ gap, probability, shares }: DeletionTest): string {
  const points = (value: number) => (100 * value).toFixed(1);
  const { mean, ci95 } = gap.random;
  const last = shares.length - 1;
  const whole = percent(probability.highest[0]!);
  const figures =
    `Without the ${Math.round(100 * shares[last]!)} % of frames of highest weight, the probability of the chosen emotion falls from ` +
    `${whole} to ${percent(probability.highest[last]!)} %; without as many frames elsewhere to ${percent(probability.random[last]!)} %. ` +
    `Over all shares the weighted frames cost ${points(mean)} points more than others` +
    (ci95 ? ` (95 % interval ${brackets(ci95)})` : '');
  if (!ci95) return `${figures}; with so few speakers there is no interval, and so no verdict.`;
  if (ci95[0] > 0)
    return `${figures}: the weights do point to what the decision rests on${against(gap.loudest)}.`;
  if (ci95[1] < 0)
    return `${figures}: what the weights point to matters less than the rest. Do not read them as an explanation.`;
  return `${figures}: no more than chance would. Do not read the weights as an explanation.`;
}

/** Loud frames are where speech is; weights that find no more than that explain little. */
function against({ mean, ci95 }: DeletionTest['gap']['loudest']): string {
  const figures = `${(100 * mean).toFixed(1)} points${ci95 ? ` ${brackets(ci95)}` : ''}`;
  if (ci95 && ci95[0] > 0) return `, and more so than loudness does (by ${figures})`;
  if (ci95 && ci95[1] < 0) return `, yet less than loudness alone does (${figures})`;
  return `, though no better than loudness alone does (${figures})`;
}

function curves({ shares, probability }: DeletionTest): Markup {
  const all = SERIES.flatMap(({ order }) => probability[order]);
  const low = Math.max(0, Math.floor(10 * Math.min(...all) - 0.5) / 10);
  const high = Math.min(1, Math.ceil(10 * Math.max(...all)) / 10);
  const x = scale(0, shares.at(-1)!, PLOT.left, PLOT.right);
  const y = scale(low, high, PLOT.bottom, PLOT.top);
  const lines: number[] = [];
  for (let v = Math.round(10 * low); v <= Math.round(10 * high); v += high - low > 0.6 ? 2 : 1)
    lines.push(v / 10);
  const vertical = lines.map(
    (v) =>
      html`<line class="grid" x1="${PLOT.left}" x2="${PLOT.right}" y1="${y(v)}" y2="${y(v)}"/><text class="tick" x="${PLOT.left - 6}" y="${y(v) + 4}" text-anchor="end">${Math.round(100 * v)} %</text>`,
  );
  const horizontal = shares.map(
    (share) =>
      html`<text class="tick" x="${x(share)}" y="${PLOT.bottom + 15}" text-anchor="middle">${Math.round(100 * share)} %</text>`,
  );
  const places = apart(SERIES.map(({ order }) => y(probability[order].at(-1)!)));
  const drawn = SERIES.map(({ order, title }, i) => {
    const points = shares.map((share, s) => `${x(share)},${y(probability[order][s]!)}`);
    return html`<polyline class="line cut-${order}" points="${points.join(' ')}"/>${shares.map((share, s) => html`<circle class="cut-${order}" cx="${x(share)}" cy="${y(probability[order][s]!)}" r="2.6"/>`)}<text class="end cut-${order}" x="${PLOT.right + 10}" y="${round(places[i]! + 4)}">${title}</text>`;
  });
  return html`<figure class="deletion">${chart(
    {
      id: 'deletion-curves',
      width: WIDTH,
      height: HEIGHT,
      title: 'Probability of the chosen emotion as frames are cut out',
      description: SERIES.map(
        ({ order, title }) => `${title}: ${probability[order].map((p) => percent(p)).join(', ')}`,
      ).join('; '),
    },
    [
      ...vertical,
      ...horizontal,
      html`<text class="tick" x="${PLOT.right}" y="${HEIGHT - 3}" text-anchor="end">of the frames cut out</text>`,
      html`<text class="tick" x="0" y="9">probability of the chosen emotion</text>`,
      ...drawn,
    ],
  )}</figure>`;
}

/** Moves labels that would cover each other apart, keeping their order. */
function apart(places: readonly number[]): number[] {
  const moved = [...places];
  const order = places.map((_, i) => i).sort((a, b) => places[a]! - places[b]!);
  order.forEach((i, rank) => {
    const above = order[rank - 1];
    if (above !== undefined) moved[i] = Math.max(moved[i]!, moved[above]! + 15);
  });
  return moved;
}
