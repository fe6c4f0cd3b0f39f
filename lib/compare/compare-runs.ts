/** Runs against each other, over the utterances that they both hold out. */
import { DataError, UsageError } from '../errors.js';
import { FIGURES, type Figure, holm, type PairedTest, pairedTest } from '../metrics/index.js';
import type { RunReport, Selection } from '../report/types.js';
import { type RunPredictions, readRunPredictions } from './run-predictions.js';

export interface CompareOptions {
  /** Which epoch's predictions; default `selected`, the honest one. */
  selection?: Selection;
  /** Of the random ways to swap; default 0. */
  seed?: number;
}

/** One of the compared runs. */
export interface ComparedRun {
  path: string;
  /** Name of the folder, or its path where two folders have the same name. */
  name: string;
  protocol: string;
  seeds: number[];
}

/** A run against the first. Differences are this run's figure less the first's. */
export interface RunAgainstFirst extends PairedTest {
  run: ComparedRun;
  /** p of each figure after Holm's correction over all runs compared with the first; equal to `p` where there is one. */
  adjustedP: Record<Figure, number | null>;
  /** What a reader must know: utterances left out, other folds, other seeds. */
  notes: string[];
}

export interface Comparison {
  schema: 'ser-native/comparison@1';
  selection: Selection;
  corpus: string;
  synthetic: boolean;
  classes: string[];
  first: ComparedRun;
  /** Every other run, in the order given. */
  others: RunAgainstFirst[];
}

/**
 * Compares every run with the first: a paired permutation test over speakers, the interval of the difference, McNemar's counts as a
 * description, and Holm's correction over the runs.
 *
 * @param paths run folders, two at least
 * @throws UsageError `E_ARGUMENT` for fewer than two
 * @throws DataError `E_COMPARE_CORPUS`, `E_COMPARE_CLASSES` where they cannot be compared; `E_NO_REPORT`, `E_PREDICTIONS`
 */
export async function compareRuns(
  paths: readonly string[],
  options: CompareOptions = {},
): Promise<Comparison> {
  if (paths.length < 2) {
    throw new UsageError('a comparison needs two run folders at least', {
      code: 'E_ARGUMENT',
      cure: 'Name the run to compare with first, then the others.',
    });
  }
  const { selection = 'selected', seed = 0 } = options;
  const runs = await Promise.all(paths.map((path) => readRunPredictions(path, selection)));
  const names = new Set(runs.map(({ name }) => name));
  const described = runs.map(
    ({ path, name, report }): ComparedRun => ({
      path,
      name: names.size === runs.length ? name : path,
      protocol: report.protocol,
      seeds: report.seeds,
    }),
  );
  const [first, ...others] = runs as [RunPredictions, ...RunPredictions[]];
  for (const other of others) checkComparable(first, other);
  const tests = others.map((other) => pairedTest(first.lines, other.lines, first.report.classes, { seed }));
  const adjusted = Object.fromEntries(
    FIGURES.map((figure) => [figure, holm(tests.map((test) => test[figure].p))]),
  ) as Record<Figure, (number | null)[]>;
  return {
    schema: 'ser-native/comparison@1',
    selection,
    corpus: first.report.corpus,
    synthetic: first.report.synthetic,
    classes: first.report.classes,
    first: described[0]!,
    others: tests.map((test, index) => ({
      run: described[index + 1]!,
      ...test,
      adjustedP: Object.fromEntries(
        FIGURES.map((figure) => [figure, adjusted[figure][index] ?? null]),
      ) as Record<Figure, number | null>,
      notes: notesOn(test, first.report, others[index]!.report),
    })),
  };
}

function checkComparable(first: RunPredictions, other: RunPredictions): void {
  const { report: a } = first;
  const { report: b } = other;
  if (a.corpus !== b.corpus) {
    throw new DataError(`${first.path} was judged on ${a.corpus}, ${other.path} on ${b.corpus}`, {
      code: 'E_COMPARE_CORPUS',
      cure: 'Compare runs of the same corpus.',
    });
  }
  if ([...a.classes].sort().join('\n') !== [...b.classes].sort().join('\n')) {
    throw new DataError(
      `the runs have other classes: ${a.classes.join(', ')} in ${first.path}, ${b.classes.join(', ')} in ${other.path}`,
      {
        code: 'E_COMPARE_CLASSES',
        cure: 'Train both with the same choice of classes; recalls over other classes are other figures.',
      },
    );
  }
}

function notesOn(test: PairedTest, first: RunReport, other: RunReport): string[] {
  const notes: string[] = [];
  const [onlyFirst, onlySecond] = test.unpaired;
  if (onlyFirst + onlySecond > 0) {
    notes.push(
      `Only the ${test.utterances} utterances that both predict are compared; ${onlyFirst} of the first run and ` +
        `${onlySecond} of the second have no partner.`,
    );
  }
  if (first.protocol !== other.protocol) {
    notes.push(
      `The folds differ (${first.protocol} and ${other.protocol}): a model that heard more or other speakers is part of the difference.`,
    );
  } else if (first.validation !== other.validation) {
    notes.push(
      `Validation differs (${first.validation} and ${other.validation}): the models train on different speakers.`,
    );
  }
  if (first.seeds.length > 1 || other.seeds.length > 1) {
    notes.push(
      `Answers to an utterance are averaged over seeds (${first.seeds.length} and ${other.seeds.length}).`,
    );
  }
  if (first.partial || other.partial) notes.push('The corpus was not complete.');
  return notes;
}
