import { guessFrom } from '../../lib/describe/shortcut.js';

const people = ['a', 'b', 'c'];
const observe = (pick: (label: string, speaker: number, take: number) => number) =>
  people.flatMap((speaker, s) =>
    ['anger', 'sadness'].flatMap((label) =>
      Array.from({ length: 10 }, (_, take) => ({ label, speaker, value: pick(label, s, take) })),
    ),
  );

test('a value that parts the classes in every speaker guesses them all', () => {
  expect(
    guessFrom(
      observe((label) => (label === 'anger' ? -10 : -20)),
      ['anger', 'sadness'],
    ),
  ).toBe(1);
});

test('a value that has nothing to do with the class guesses at chance', () => {
  expect(
    guessFrom(
      observe((_, __, take) => take),
      ['anger', 'sadness'],
    ),
  ).toBeCloseTo(0.5, 10);
});

test("a speaker's own utterances never help to guess that speaker", () => {
  // Within each speaker the classes lie apart, but every speaker the other way round than the rest would have it.
  const ua = guessFrom(
    observe((label, s) => (label === 'anger' ? 1 : -1) * (s === 0 ? 100 : -1)),
    ['anger', 'sadness'],
  );
  expect(ua).toBeLessThan(0.5);
});

test('is undefined for one speaker, or where a class does not occur', () => {
  const one = observe(() => 1).filter(({ speaker }) => speaker === 'a');
  expect(guessFrom(one, ['anger', 'sadness'])).toBeNull();
  expect(
    guessFrom(
      observe(() => 1),
      ['anger', 'sadness', 'fear'],
    ),
  ).toBeNull();
});
