/** Reading a page without a browser. */
const VOID = new Set(['meta', 'link', 'br', 'hr', 'img', 'input', 'col', '!doctype']);

/** Names of elements left open, or closed out of order: an empty list means that the tags balance. */
export function unbalanced(page: string): string[] {
  const open: string[] = [];
  const text = page.replace(/<style>[\s\S]*?<\/style>/g, '');
  for (const [, slash, name, rest] of text.matchAll(/<(\/?)([a-z!][a-z0-9]*)((?:"[^"]*"|[^>"])*)>/gi)) {
    const tag = name!.toLowerCase();
    if (slash) {
      if (open.at(-1) !== tag) return [...open, `/${tag}`];
      open.pop();
    } else if (!VOID.has(tag) && !rest!.endsWith('/')) open.push(tag);
  }
  return open;
}

/** What a reader sees, tags aside. */
export function visible(page: string): string {
  return page
    .replace(/<style>[\s\S]*?<\/style>/g, '')
    .replace(/<[^>]*>/g, ' ')
    .replace(/\s+/g, ' ');
}
