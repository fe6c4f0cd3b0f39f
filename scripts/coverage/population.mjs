/**
 * Populations of speakers whose true figures are known, to try intervals and tests on. A speaker is recognised better or worse than
 * others as a whole, and again in each class; utterances of a speaker and class then fall independently.
 */

/**
 * Corpora in their numbers of speakers, classes and utterances; `sizes[c]` is the range of a speaker's utterances of class c.
 * `logits[c]` is the recall of class c, as a logit, of a speaker without peculiarities.
 */
export const POPULATIONS = [
  {
    name: 'SAVEE',
    speakers: 4,
    sizes: [[30, 30], ...Array(6).fill([15, 15])],
    logits: [1.4, 0.9, 0.2, -0.2, 0.3, 1.0, 0.6],
  },
  {
    // Near the ceiling, with few utterances of some classes, and speakers who have none of them.
    name: 'EMO-DB',
    speakers: 10,
    sizes: [
      [4, 21],
      [2, 14],
      [0, 9],
      [2, 12],
      [2, 12],
      [1, 11],
      [3, 13],
    ],
    logits: [3.2, 2.2, 2.4, 2.0, 0.9, 3.0, 2.3],
  },
  {
    name: 'IEMOCAP',
    speakers: 10,
    sizes: [
      [85, 257],
      [82, 246],
      [55, 165],
      [54, 162],
    ],
    logits: [0.5, 0.3, 1.1, 1.3],
  },
  {
    name: 'MSP-IMPROV',
    speakers: 12,
    sizes: [
      [145, 435],
      [110, 330],
      [37, 111],
      [33, 99],
    ],
    logits: [0.9, 0.6, -0.1, 0.3],
  },
  {
    name: 'RAVDESS',
    speakers: 24,
    sizes: [[4, 4], ...Array(7).fill([8, 8])],
    logits: [0.3, 1.2, 0.4, 0.0, 1.3, 0.6, 0.9, 1.0],
  },
];

/** How speakers differ: evenly to both sides, or a few who are hardly recognised (and speak less, where sizes vary). */
export const EFFECTS = ['normal', 'skewed'];

/** Standard deviations on the logit scale: between speakers, and of a speaker between classes. */
const BETWEEN_SPEAKERS = 0.5;
const BETWEEN_CLASSES = 0.6;

/**
 * A speaker: recall of each class, and how many utterances of it there are.
 *
 * @returns {{ recalls: Float64Array, sizes: number[], effect: number }}
 */
export function drawSpeaker(population, effects, random) {
  const effect =
    effects === 'normal'
      ? BETWEEN_SPEAKERS * random.normal()
      : // A shifted exponential: mean 0, the same deviation, its tail on the side of poor recognition.
        BETWEEN_SPEAKERS * (1 + Math.log(1 - random.uniform()));
  const recalls = Float64Array.from(population.logits, (logit) =>
    logistic(logit + effect + BETWEEN_CLASSES * random.normal()),
  );
  const sizes = population.sizes.map(([low, high]) => {
    const place = effects === 'normal' ? random.uniform() : 0.5 * (random.uniform() + logistic(3 * effect));
    return low + Math.min(high - low, Math.floor(place * (high - low + 1)));
  });
  return { recalls, sizes, effect };
}

/** Where wrong answers of a class go: more to the next class than to the one after, and so on. Rows sum to 1. */
export function errorShares(classes) {
  return Array.from({ length: classes }, (_, c) => {
    const weights = Array.from({ length: classes }, (_, k) =>
      k === c ? 0 : 1 / (1 + ((k - c + classes) % classes)),
    );
    const sum = weights.reduce((a, b) => a + b);
    return weights.map((weight) => weight / sum);
  });
}

/** Margins `[right | support | predicted]` of one speaker's answers. */
export function drawAnswers({ recalls, sizes }, shares, random) {
  const classes = recalls.length;
  const margins = new Float64Array(3 * classes);
  for (let c = 0; c < classes; c++) {
    margins[classes + c] = sizes[c];
    for (let utterance = 0; utterance < sizes[c]; utterance++) {
      let predicted = c;
      if (random.uniform() >= recalls[c]) predicted = pick(shares[c], random.uniform());
      else margins[c] += 1;
      margins[2 * classes + predicted] += 1;
    }
  }
  return margins;
}

/** Adds a speaker's expected margins to sums: what the figures of all speakers there are, are made of. */
export function addExpected(sums, { recalls, sizes }, shares) {
  const classes = recalls.length;
  for (let c = 0; c < classes; c++) {
    const right = sizes[c] * recalls[c];
    sums[c] += right;
    sums[classes + c] += sizes[c];
    sums[2 * classes + c] += right;
    for (let k = 0; k < classes; k++) sums[2 * classes + k] += (sizes[c] - right) * shares[c][k];
  }
}

/**
 * Two runs over the same speakers: they share the speaker's effect, and half of the variance within; the second is `shift` better
 * on the logit scale. With a shift of 0 neither is better, and it is chance which is which.
 */
export function drawPair(population, effects, shift, random) {
  const first = drawSpeaker(population, effects, random);
  const own = () =>
    Float64Array.from(first.recalls, (recall) => Math.log(recall / (1 - recall)) + 0.4 * random.normal());
  const [a, b] = [own(), own()];
  return [
    { ...first, recalls: a.map((logit) => logistic(logit)) },
    { ...first, recalls: b.map((logit) => logistic(logit + shift)) },
  ];
}

function pick(shares, place) {
  let sum = 0;
  let last = 0;
  for (let k = 0; k < shares.length; k++) {
    if (shares[k] === 0) continue;
    sum += shares[k];
    last = k;
    if (place < sum) return k;
  }
  return last; // sums of shares round below 1
}

function logistic(x) {
  return 1 / (1 + Math.exp(-x));
}
