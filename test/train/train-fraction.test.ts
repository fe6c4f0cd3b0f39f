import { drawFraction, trainPart } from '../../lib/train/train-fraction.js';

/** Shaped like the training part of a RAVDESS fold: 16 speakers, 4 neutral utterances and 8 of each other emotion. */
const EMOTIONS = ['neutral', 'calm', 'happiness', 'sadness', 'anger', 'fear', 'disgust', 'surprise'];
const corpus = Array.from({ length: 16 }, (_, s) => `s${s}`).flatMap((speaker) =>
  EMOTIONS.flatMap((emotion) =>
    Array.from({ length: emotion === 'neutral' ? 4 : 8 }, (_, take) => ({
      id: `${speaker}-${emotion}-${take}`,
      speaker,
      emotion,
    })),
  ),
);
const key = { seed: 5, fold: 2 };

const countBy = (ids: readonly string[], part: 0 | 1) => {
  const counts = new Map<string, number>();
  for (const id of ids) {
    const name = id.split('-')[part]!;
    counts.set(name, (counts.get(name) ?? 0) + 1);
  }
  return counts;
};

describe('drawFraction', () => {
  it.each([0.05, 0.1, 0.25, 0.5])(
    'draws %d of every speaker and of every class, to within rounding',
    (fraction) => {
      const drawn = drawFraction(corpus, fraction, key);
      expect(Math.abs(drawn.length - fraction * corpus.length)).toBeLessThanOrEqual(0.02 * corpus.length);
      const speakers = countBy(drawn, 0);
      for (let s = 0; s < 16; s++)
        expect(Math.abs((speakers.get(`s${s}`) ?? 0) - fraction * 60)).toBeLessThanOrEqual(2);
      const classes = countBy(drawn, 1);
      for (const emotion of EMOTIONS) {
        const of = 16 * (emotion === 'neutral' ? 4 : 8);
        expect(Math.abs((classes.get(emotion) ?? 0) - fraction * of)).toBeLessThanOrEqual(2);
      }
    },
  );

  it('draws a smaller share as a part of a larger one, and all of it for 1', () => {
    let smaller: string[] = [];
    for (const fraction of [0.02, 0.1, 0.25, 0.5, 0.9, 1]) {
      const drawn = drawFraction(corpus, fraction, key);
      expect(drawn).toEqual(expect.arrayContaining(smaller));
      smaller = drawn;
    }
    expect(smaller).toEqual(corpus.map(({ id }) => id));
  });

  it('keeps every class, however small the share', () => {
    for (let seed = 0; seed < 20; seed++) {
      expect(countBy(drawFraction(corpus, 0.001, { seed, fold: 1 }), 1).size).toBe(EMOTIONS.length);
    }
  });

  it('depends on seed and fold alone', () => {
    const drawn = drawFraction(corpus, 0.25, key);
    expect(drawFraction([...corpus].reverse(), 0.25, key).sort()).toEqual([...drawn].sort());
    expect(drawFraction(corpus, 0.25, { ...key, seed: 6 })).not.toEqual(drawn);
    expect(drawFraction(corpus, 0.25, { ...key, fold: 3 })).not.toEqual(drawn);
  });

  it('thins out speakers who each have a single utterance', () => {
    const single = Array.from({ length: 200 }, (_, i) => ({
      id: `u${i}`,
      speaker: `s${i}`,
      emotion: EMOTIONS[i % 4]!,
    }));
    expect(Math.abs(drawFraction(single, 0.25, key).length - 50)).toBeLessThanOrEqual(12);
  });
});

describe('trainPart', () => {
  const fold = {
    fold: 1,
    train: corpus.filter(({ speaker }) => speaker !== 's0').map(({ id }) => id),
    validation: [],
    test: corpus.filter(({ speaker }) => speaker === 's0').map(({ id }) => id),
  };

  it('is the whole part for 1, and never holds what is tested', () => {
    expect(trainPart(fold, { trainFraction: 1, seed: 1 }, corpus)).toBe(fold.train);
    const drawn = trainPart(fold, { trainFraction: 0.5, seed: 1 }, corpus);
    expect(fold.train).toEqual(expect.arrayContaining(drawn));
    expect(drawn.length).toBeLessThan(0.55 * fold.train.length);
  });
});
