/** What was looked for before and after training, so that a reader knows which doubts are answered. */
import type { RunReport } from '../types.js';
import { html, type Markup } from './html.js';

/** Warnings shown at once. */
const SHOWN = 8;

export function auditSection({ audit }: RunReport): Markup | null {
  if (!audit) return null;
  const { leaks, warnings, checked } = audit;
  const clean = leaks === 0;
  const list = (items: readonly string[]) => html`<ul>${items.map((item) => html`<li>${item}</li>`)}</ul>`;
  return html`
<section id="audit">
  <h2>Audit</h2>
  <p class="${clean ? 'clean' : 'leaky'}"><span class="badge ${clean ? 'right' : 'wrong'}" aria-hidden="true">${clean ? '\u2713' : '\u2717'}</span> <strong>${clean ? 'No leak found.' : `${leaks} leak${leaks === 1 ? '' : 's'}: these figures are not of unseen speech.`}</strong></p>
  ${checked.length > 0 && html`<p class="note">Looked at: ${checked.join('; ')}.</p>`}
  ${warnings.length > 0 && html`<div class="plainlist">${list(warnings.slice(0, SHOWN))}${warnings.length > SHOWN && html`<details><summary>${warnings.length - SHOWN} more</summary>${list(warnings.slice(SHOWN))}</details>`}</div>`}
</section>`;
}
