import { DataError, UsageError } from '../../lib/errors.js';
import { type JudgedLine, pairedTest, scores } from '../../lib/metrics/index.js';
import { permutationTest } from '../../lib/metrics/permutation.js';
import { Random } from '../../lib/random/philox.js';
import { drawAnswers, drawPair, errorShares, POPULATIONS } from '../../scripts/coverage/population.mjs';

const CLASSES = ['a', 'b'];

/** Lines of speakers; `truth` and each run's answers as letters, e.g. `aabb`. */
function run(answers: Record<string, [truth: string, predicted: string]>, ids = ''): JudgedLine[] {
  return Object.entries(answers).flatMap(([speaker, [truth, predicted]]) =>
    [...truth].map((label, i) => ({
      id: `${speaker}-${i}${ids}`,
      speaker,
      label,
      predicted: predicted[i]!,
    })),
  );
}

test('three speakers, by hand', () => {
  const first = run({ s: ['aabb', 'aabb'], t: ['aabb', 'aaba'], u: ['aabb', 'aabb'] });
  const second = run({ s: ['aabb', 'abbb'], t: ['aabb', 'bbba'], u: ['aabb', 'aaba'] });
  const test = pairedTest(first, second, CLASSES);
  // Right: 4 + 3 + 4 of 12, and 3 + 1 + 3.
  expect(test.wa.first).toBeCloseTo(11 / 12, 12);
  expect(test.wa.second).toBeCloseTo(7 / 12, 12);
  expect(test.wa.difference).toBeCloseTo(-4 / 12, 12);
  // All three differ to the same side: of the 8 ways only the observed one and its mirror image are as extreme.
  expect(test.wa.p).toBe(2 / 8);
  expect(test.permutation).toEqual({ exact: true, ways: 8, informative: 3, smallestP: 0.25 });
  expect(test.mcnemar).toMatchObject({ b: 4, c: 0 });
  expect(test.mcnemar.p).toBeCloseTo(2 / 16, 12);
  expect(test.recalls[0]).toEqual({ name: 'a', first: 1, second: 0.5, difference: -0.5 });
  expect(test).toMatchObject({ utterances: 12, speakers: 3, unpaired: [0, 0] });
});

test('a mixed case, by hand: differences of +2, +1 and -1 right answers', () => {
  const first = run({ s: ['aabb', 'bbbb'], t: ['aabb', 'babb'], u: ['aabb', 'aabb'] });
  const second = run({ s: ['aabb', 'aabb'], t: ['aabb', 'aabb'], u: ['aabb', 'aaba'] });
  // Signed sums: 2 in all; of the 8 ways |±2 ±1 ±1| >= 2 in 6 (4, 2, 2 and their mirror images).
  expect(pairedTest(first, second, CLASSES).wa.p).toBe(6 / 8);
});

test('changing places changes the sign and nothing else', () => {
  const [first, second] = twoRuns(12, 0.4, 1);
  const there = pairedTest(first, second, CLASSES);
  const back = pairedTest(second, first, CLASSES);
  for (const figure of ['wa', 'ua', 'wf1', 'mf1'] as const) {
    expect(back[figure].difference).toBeCloseTo(-there[figure].difference!, 12);
    expect(back[figure].p).toBe(there[figure].p);
    expect(back[figure].ci95![0]).toBeCloseTo(-there[figure].ci95![1], 12);
    expect(back[figure].ci95![1]).toBeCloseTo(-there[figure].ci95![0], 12);
  }
  expect([back.mcnemar.b, back.mcnemar.c]).toEqual([there.mcnemar.c, there.mcnemar.b]);
});

test('a run against itself: no difference, p 1', () => {
  const [first] = twoRuns(10, 0, 2);
  const test = pairedTest(first, first, CLASSES);
  expect(test.ua).toMatchObject({ difference: 0, ci95: [0, 0], p: 1 });
  expect(test.permutation).toMatchObject({ informative: 0, smallestP: 1 });
  expect(test.mcnemar).toEqual({ b: 0, c: 0, p: 1 });
});

