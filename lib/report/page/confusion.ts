/** Confusion matrices: counts on a colour that says the share of the true class. */
import { classScores } from '../../metrics/index.js';
import { percent } from '../format.js';
import type { RunReport, Selection } from '../types.js';
import { selectionName } from './headline.js';
import { html, type Markup } from './html.js';

export function confusionSection(report: RunReport): Markup {
  return html`
<section id="confusion" data-nav="Confusion">
  <h2>What is taken for what</h2>
  <p class="note">All held-out predictions pooled. A row is the true emotion, a column the predicted one; a cell holds the count and, below it, its share of the row in percent, which colours it.</p>
  <h3>${selectionName(report, 'selected')}</h3>
  ${matrix(report, 'selected')}
  <details><summary>${selectionName(report, 'bestOnTest')} (optimistic)</summary>${matrix(report, 'bestOnTest')}</details>
</section>`;
}

function matrix(report: RunReport, selection: Selection): Markup {
  const { classes } = report;
  const { confusion } = report.pooled[selection];
  const per = classes.map((_, c) => classScores(confusion, c));
  const header = html`<tr><th scope="col" class="corner"><small>true</small></th>${classes.map((name) => html`<th scope="col" class="down"><span>${name}</span></th>`)}<th scope="col" class="down gap"><span>utterances</span></th><th scope="col" class="down"><span>recall</span></th><th scope="col" class="down"><span>precision</span></th><th scope="col" class="down"><span>F1</span></th></tr>`;
  const rows = classes.map((name, t) => {
    const { support, recall, precision, f1 } = per[t]!;
    const cells = confusion[t]!.map((count, p) => {
      const share = support === 0 ? 0 : count / support;
      // Where the text must turn over to stay readable differs between the light and the dark scheme.
      const tone = share > 0.85 ? 'strong' : share > 0.68 ? 'mid' : '';
      const about = `${count} of ${support} ${name} taken for ${classes[p]} (${percent(share)} %)`;
      return html`<td class="cell ${tone} ${t === p ? 'right' : ''} ${count === 0 ? 'zero' : ''}" style="--share:${share.toFixed(3)}" title="${about}">${count}${support > 0 && html`<small>${count === 0 ? '' : percent(share)}</small>`}</td>`;
    });
    return html`<tr><th scope="row">${name}</th>${cells}<td class="gap">${support}</td><td class="key">${percent(recall)}</td><td>${percent(precision)}</td><td>${percent(f1)}</td></tr>`;
  });
  return html`<div class="scroll"><table class="confusion ${classes.length > 8 ? 'many' : ''}"><caption class="hidden">Confusion matrix, ${selectionName(report, selection)}, rows true, columns predicted</caption><thead><tr class="axis"><td></td><th colspan="${classes.length}" scope="colgroup"><small>predicted</small></th><td colspan="4"></td></tr>${header}</thead><tbody>${rows}</tbody></table></div>`;
}
