/** The run in a few sentences, for who reads no further. */
import { classScores } from '../../metrics/index.js';
import { brackets, percent } from '../format.js';
import type { RunReport } from '../types.js';
import { selectionName } from './headline.js';
import { html, type Markup } from './html.js';

export function summary(report: RunReport): Markup {
  const sentences = [overall(report), emotions(report), speakers(report), optimism(report)];
  return html`<p class="short">${sentences.filter((sentence) => sentence !== null).join(' ')}</p>`;
}

function overall({ pooled, classes, synthetic }: RunReport): string {
  const { n, wa, ua, ci95 } = pooled.selected;
  const who = synthetic ? 'synthetic speakers' : 'speakers';
  const recall =
    ua === null
      ? ''
      : `; averaged over the emotions ${percent(ua)} %${ci95?.ua ? ` ${brackets(ci95.ua)}` : ''}, where a guess gets ${percent(1 / classes.length)} %`;
  return `Of ${n} utterances by ${who} that the models had not heard, ${percent(wa)} % are recognised${recall}.`;
}

function emotions({ pooled, classes }: RunReport): string | null {
  const { confusion } = pooled.selected;
  const found = classes
    .map((name, c) => ({ name, c, recall: classScores(confusion, c).recall }))
    .filter((row): row is { name: string; c: number; recall: number } => row.recall !== null)
    .sort((a, b) => b.recall - a.recall);
  const [best, worst] = [found[0], found.at(-1)];
  if (!best || !worst || best.recall === worst.recall) return null;
  const row = confusion[worst.c]!;
  const support = row.reduce((sum, count) => sum + count, 0);
  const rival = row
    .map((count, c) => ({ count, name: classes[c]! }))
    .filter((_, c) => c !== worst.c)
    .sort((a, b) => b.count - a.count)[0]!;
  const taken =
    rival.count > 0 ? `, most often taken for ${rival.name} (${percent(rival.count / support)} %)` : '';
  return `Best recognised: ${best.name} (${percent(best.recall)} %); worst: ${worst.name} (${percent(worst.recall)} %)${taken}.`;
}

function speakers({ groups }: RunReport): string | null {
  const rows = groups?.speaker ?? [];
  if (rows.length < 2) return null;
  const recalls = rows.map(({ ua }) => ua);
  return `From speaker to speaker that lies between ${percent(Math.min(...recalls))} and ${percent(Math.max(...recalls))} %.`;
}

/** What choosing the epoch on the test folds would have added. */
function optimism(report: RunReport): string | null {
  const { selected, bestOnTest } = report.pooled;
  const figure = selected.ua === null || bestOnTest.ua === null ? 'wa' : 'ua';
  const gain = bestOnTest[figure]! - selected[figure]!;
  if (!(gain > 0.0005)) return null;
  const how = selectionName(report, 'selected') === 'Last epoch' ? 'the last epoch' : 'validation';
  return `Had the epochs been chosen on the test folds instead of by ${how}, ${figure.toUpperCase()} would read ${percent(bestOnTest[figure])} %: ${percent(gain)} points of optimism.`;
}
