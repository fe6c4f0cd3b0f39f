/** Recall of every held-out speaker, session and gender: a mean hides the voice that fails. */
import { scores } from '../../metrics/index.js';
import { percent } from '../format.js';
import type { GroupScores, PredictionLine, RunReport } from '../types.js';
import { html, type Markup } from './html.js';
import { chart, round, scale, shorten } from './svg.js';

/** Bars shown at once; of more speakers, a ranked curve with the ends named, and the rest on demand. */
const SHOWN = 40;
/** Bars in one column. */
const IN_COLUMN = 12;
/** Ends that are named. */
const ENDS = 5;

interface Row {
  name: string;
  n: number;
  /** Mean recall over the classes that the group has, which may be fewer than the corpus'. */
  recall: number;
  /** Fold that held it out, where that is known. */
  fold?: number;
}

/** Groups of the honest selection's predictions; nothing where there are fewer than two speakers. */
export function speakersSection(report: RunReport, predictions: readonly PredictionLine[]): Markup | null {
  const rows = speakerRows(report, predictions);
  if (rows.length < 2) return null;
  const mean = rows.reduce((sum, row) => sum + row.recall, 0) / rows.length;
  const ranked = [...rows].sort((a, b) => a.recall - b.recall);
  const [lowest, highest] = [ranked[0]!, ranked.at(-1)!];
  const tones = rows.some(({ fold }) => fold !== undefined) && rows.length <= SHOWN;
  return html`
<section id="speakers">
  <h2>Speakers</h2>
  <p class="note">Mean recall of each held-out speaker over the emotions they speak. Lowest: ${percent(lowest.recall)} % (${lowest.name}); highest: ${percent(highest.recall)} % (${highest.name}); dotted: their mean, ${percent(mean)} %.${tones && ' Tones alternate from fold to fold.'}</p>
  ${speakersAndGroups(report, rows, ranked, mean)}
</section>`;
}

/** Few speakers leave room for the groups beside them. */
function speakersAndGroups(
  report: RunReport,
  rows: readonly Row[],
  ranked: readonly Row[],
  mean: number,
): Markup {
  const title = 'Mean recall of each speaker';
  const groups = [
    groupBars(report, 'session', 'Sessions', mean),
    groupBars(report, 'gender', 'Genders', mean),
  ];
  if (rows.length <= IN_COLUMN)
    return html`<div class="columns"><div>${column('speakers-0', title, rows, mean, rows.length)}</div><div class="groups">${groups}</div></div>`;
  const all = rows.length > SHOWN ? rankedSpeakers(ranked, mean) : bars('speakers', title, rows, mean);
  return html`${all}<div class="columns groups">${groups.map((group) => group && html`<div>${group}</div>`)}</div>`;
}

function groupBars(
  report: RunReport,
  kind: 'session' | 'gender',
  title: string,
  mean: number,
): Markup | null {
  const groups = report.groups?.[kind];
  if (!groups || groups.length < 2 || groups.length > SHOWN) return null;
  const rows = groups.map(toRow);
  return html`<h3>${title}</h3>${column(kind, `Mean recall of each ${kind}`, rows, mean, rows.length)}`;
}

const toRow = ({ name, n, ua }: GroupScores): Row => ({ name, n, recall: ua });

function speakerRows(report: RunReport, predictions: readonly PredictionLine[]): Row[] {
  const lines = new Map<string, PredictionLine[]>();
  for (const line of predictions) {
    if (line.selection !== 'selected') continue;
    const group = lines.get(line.speaker);
    if (group) group.push(line);
    else lines.set(line.speaker, [line]);
  }
  const rows = report.groups
    ? report.groups.speaker.map((group) => ({ ...toRow(group), fold: lines.get(group.name)?.[0]?.fold }))
    : [...lines].map(([name, group]) => ({
        name,
        n: group.length,
        recall: meanRecall(report, group),
        fold: group[0]!.fold,
      }));
  const order = new Intl.Collator('en', { numeric: true });
  return rows.sort((a, b) => (a.fold ?? 0) - (b.fold ?? 0) || order.compare(a.name, b.name));
}

function meanRecall({ classes }: RunReport, lines: readonly PredictionLine[]): number {
  const { confusion } = scores(
    lines.map((line) => classes.indexOf(line.label)),
    lines.map((line) => classes.indexOf(line.predicted)),
    classes.length,
  );
  const recalls = confusion.flatMap((row, c) => {
    const support = row.reduce((sum, cell) => sum + cell, 0);
    return support === 0 ? [] : [row[c]! / support];
  });
  return recalls.reduce((sum, value) => sum + value, 0) / recalls.length;
}

