/** Embeddings of held-out utterances in the plane, a map for each fold. */
import { percent } from '../format.js';
import type { EmbeddingMap, RunReport } from '../types.js';
import { html, type Markup } from './html.js';
import { chart, round, scale, shorten } from './svg.js';

const WIDTH = 500;
const HEIGHT = 360;
const EDGE = 16;
/** Colours of the style sheet; more classes begin again. */
const COLOURS = 8;

/**
 * One map at a time, chosen by radio buttons that need no script; on paper all of them. Each fold has a model and so a space
 * of its own: places in two maps have nothing to do with each other.
 */
export function embeddingSection(report: RunReport, maps: readonly EmbeddingMap[]): Markup | null {
  if (maps.length === 0) return null;
  const sampled = maps.some((map) => map.points.length < map.n);
  const { neighbours } = maps[0]!;
  const chance = report.pooled.selected.confusion.reduce((sum, row) => {
    const support = row.reduce((total, cell) => total + cell, 0);
    return sum + (support / report.pooled.selected.n) ** 2;
  }, 0);
  return html`
<section id="map" class="beside">
  <h2>Embedding map</h2>
  <p class="note">Held-out utterances of a fold, placed by UMAP so that embeddings which are close stay close. Colour: the true emotion; rings: taken for another. Every fold has a model and an embedding space of its own, so there is a map for each, and places in two maps do not compare. Distances between clumps mean little. In the space itself, ${percent(meanAgreement(maps))} % of an utterance's ${neighbours} nearest neighbours are of its emotion (chance ${percent(chance)} %).${sampled && ` Drawn: a random part of each fold.`}${maps.length < new Set(report.folds.map(({ fold }) => fold)).size && ` Drawn: ${maps.length} of the folds.`}</p>
  <p class="legend" aria-hidden="true">${report.classes.map((name, c) => html`<span><svg viewBox="0 0 26 8"><circle class="ring c${c % COLOURS} known" cx="13" cy="4" r="2.4"/></svg>${name}</span>`)}<span><svg viewBox="0 0 26 8"><circle class="ring plainring" cx="13" cy="4" r="3.4"/></svg>mistaken</span></p>
  <div class="shown">${maps.length === 1 ? html`<div class="panes one">${pane(report, maps[0]!, 0)}</div>` : chooser(report, maps)}</div>
</section>`;
}

function meanAgreement(maps: readonly EmbeddingMap[]): number {
  const points = maps.reduce((sum, map) => sum + map.points.length, 0);
  return maps.reduce((sum, map) => sum + map.agreement * map.points.length, 0) / points;
}

function chooser(report: RunReport, maps: readonly EmbeddingMap[]): Markup {
  return html`<fieldset class="chooser"><legend>Fold</legend>${maps.map((map, i) => html`<input type="radio" name="map" id="map-${i}"${i === 0 && html` checked`}><label for="map-${i}">${map.fold}</label>`)}<div class="panes">${maps.map((map, i) => pane(report, map, i))}</div></fieldset>`;
}

function pane({ classes }: RunReport, map: EmbeddingMap, index: number): Markup {
  const x = scale(0, 1, EDGE, WIDTH - EDGE);
  const y = scale(0, 1, HEIGHT - EDGE, EDGE);
  const right = map.points.filter((point) => point.label === point.predicted);
  const wrong = map.points.filter((point) => point.label !== point.predicted);
  // All right ones of a class are one path of zero-length strokes with round ends: a tenth of the bytes of circles.
  const dots = classes.map((name, c) => {
    const d = right.filter(({ label }) => label === name).map((p) => `M${x(p.x)},${y(p.y)}h0`);
    return d.length > 0 && html`<path class="dots c${c % COLOURS}" d="${d.join('')}"/>`;
  });
  const rings = wrong.map(
    (p) =>
      html`<circle class="ring c${classes.indexOf(p.label) % COLOURS}" cx="${x(p.x)}" cy="${y(p.y)}" r="2.6"><title>${p.id}: ${p.label}, taken for ${p.predicted}</title></circle>`,
  );
  const names = apart(
    classes.flatMap((name) => {
      const own = map.points.filter(({ label }) => label === name);
      if (own.length < 3) return [];
      const middle = (values: number[]) => values.sort((a, b) => a - b)[Math.floor(values.length / 2)]!;
      return [{ name, x: x(middle(own.map((p) => p.x))), y: y(middle(own.map((p) => p.y))) + 4 }];
    }),
  ).map(
    (label) =>
      html`<text class="place" x="${round(label.x)}" y="${round(label.y)}" text-anchor="middle">${shorten(label.name, 16)}</text>`,
  );
  return html`<figure class="pane"><figcaption>Fold ${map.fold} <small>model of epoch ${map.epoch} · ${map.points.length === map.n ? `${map.n} utterances` : `${map.points.length} of ${map.n} utterances`} · ${percent(map.agreement)} % of neighbours are of the same emotion</small></figcaption>${chart(
    {
      id: `embedding-${index}`,
      width: WIDTH,
      height: HEIGHT,
      title: `Embedding map of fold ${map.fold}`,
      description: `${map.points.length} held-out utterances, ${wrong.length} of them mistaken.`,
    },
    [
      html`<rect class="frame" x="0.5" y="0.5" width="${WIDTH - 1}" height="${HEIGHT - 1}" rx="8"/>`,
      html`${dots}`,
      ...rings,
      html`${names}`,
    ],
  )}</figure>`;
}

interface Label {
  name: string;
  x: number;
  y: number;
}

/** Height of a line of names, in SVG units. */
const LINE = 13;

/** Names of classes that lie on each other, moved down until they can be read. */
export function apart(labels: readonly Label[]): Label[] {
  const placed: Label[] = [];
  for (const label of [...labels].sort((a, b) => a.y - b.y)) {
    const covers = (other: Label) =>
      Math.abs(other.x - label.x) < 3.4 * (other.name.length + label.name.length) &&
      // A line below is exactly a line away but for rounding, which must not count as lying on it: that would never end.
      Math.abs(other.y - label.y) < LINE - 0.01;
    for (let blocking = placed.find(covers); blocking; blocking = placed.find(covers))
      label.y = blocking.y + LINE;
    placed.push(label);
  }
  return placed;
}