test('figures are those of scores over the common utterances', () => {
  const [first, second] = twoRuns(9, 0.3, 3);
  const test = pairedTest(first.slice(0, 150), second.slice(20), CLASSES);
  const common = first.slice(20, 150);
  const expected = scores(
    common.map((line) => CLASSES.indexOf(line.label)),
    common.map((line) => CLASSES.indexOf(line.predicted)),
    2,
  );
  expect(test.utterances).toBe(130);
  expect(test.unpaired).toEqual([20, second.length - 150]);
  for (const figure of ['wa', 'ua', 'wf1', 'mf1'] as const) {
    expect(test[figure].first).toBeCloseTo(expected[figure]!, 12);
  }
});

test('a large difference over many speakers is found, and the interval leaves 0 out', () => {
  const [first, second] = twoRuns(24, 1, 4);
  const test = pairedTest(first, second, CLASSES);
  expect(test.ua.p!).toBeLessThan(0.001);
  expect(test.ua.ci95![0]).toBeGreaterThan(0);
  expect(test.permutation).toMatchObject({ exact: false, ways: 19_999, smallestP: 1 / 20_000 });
});

test('several seeds are averaged, and are no more evidence than one', () => {
  const [first, second] = twoRuns(12, 0.4, 5);
  const once = pairedTest(first, second, CLASSES);
  const thrice = pairedTest([...first, ...first, ...first], [...second, ...second], CLASSES);
  for (const figure of ['wa', 'ua'] as const) {
    expect(thrice[figure].difference).toBeCloseTo(once[figure].difference!, 12);
    expect(thrice[figure].p).toBe(once[figure].p);
    expect(thrice[figure].ci95![0]).toBeCloseTo(once[figure].ci95![0], 10);
  }
  expect(thrice.mcnemar).toEqual(once.mcnemar);
  // Answers that differ between seeds count in parts.
  const mixed = pairedTest(
    [...run({ s: ['ab', 'ab'], t: ['ab', 'ab'] }), ...run({ s: ['ab', 'bb'], t: ['ab', 'ab'] })],
    run({ s: ['ab', 'ab'], t: ['ab', 'ab'] }),
    CLASSES,
  );
  expect(mixed.wa.first).toBeCloseTo(3.5 / 4, 12);
  // Of 40 utterances, all right in one of two seeds of the second run, 20 are expected to be right in the first run only.
  const all = { s: ['ab'.repeat(20), 'ab'.repeat(20)] as [string, string] };
  const none = { s: ['ab'.repeat(20), 'ba'.repeat(20)] as [string, string] };
  const seeds = pairedTest(run(all), [...run(all), ...run(none)], CLASSES);
  expect(seeds.mcnemar).toMatchObject({ b: 20, c: 0 });
});

test('random ways agree with all ways', () => {
  for (const seed of [7, 8, 9]) {
    const clusters = simulatedPairs('MSP-IMPROV', 0.15, seed);
    const all = permutationTest(clusters);
    const some = permutationTest(clusters, { exactTo: 0 });
    expect([all.exact, all.ways, some.exact, some.ways]).toEqual([true, 4096, false, 19_999]);
    for (const figure of ['wa', 'ua', 'wf1', 'mf1'] as const) {
      const p = all.p[figure]!;
      expect(Math.abs(some.p[figure]! - p)).toBeLessThan(4 * Math.sqrt((p * (1 - p)) / 19_999) + 1e-4);
    }
  }
});

test('speakers whom both runs answer alike neither help nor hurt', () => {
  const clusters = simulatedPairs('IEMOCAP', 0.3, 7);
  const padded = [...clusters, ...Array.from({ length: 20 }, () => equalCluster(clusters[0]!))];
  const test = permutationTest(padded);
  expect(test).toMatchObject({ exact: true, informative: 10, ways: 1024 });
  expect(test.p.wa).toBe(permutationTest(clusters).p.wa);
});