/** Hundreds of speakers: how they are spread, who stands at the ends, and all of them as text. */
function rankedSpeakers(ranked: readonly Row[], mean: number): Markup {
  const width = 600;
  const height = 150;
  const x = scale(0, ranked.length, 40, width - 8);
  const y = scale(0, 1, height - 24, 8);
  const axis = [0, 0.25, 0.5, 0.75, 1].map(
    (v) =>
      html`<line class="grid" x1="40" x2="${width - 8}" y1="${y(v)}" y2="${y(v)}"/><text class="tick" x="34" y="${y(v) + 4}" text-anchor="end">${100 * v} %</text>`,
  );
  const steps = ranked.map((row, i) => `H${x(i)}V${y(row.recall)}H${x(i + 1)}`).join('');
  const named = (title: string, some: readonly Row[]) =>
    html`<div><h3>${title}</h3><table class="plain"><tbody>${some.map((row) => html`<tr><th scope="row">${row.name}</th><td>${percent(row.recall)} %</td><td><small>${row.n} utterances${row.fold !== undefined && `, fold ${row.fold}`}</small></td></tr>`)}</tbody></table></div>`;
  return html`${chart(
    {
      id: 'speakers',
      kind: 'strip',
      width,
      height,
      title: `Mean recall of ${ranked.length} speakers, lowest first`,
      description: `From ${percent(ranked[0]!.recall)} to ${percent(ranked.at(-1)!.recall)} percent, mean ${percent(mean)}.`,
    },
    [
      ...axis,
      html`<path class="area" d="M${x(0)},${y(0)}${steps}V${y(0)}Z"/>`,
      html`<line class="mark dotted" x1="40" x2="${width - 8}" y1="${y(mean)}" y2="${y(mean)}"/>`,
      html`<text class="tick" x="40" y="${height - 6}">${ranked.length} speakers, lowest first</text>`,
    ],
  )}<div class="columns">${named('Lowest', ranked.slice(0, ENDS))}${named('Highest', ranked.slice(-ENDS).reverse())}</div>
  <details><summary>All ${ranked.length} speakers</summary><p class="list">${ranked.map((row) => html`<span>${row.name}&nbsp;${percent(row.recall)}</span> `)}</p></details>`;
}

/** A chart of at most a dozen rows, or two side by side: a screen should show them at once. */
function bars(id: string, title: string, rows: readonly Row[], mean: number): Markup {
  const perColumn = rows.length > IN_COLUMN ? Math.ceil(rows.length / 2) : rows.length;
  const columns = [rows.slice(0, perColumn), rows.slice(perColumn)].filter((part) => part.length > 0);
  return html`<div class="columns">${columns.map((part, i) => column(`${id}-${i}`, title, part, mean, perColumn))}</div>`;
}

function column(id: string, title: string, rows: readonly Row[], mean: number, slots: number): Markup {
  const width = 460;
  const height = slots * 20 + 26;
  const x = scale(0, 1, 118, width - 62);
  const axis = [0, 0.5, 1].map(
    (v) =>
      html`<line class="grid" x1="${x(v)}" x2="${x(v)}" y1="4" y2="${slots * 20 + 4}"/><text class="tick" x="${x(v)}" y="${height - 6}" text-anchor="middle">${100 * v} %</text>`,
  );
  const content = rows.map(({ name, n, recall, fold }, i) => {
    const y = 4 + i * 20;
    const where = fold === undefined ? '' : `, fold ${fold}`;
    // Folds alternate in tone, so that one sees which speakers were held out together.
    return html`<g><title>${name}${where}: ${percent(recall)} % of ${n} utterances</title><text class="label" x="110" y="${y + 14}" text-anchor="end">${shorten(name, 14)}</text><rect class="bar ${(fold ?? 1) % 2 === 0 ? 'light' : ''}" x="${x(0)}" y="${y + 3}" width="${round(x(recall) - x(0))}" height="14" rx="2"/><text class="value" x="${round(x(recall) + 6)}" y="${y + 14}">${percent(recall)}</text></g>`;
  });
  return chart(
    {
      id,
      width,
      height,
      title,
      description: rows
        .map(
          ({ name, fold, recall }) =>
            `${name}${fold === undefined ? '' : ` (fold ${fold})`} ${percent(recall)}`,
        )
        .join(', '),
    },
    [
      ...axis,
      html`<line class="mark dotted" x1="${x(mean)}" x2="${x(mean)}" y1="2" y2="${slots * 20 + 4}"/>`,
      ...content,
    ],
  );
}
