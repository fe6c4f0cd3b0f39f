/** From the folds' held-out predictions to `report.json`. */
import { DataError } from '../errors.js';
import {
  clusteredIntervals,
  marginsBySpeaker,
  poolScores,
  scores,
  selectionBasis,
  spreadOverSeeds,
} from '../metrics/index.js';
import { classTable, groupTables } from './held-out-groups.js';
import { runCalibration } from './run-calibration.js';
import type {
  EpochLine,
  FoldReport,
  FoldSelection,
  PooledScores,
  PredictionLine,
  RunReport,
  Scores,
  Selection,
  SelectionSummary,
} from './types.js';

/** What a finished fold gives; a `FoldOutcome` of training is one. */
export interface FoldResult {
  /** Counts from 1. */
  fold: number;
  seed: number;
  epochs: EpochLine[];
  selected: { epoch: number };
  bestOnTest: { epoch: number };
  /** Fitted on the fold's validation part; null or absent where there was none. */
  temperature?: number | null;
  /** Of the same held-out utterances, each once per selection. */
  predictions: Record<Selection, PredictionLine[]>;
}

/** Facts of the run, and its finished folds in any order. */
export interface BuildReportInput
  extends Pick<
    RunReport,
    | 'run'
    | 'created'
    | 'version'
    | 'corpus'
    | 'choices'
    | 'synthetic'
    | 'protocol'
    | 'protocolFolds'
    | 'validation'
    | 'classes'
    | 'audit'
  > {
  folds: readonly FoldResult[];
  /** The corpus was not complete. */
  partial?: boolean;
  /** Sentences from the corpus reader and the fold plan; the report adds its own. */
  warnings?: readonly string[];
}

/**
 * Scores every fold from its predictions, then over folds: mean and standard deviation (n - 1) of the folds' figures, and
 * the figures of all held-out predictions pooled. With several seeds, `mean` is over the seeds' means (protocols differ
 * by speaker, seeds by chance; mixing both would describe neither), and `pooled` counts each seed's predictions. Intervals are
 * clustered by speaker, over all seeds of a speaker together: more seeds are no more speakers.
 *
 * @throws DataError `E_PREDICTIONS` for no fold, a fold given twice, or predictions that do not fit: an unknown class, an
 *   utterance twice, selections over different utterances
 */
export function buildReport(input: BuildReportInput): RunReport {
  const { classes, choices, warnings = [], partial, folds: results, ...facts } = input;
  if (results.length === 0) {
    throw refuse('no fold has finished, so there is nothing to report', 'Let at least one fold finish.');
  }
  const ordered = [...results].sort((a, b) => a.seed - b.seed || a.fold - b.fold);
  const folds = ordered.map((result) => foldReport(result, classes));
  folds.forEach((fold, i) => {
    const next = folds[i + 1];
    if (next && next.fold === fold.fold && next.seed === fold.seed) {
      throw refuse(`fold ${fold.fold} of seed ${fold.seed} is there twice`, 'Give each fold once.');
    }
  });
  const seeds = [...new Set(folds.map((fold) => fold.seed))];
  const over = <T>(make: (selection: Selection) => T): Record<Selection, T> => ({
    selected: make('selected'),
    bestOnTest: make('bestOnTest'),
  });
  const honest = ordered.flatMap(({ predictions }) => predictions.selected);
  return {
    schema: 'ser-native/report@1',
    ...facts,
    ...(choices ? { choices } : {}),
    classes: [...classes],
    seeds,
    folds,
    mean: over((selection) => summarise(folds, selection)),
    pooled: over((selection) => pool(ordered, folds, selection, classes)),
    speakers: new Set(honest.map((line) => line.speaker)).size,
    perClass: classTable(honest, classes),
    groups: groupTables(honest, classes),
    calibration: runCalibration(ordered, classes),
    ...(partial ? { partial } : {}),
    warnings: [...new Set([...warnings, ...findings(input, ordered, folds, seeds)])],
  };
}

function foldReport(result: FoldResult, classes: readonly string[]): FoldReport {
  const selected = scoreLines(result, 'selected', classes);
  const best = scoreLines(result, 'bestOnTest', classes);
  const ids = new Set(result.predictions.selected.map((line) => line.id));
  if (best.n !== selected.n || result.predictions.bestOnTest.some((line) => !ids.has(line.id))) {
    throw refuse(
      `fold ${result.fold}: the two selections predict different utterances (${selected.n} and ${best.n})`,
      'Delete the folder of this fold in the run folder and run again with --resume.',
    );
  }
  return {
    fold: result.fold,
    seed: result.seed,
    n: selected.n,
    selected: withEpoch(selected, result.selected.epoch),
    bestOnTest: withEpoch(best, result.bestOnTest.epoch),
  };
}

