/** Recall and precision of every emotion: which ones the model finds, and which it can be believed about. */
import { classScores } from '../../metrics/index.js';
import { DASH, percent } from '../format.js';
import type { ClassScores, RunReport } from '../types.js';
import { html, type Markup } from './html.js';
import { chart, scale, shorten } from './svg.js';

const WIDTH = 500;
const LEFT = 104;
const ROW = 30;

/** Of the validation-selected epoch's predictions, best recognised first. */
export function classesSection(report: RunReport): Markup {
  const rows = perClass(report).sort((a, b) => (b.recall ?? -1) - (a.recall ?? -1));
  const x = scale(0, 1, LEFT, WIDTH - 92);
  const bottom = rows.length * ROW + 4;
  const chance = 1 / report.classes.length;
  const axis = [0, 0.25, 0.5, 0.75, 1].map(
    (v) =>
      html`<line class="grid" x1="${x(v)}" x2="${x(v)}" y1="4" y2="${bottom}"/><text class="tick" x="${x(v)}" y="${bottom + 14}" text-anchor="middle">${100 * v} %</text>`,
  );
  const bars = rows.map(({ name, recall, precision, support }, i) => {
    const y = 4 + i * ROW + ROW / 2;
    const diamond =
      precision === null
        ? null
        : html`<path class="precision" d="M${x(precision)},${y - 7}l6,7l-6,7l-6,-7Z"/>`;
    return html`<g><title>${name}: recall ${percent(recall)} %, precision ${percent(precision)} %, ${support} utterances</title><text class="label" x="${LEFT - 12}" y="${y + 4}" text-anchor="end">${shorten(name, 13)}</text><rect class="bar" x="${x(0)}" y="${y - 8}" width="${x(recall ?? 0) - x(0)}" height="16" rx="2"/>${diamond}<text class="value" x="${WIDTH - 82}" y="${y + 4}">${recall === null ? DASH : percent(recall)} / ${percent(precision)}</text></g>`;
  });
  return html`
<section id="emotions">
  <h2>Emotions</h2>
  <p class="note">Bar: recall, the share of an emotion's utterances that are recognised. Diamond: precision, the share of what is taken for it that is right. Dotted: recall by chance. At the right, both in percent.</p>
  ${chart(
    {
      id: 'classes',
      kind: 'narrow',
      width: WIDTH,
      height: bottom + 20,
      title: 'Recall and precision of each emotion',
      description: rows
        .map(
          ({ name, recall, precision }) =>
            `${name}: recall ${percent(recall)}, precision ${percent(precision)}`,
        )
        .join('; '),
    },
    [
      ...axis,
      ...bars,
      html`<line class="mark dotted" x1="${x(chance)}" x2="${x(chance)}" y1="2" y2="${bottom}"/>`,
    ],
  )}
</section>`;
}

function perClass({ perClass: given, classes, pooled }: RunReport): ClassScores[] {
  return given
    ? [...given]
    : classes.map((name, c) => ({ name, ...classScores(pooled.selected.confusion, c) }));
}
