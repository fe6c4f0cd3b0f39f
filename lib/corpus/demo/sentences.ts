/**
 * What the demo speakers say: sentences of an invented language with one letter per sound (`sh` is one sound), so that the
 * text is its own pronunciation. The first syllable of each word is stressed. Every speaker says each in every emotion, so
 * the words tell nothing about the emotion.
 */

export const SENTENCES: readonly string[] = [
  'mila soto kane',
  'tesa riku lomo',
  'bano fishe dula',
  'kore nasi tumela',
  'gima lute shoba',
  'hale poni sukira',
  'dosa wene talo',
  'fura mika gelo',
  'yato resh binuma',
  'puli zane koda',
];

const VOWELS = 'aeiou';

/** Sounds of a word, in order. */
export function soundsOf(word: string): string[] {
  return word.match(/sh|[a-z]/g) ?? [];
}

export function isVowel(sound: string): boolean {
  return sound.length === 1 && VOWELS.includes(sound);
}
