/** The frame of a page: one file that needs nothing else, neither network nor script. */
import { html, type Markup, raw } from './html.js';
import { STYLE } from './style.js';

export interface DocumentInput {
  version: string;
  title: string;
  /** Heading and what must be read before the figures. */
  header: Markup;
  /** Those that are null are left out. */
  sections: readonly (Markup | null)[];
  /** The page has audio in it. */
  audio?: boolean;
  /** Rules beside the common style sheet. */
  style?: string;
}

export function document({ version, title, header, sections, audio, style }: DocumentInput): string {
  const policy = `default-src 'none'; style-src 'unsafe-inline'; img-src data:${audio ? '; media-src data:' : ''}`;
  const shown = sections.filter((section) => section !== null).map(unbroken);
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<meta name="color-scheme" content="light dark">
<meta name="generator" content="ser-native ${version}">
<link rel="icon" href="data:,">
<title>${title}</title>
<style>${raw(STYLE + (style ?? ''))}</style>
</head>
<body>
<header>
  <p class="kicker">Speech emotion recognition · ser-native ${version}</p>
  ${unbroken(header)}
  ${contents(shown)}
</header>
<main>
${shown}
</main>
</body>
</html>
`.text;
}

/** No line of prose begins with a percent sign. */
function unbroken({ text }: Markup): Markup {
  return raw(text.replace(/(\d) %/g, '$1\u00a0%'));
}

/** Links to the sections that have a name, read from their markup, so that the list cannot differ from the page. */
function contents(sections: readonly Markup[]): Markup | null {
  const named = sections.flatMap(({ text }) => {
    const found = /<section id="([a-z]+)"(?: data-nav="([^"]*)")?[^>]*>\s*<h2>([^<]*)<\/h2>/.exec(text);
    return found ? [html`<a href="#${found[1]}">${raw(found[2] ?? found[3]!)}</a>`] : [];
  });
  return named.length > 2 ? html`<nav aria-label="Sections">${named}</nav>` : null;
}