function pool(
  results: readonly FoldResult[],
  folds: readonly FoldReport[],
  selection: Selection,
  classes: readonly string[],
): PooledScores {
  const lines = results.flatMap(({ predictions }) => predictions[selection]);
  return {
    ...poolScores(folds.map((fold) => fold[selection])),
    ci95: clusteredIntervals(marginsBySpeaker(lines, classes)),
  };
}

function withEpoch({ n: _, ...rest }: Scores, epoch: number): FoldSelection {
  return { epoch, ...rest };
}

function scoreLines(result: FoldResult, selection: Selection, classes: readonly string[]): Scores {
  const lines = result.predictions[selection];
  const where = `fold ${result.fold}, ${selection}`;
  const cure = 'Delete the folder of this fold in the run folder and run again with --resume.';
  if (lines.length === 0) throw refuse(`${where}: no prediction`, cure);
  const ids = new Set<string>();
  const classId = (name: string, id: string) => {
    const index = classes.indexOf(name);
    if (index < 0) throw refuse(`${where}: ${id} has the class ${name}, which the corpus lacks`, cure);
    return index;
  };
  for (const { id } of lines) {
    if (ids.has(id)) throw refuse(`${where}: ${id} is predicted twice`, cure);
    ids.add(id);
  }
  return scores(
    lines.map((line) => classId(line.label, line.id)),
    lines.map((line) => classId(line.predicted, line.id)),
    classes.length,
  );
}

function summarise(folds: readonly FoldReport[], selection: Selection): SelectionSummary {
  const of = (figure: 'wa' | 'ua' | 'wf1' | 'mf1') =>
    spreadOverSeeds(folds.map((fold) => ({ seed: fold.seed, value: fold[selection][figure] })));
  return { wa: of('wa'), ua: of('ua'), wf1: of('wf1'), mf1: of('mf1') };
}

/** What a reader of the figures must know, found in the figures themselves. */
function findings(
  input: BuildReportInput,
  results: readonly FoldResult[],
  folds: readonly FoldReport[],
  seeds: readonly number[],
): string[] {
  const found: string[] = [];
  for (const seed of seeds) {
    const finished = folds.filter((fold) => fold.seed === seed);
    if (finished.length >= input.protocolFolds) continue;
    const which = seeds.length > 1 ? ` for seed ${seed}` : '';
    found.push(
      `${finished.length} of the protocol's ${input.protocolFolds} folds are in this report${which} ` +
        `(${finished.map((fold) => fold.fold).join(', ')}): its mean is no result of the whole protocol.`,
    );
  }
  const name = (fold: FoldReport) =>
    seeds.length > 1 ? `fold ${fold.fold} of seed ${fold.seed}` : `fold ${fold.fold}`;
  const lacking = folds.filter((fold) => fold.selected.ua === null);
  if (lacking.length > 0) {
    const missing = (fold: FoldReport) =>
      input.classes.filter((_, c) => fold.selected.confusion[c]!.every((count) => count === 0));
    const listed = enumerate(lacking.map((fold) => `${name(fold)} has no ${missing(fold).join(', ')}`));
    found.push(
      `UA is not defined for a test fold that lacks a class (${listed}), nor is its mean over folds. ` +
        'The pooled UA stands in its place.',
    );
  }
  const byWa = folds.filter((_, i) => {
    const { epochs } = results[i]!;
    return epochs.length > 0 && selectionBasis(epochs, 'selected') === 'wa';
  });
  if (byWa.length > 0) {
    found.push(
      `A validation part lacks a class and so has no UA (${enumerate(byWa.map(name))}): the epoch was chosen by ` +
        'validation WA there.',
    );
  }
  return found;
}

/** The first few of a list, and how many more: a protocol of many folds must not flood the page. */
function enumerate(items: readonly string[]): string {
  const shown = items.slice(0, 6).join('; ');
  return items.length > 6 ? `${shown}; and ${items.length - 6} more` : shown;
}

function refuse(message: string, cure: string): DataError {
  return new DataError(message, { code: 'E_PREDICTIONS', cure });
}
