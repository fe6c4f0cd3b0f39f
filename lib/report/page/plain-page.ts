/** The head of pages beside `report.html`: what they are about, and what must be read before the figures. */
import { document } from './document.js';
import { html, type Markup } from './html.js';

export interface PlainPage {
  /** Of the window. */
  title: string;
  heading: Markup;
  /** One line under the heading. */
  facts: string;
  /** Sentences that belong in sight. */
  warnings: readonly string[];
  version: string;
  synthetic: boolean;
}

/** The page's text; needs neither network nor script. */
export function plainPage(page: PlainPage, sections: readonly (Markup | null)[]): string {
  const { version, title, heading, facts, warnings, synthetic } = page;
  const header = html`<h1>${heading}</h1>
  <p class="note">${facts}</p>
  ${synthetic && html`<p class="mark-box"><strong>Synthetic speech.</strong> This corpus is computed by the tool itself, not recorded. The figures say nothing about real speech.</p>`}
  ${warnings.length > 0 && html`<aside class="warnings" aria-label="Warnings"><strong>Mind</strong><ul>${warnings.map((warning) => html`<li>${warning}</li>`)}</ul></aside>`}`;
  return document({ version, title, header, sections });
}