test('equal seeds give equal p, other seeds nearly so', () => {
  const [first, second] = twoRuns(20, 0.25, 6);
  const p = (seed: number) => pairedTest(first, second, CLASSES, { seed }).ua.p!;
  expect(p(0)).toBe(p(0));
  expect(p(9)).not.toBe(p(0));
  expect(Math.abs(p(9) - p(0))).toBeLessThan(0.02);
});

test('p is uniform where neither run is better', () => {
  // Two runs of the same quality: P(p <= alpha) must not exceed alpha, and come near it.
  const trials = 400;
  const values = Array.from({ length: trials }, (_, trial) => {
    return permutationTest(simulatedPairs('IEMOCAP', 0, trial)).p.ua!;
  });
  for (const alpha of [0.05, 0.2, 0.5, 0.8]) {
    const share = values.filter((p) => p <= alpha).length / trials;
    const error = Math.sqrt((alpha * (1 - alpha)) / trials);
    expect(Math.abs(share - alpha)).toBeLessThan(3.3 * error);
  }
});

test('UA is null where the common utterances lack a class; WA stands', () => {
  const first = run({ s: ['aa', 'aa'], t: ['aa', 'ab'], u: ['aa', 'aa'] });
  const second = run({ s: ['aa', 'ab'], t: ['aa', 'ab'], u: ['aa', 'ab'] });
  const test = pairedTest(first, second, CLASSES);
  expect(test.ua).toEqual({ first: null, second: null, difference: null, ci95: null, p: null });
  expect(test.recalls[1]).toEqual({ name: 'b', first: null, second: null, difference: null });
  expect(test.wa.p).toBe(0.5);
});

describe('refuses', () => {
  test('runs without a common utterance', () => {
    const line = { s: ['ab', 'ab'] as [string, string] };
    expect(() => pairedTest(run(line), run(line, 'x'), CLASSES)).toThrow(DataError);
  });

  test('another label, or another speaker, of the same utterance', () => {
    const first = run({ s: ['ab', 'ab'] });
    const relabelled = run({ s: ['bb', 'ab'] });
    expect(() => pairedTest(first, relabelled, CLASSES)).toThrow(/disagree on the label of s-0: a and b/);
    const moved = first.map((line) => ({ ...line, speaker: 'x' }));
    expect(() => pairedTest(first, moved, CLASSES)).toThrow(/speaker of s-0: s and x/);
  });

  test('a class that the corpus lacks', () => {
    expect(() => pairedTest(run({ s: ['ab', 'ac'] }), run({ s: ['ab', 'ab'] }), CLASSES)).toThrow(UsageError);
  });
});

/** Two runs of `speakers` speakers with 20 utterances each; the second gets more right by `better` on the logit scale. */
function twoRuns(speakers: number, better: number, seed: number): [JudgedLine[], JudgedLine[]] {
  const random = new Random({ seed, stream: 'two runs' });
  const runs: [JudgedLine[], JudgedLine[]] = [[], []];
  for (let s = 0; s < speakers; ++s) {
    const ease = 0.5 + 0.5 * random.normal();
    for (let u = 0; u < 20; ++u) {
      const label = CLASSES[u % 2]!;
      const other = CLASSES[1 - (u % 2)]!;
      for (const [r, lines] of runs.entries()) {
        const chance = 1 / (1 + Math.exp(-ease - r * better));
        const predicted = random.uniform() < chance ? label : other;
        lines.push({ id: `${s}-${u}`, speaker: `speaker ${s}`, label, predicted });
      }
    }
  }
  return runs;
}

function simulatedPairs(name: string, shift: number, seed: number): Float64Array[] {
  const population = POPULATIONS.find((one) => one.name === name)!;
  const shares = errorShares(population.logits.length);
  const random = new Random({ seed, stream: 'pairs' });
  return Array.from({ length: population.speakers }, () => {
    const [a, b] = drawPair(population, 'normal', shift, random);
    return Float64Array.of(...drawAnswers(a, shares, random), ...drawAnswers(b, shares, random));
  });
}

/** A speaker whom both runs answer as the first run does. */
function equalCluster(cluster: Float64Array): Float64Array {
  const half = cluster.subarray(0, cluster.length / 2);
  return Float64Array.of(...half, ...half);
}
