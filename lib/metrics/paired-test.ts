/** Whether two runs over the same utterances differ: the difference, its interval, and a test over speakers. */
import type { Interval } from '../report/types.js';
import { clusteredInterval } from './clustered-interval.js';
import { type McNemar, mcnemar } from './mcnemar.js';
import { pairAnswers } from './paired-answers.js';
import { permutationTest } from './permutation.js';
import type { JudgedLine } from './speaker-margins.js';
import { sumMargins } from './speaker-margins.js';
import { differenceStatistic, FIGURES, type Figure, figureStatistic } from './speaker-statistic.js';

/** A figure of both runs. All null where it is not defined: UA of utterances that lack a class. */
export interface PairedFigure {
  first: number | null;
  second: number | null;
  /** Second less first. */
  difference: number | null;
  /** Of the difference, clustered by speaker; null too with a single speaker. */
  ci95: Interval | null;
  /** Two-sided, by permutation over speakers. */
  p: number | null;
}

export interface PairedTest extends Record<Figure, PairedFigure> {
  /** Utterances that both runs predict. */
  utterances: number;
  /** Utterances that only the first run, or only the second, predicts; no figure here counts them. */
  unpaired: [first: number, second: number];
  speakers: number;
  permutation: {
    exact: boolean;
    /** Ways of swapping that were tried. */
    ways: number;
    /** Speakers whose answers differ between the runs. */
    informative: number;
    /** However large the difference, p cannot be below this. */
    smallestP: number;
  };
  /**
   * A description: it takes utterances as independent, which those of a speaker are not. With several seeds, the counts are means over
   * pairs of seeds, rounded.
   */
  mcnemar: McNemar;
  /** Recall of each class; null where the utterances lack it. */
  recalls: { name: string; first: number | null; second: number | null; difference: number | null }[];
}

/**
 * Compares two runs' predictions of one selection, paired by utterance; several seeds of an utterance are averaged.
 *
 * @param first, second held-out predictions; lines of `predictions.jsonl` do
 * @param classes names in the corpus' order
 * @param options.seed of the random ways to swap; default 0
 * @throws DataError `E_COMPARE_CORPUS` where they have no utterance in common or disagree on a label or speaker
 */
export function pairedTest(
  first: Iterable<JudgedLine>,
  second: Iterable<JudgedLine>,
  classes: readonly string[],
  options: { seed?: number } = {},
): PairedTest {
  const paired = pairAnswers(first, second, classes);
  const { clusters } = paired;
  const size = 3 * classes.length;
  const sums = sumMargins(clusters);
  const { p, ...permutation } = permutationTest(clusters, { seed: options.seed });
  const figures = FIGURES.map((figure): [Figure, PairedFigure] => {
    const single = figureStatistic(figure, classes.length);
    const difference = differenceStatistic(figure, classes.length);
    return [
      figure,
      {
        first: single.value(sums.subarray(0, size)),
        second: single.value(sums.subarray(size)),
        difference: difference.value(sums),
        ci95: clusteredInterval(clusters, difference, 'plain'),
        p: p[figure],
      },
    ];
  });
  return {
    ...(Object.fromEntries(figures) as Record<Figure, PairedFigure>),
    utterances: paired.utterances,
    unpaired: paired.unpaired,
    speakers: clusters.length,
    permutation,
    mcnemar: mcnemar(Math.round(paired.onlyFirst), Math.round(paired.onlySecond)),
    recalls: classes.map((name, c) => {
      const support = sums[classes.length + c]!;
      if (support === 0) return { name, first: null, second: null, difference: null };
      const before = sums[c]! / support;
      const after = sums[size + c]! / sums[size + classes.length + c]!;
      return { name, first: before, second: after, difference: after - before };
    }),
  };
}
