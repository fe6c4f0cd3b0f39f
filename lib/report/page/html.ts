/** Markup as a tagged template that escapes whatever is put into it. */

/** Text that is markup already. Made by `html` and `raw` alone, so that a plain string can never pass for it. */
export class Markup {
  constructor(readonly text: string) {}
  toString(): string {
    return this.text;
  }
}

type Piece = Markup | string | number | null | undefined | false | readonly Piece[];

/**
 * Markup with every inserted value escaped, as text and within double quotes alike. Arrays are joined; null, undefined and
 * false insert nothing.
 */
export function html(strings: TemplateStringsArray, ...pieces: Piece[]): Markup {
  let text = strings[0]!;
  for (const [i, piece] of pieces.entries()) text += render(piece) + strings[i + 1]!;
  return new Markup(text);
}

/** Trusted text as it is: the style sheet. */
export function raw(text: string): Markup {
  return new Markup(text);
}

function render(piece: Piece): string {
  if (piece === null || piece === undefined || piece === false) return '';
  if (piece instanceof Markup) return piece.text;
  if (typeof piece === 'object') return piece.map(render).join('');
  return escapeText(String(piece));
}

function escapeText(text: string): string {
  return (
    text
      .replace(/[&<>"']/g, (character) => `&#${character.codePointAt(0)};`)
      // Control characters are no HTML; a file name may hold some, so they are shown as what they are.
      // biome-ignore lint/suspicious/noControlCharactersInRegex: meant
      .replace(/[\u0000-\u0008\u000b-\u001f\u007f]/g, '\ufffd')
  );
}
