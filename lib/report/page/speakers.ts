/** Recall of every held-out speaker: a mean hides the voice that fails. */
import { scores } from '../../metrics/index.js';
import { percent } from '../format.js';
import type { PredictionLine, RunReport } from '../types.js';
import { html, type Markup } from './html.js';
import { chart, scale } from './svg.js';

interface SpeakerRow {
  speaker: string;
  fold: number;
  n: number;
  /** Mean recall over the classes that this speaker has, which may be fewer than the corpus'. */
  recall: number;
}

/** Rows of a speaker's predictions of the honest selection; nothing where there are none. */
export function speakersSection(report: RunReport, predictions: readonly PredictionLine[]): Markup | null {
  const rows = speakerRows(report, predictions);
  if (rows.length < 2) return null;
  const mean = rows.reduce((sum, row) => sum + row.recall, 0) / rows.length;
  const lowest = rows.reduce((low, row) => (row.recall < low.recall ? row : low));
  const highest = rows.reduce((high, row) => (row.recall > high.recall ? row : high));
  return html`
<section>
  <h2>Speakers</h2>
  <p class="note">Mean recall of each held-out speaker over the emotions they speak. Lowest: ${percent(lowest.recall)} % (${lowest.speaker}); highest: ${percent(highest.recall)} % (${highest.speaker}); dotted: their mean, ${percent(mean)} %. Tones alternate from fold to fold.</p>
  ${rows.length > 40 ? html`<details><summary>All ${rows.length} speakers</summary>${bars(rows, mean)}</details>` : bars(rows, mean)}
</section>`;
}

function speakerRows(report: RunReport, predictions: readonly PredictionLine[]): SpeakerRow[] {
  const groups = new Map<string, PredictionLine[]>();
  for (const line of predictions) {
    if (line.selection !== 'selected') continue;
    const group = groups.get(line.speaker);
    if (group) group.push(line);
    else groups.set(line.speaker, [line]);
  }
  const id = (name: string) => report.classes.indexOf(name);
  const rows = [...groups].map(([speaker, lines]): SpeakerRow => {
    const { confusion } = scores(
      lines.map((line) => id(line.label)),
      lines.map((line) => id(line.predicted)),
      report.classes.length,
    );
    const recalls = confusion.flatMap((row, c) => {
      const support = row.reduce((sum, cell) => sum + cell, 0);
      return support === 0 ? [] : [row[c]! / support];
    });
    const recall = recalls.reduce((sum, value) => sum + value, 0) / recalls.length;
    return { speaker, fold: lines[0]!.fold, n: lines.length, recall };
  });
  const order = new Intl.Collator('en', { numeric: true });
  return rows.sort((a, b) => a.fold - b.fold || order.compare(a.speaker, b.speaker));
}

/** A chart of at most a dozen rows, or two side by side: a screen should show them at once. */
function bars(rows: readonly SpeakerRow[], mean: number): Markup {
  const perColumn = rows.length > 12 ? Math.ceil(rows.length / 2) : rows.length;
  const columns = [rows.slice(0, perColumn), rows.slice(perColumn)].filter((part) => part.length > 0);
  return html`<div class="columns">${columns.map((part, i) => column(part, mean, perColumn, i))}</div>`;
}

function column(rows: readonly SpeakerRow[], mean: number, slots: number, index: number): Markup {
  const width = 460;
  const height = slots * 20 + 26;
  const x = scale(0, 1, 118, width - 62);
  const axis = [0, 0.5, 1].map(
    (v) =>
      html`<line class="grid" x1="${x(v)}" x2="${x(v)}" y1="4" y2="${slots * 20 + 4}"/><text class="tick" x="${x(v)}" y="${height - 6}" text-anchor="middle">${100 * v} %</text>`,
  );
  const content = rows.map((row, i) => {
    const y = 4 + i * 20;
    const name = row.speaker.length > 14 ? `${row.speaker.slice(0, 13)}\u2026` : row.speaker;
    // Folds alternate in tone, so that one sees which speakers were held out together.
    return html`<g><title>${row.speaker}, fold ${row.fold}: ${percent(row.recall)} % of ${row.n} utterances</title><text class="label" x="110" y="${y + 14}" text-anchor="end">${name}</text><rect class="bar ${row.fold % 2 === 0 ? 'light' : ''}" x="${x(0)}" y="${y + 3}" width="${x(row.recall) - x(0)}" height="14" rx="2"/><text class="value" x="${x(row.recall) + 6}" y="${y + 14}">${percent(row.recall)}</text></g>`;
  });
  return chart(
    {
      id: `speakers-${index}`,
      width,
      height,
      title: 'Mean recall of each speaker',
      description: rows.map((row) => `${row.speaker} (fold ${row.fold}) ${percent(row.recall)}`).join(', '),
    },
    [
      ...axis,
      html`<line class="mark dotted" x1="${x(mean)}" x2="${x(mean)}" y1="2" y2="${slots * 20 + 4}"/>`,
      ...content,
    ],
  );
}
