/**
 * Paired permutation test over speakers. Were two runs equally good, it would be chance which of a speaker's two sets of answers belongs
 * to which run; so both are swapped for whole speakers, and the observed difference is looked up among those that arise.
 */
import { Random } from '../random/philox.js';
import { sumMargins } from './speaker-margins.js';
import { differenceStatistic, FIGURES, type Figure } from './speaker-statistic.js';

/** Up to this many speakers every one of the 2^G ways to swap is tried. */
export const EXACT_TO = 16;
/** Random ways to swap beyond that; p is then known to within 0.003 near 0.05. */
export const DRAWS = 19_999;

export interface PermutationTest {
  /** Two-sided p of each figure's difference; null where the figure is not defined. */
  p: Record<Figure, number | null>;
  /** Every way to swap was tried; else `p` is (b + 1) / (m + 1) over m = `ways` seeded draws. */
  exact: boolean;
  /** Ways that were tried. */
  ways: number;
  /** Speakers whose answers differ between the runs: swapping the others changes nothing. */
  informative: number;
  /** The smallest p that so many speakers can give, however large the difference. */
  smallestP: number;
}

/**
 * @param clusters margins of the first run and then of the second, 6 C numbers for each speaker (`pairAnswers`)
 * @param options.seed of the draws; equal seeds give equal p. Default 0
 * @param options.draws default 19999
 * @param options.exactTo up to so many informative speakers every way is tried; default 16
 */
export function permutationTest(
  clusters: readonly Float64Array[],
  options: { seed?: number; draws?: number; exactTo?: number } = {},
): PermutationTest {
  const size = (clusters[0]?.length ?? 0) / 2;
  const sums = sumMargins(clusters);
  // What swapping a speaker adds to the first run's sums and takes from the second's.
  const swaps = clusters
    .map((cluster) => Float64Array.from({ length: size }, (_, k) => cluster[size + k]! - cluster[k]!))
    .filter((swap) => swap.some((change) => change !== 0));
  const counter = new ExtremeCounter(sums, size / 3);
  const exact = swaps.length <= (options.exactTo ?? EXACT_TO);
  const draws = options.draws ?? DRAWS;
  if (exact) everyWay(sums, swaps, counter);
  else randomWays(sums, swaps, counter, draws, options.seed ?? 0);
  const ways = exact ? 2 ** swaps.length : draws;
  const { extremes } = counter;
  return {
    p: Object.fromEntries(
      FIGURES.map((figure, f) => [
        figure,
        extremes[f] === null ? null : exact ? extremes[f]! / ways : (extremes[f]! + 1) / (ways + 1),
      ]),
    ) as Record<Figure, number | null>,
    exact,
    ways,
    informative: swaps.length,
    // The observed way and its mirror image are always among them.
    smallestP: exact ? Math.min(1, 2 / ways) : 1 / (ways + 1),
  };
}

/** Counts, for each figure, the ways whose difference is at least as large as the observed one. */
class ExtremeCounter {
  readonly #statistics;
  readonly #observed: (number | null)[];
  readonly extremes: (number | null)[];

  constructor(sums: Float64Array, classes: number) {
    this.#statistics = FIGURES.map((figure) => differenceStatistic(figure, classes));
    this.#observed = this.#statistics.map((statistic) => statistic.value(sums));
    this.extremes = this.#observed.map((value) => (value === null ? null : 0));
  }

  look(sums: Float64Array): void {
    for (const [f, statistic] of this.#statistics.entries()) {
      const observed = this.#observed[f];
      if (observed === null || observed === undefined) continue;
      // Equal differences come out of sums in another order: rounding must not hide a tie.
      if (Math.abs(statistic.value(sums)!) >= Math.abs(observed) - 1e-10) this.extremes[f]! += 1;
    }
  }
}

/** All 2^G ways in the order of a Gray code: each differs from the one before in one speaker. */
function everyWay(sums: Float64Array, swaps: readonly Float64Array[], counter: ExtremeCounter): void {
  const current = Float64Array.from(sums);
  const swapped = swaps.map(() => false);
  counter.look(current);
  for (let way = 1; way < 2 ** swaps.length; ++way) {
    const speaker = 31 - Math.clz32(way & -way);
    swapped[speaker] = !swapped[speaker];
    apply(current, swaps[speaker]!, swapped[speaker] ? 1 : -1);
    counter.look(current);
  }
}

function randomWays(
  sums: Float64Array,
  swaps: readonly Float64Array[],
  counter: ExtremeCounter,
  draws: number,
  seed: number,
): void {
  const random = new Random({ seed, stream: 'speaker-swaps' });
  const current = new Float64Array(sums.length);
  for (let draw = 0; draw < draws; ++draw) {
    current.set(sums);
    let bits = 0;
    for (const [speaker, swap] of swaps.entries()) {
      if (speaker % 32 === 0) bits = random.uint32();
      if ((bits >>> (speaker % 32)) & 1) apply(current, swap, 1);
    }
    counter.look(current);
  }
}

/** Swaps a speaker's answers (sign 1), or puts them back (-1). */
function apply(sums: Float64Array, swap: Float64Array, sign: 1 | -1): void {
  const size = swap.length;
  for (let k = 0; k < size; ++k) {
    sums[k]! += sign * swap[k]!;
    sums[size + k]! -= sign * swap[k]!;
  }
}
