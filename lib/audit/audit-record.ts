/**
 * What a run says of itself, held against its plan and its own metrics: predictions of exactly what is tested, the epoch that
 * the metrics choose, and figures that the predictions give.
 */

import { listSome } from '../corpus/audio-files.js';
import type { Corpus } from '../corpus/types.js';
import { PARTS } from '../folds/types.js';
import { bestOnTest, scores, selectEpoch } from '../metrics/index.js';
import type { FoldReport, PredictionLine, Selection } from '../report/types.js';
import type { RunRecord } from './run-record.js';
import type { AuditedPlan, AuditReport } from './types.js';

const SELECTIONS: Record<Selection, string> = {
  selected: 'selected epoch',
  bestOnTest: 'best epoch on test',
};
/** Figures are written with all their digits; two sums in another order differ by less. */
const TOLERANCE = 1e-9;

type Findings = Pick<AuditReport, 'faults' | 'checked' | 'notChecked'>;

export function auditRecord(record: RunRecord, plan: AuditedPlan, corpus: Corpus | undefined): Findings {
  const checked: string[] = [];
  const notChecked: string[] = [];
  const faults: string[] = [];
  if (record.predictions.length === 0) notChecked.push('predictions: the run has none yet');
  else {
    faults.push(...predictionFaults(record, plan, corpus));
    checked.push('predictions: of every tested utterance, once, and of no other');
  }
  if (record.report === undefined)
    notChecked.push('the epochs that were selected: the run has no report yet');
  else {
    faults.push(...epochFaults(record), ...figureFaults(record));
    checked.push(
      'selected epochs: those that the metrics choose',
      'figures: those that the predictions give',
    );
  }
  return { faults, checked, notChecked };
}

/** `fold 2`, or with several seeds `fold 2 of seed 7`. */
function naming(record: RunRecord): (of: { fold: number; seed: number }) => string {
  const several = new Set(record.predictions.map(({ seed }) => seed)).size > 1;
  return ({ fold, seed }) => (several ? `Fold ${fold} of seed ${seed}` : `Fold ${fold}`);
}

function grouped(lines: readonly PredictionLine[]): PredictionLine[][] {
  const groups = new Map<string, PredictionLine[]>();
  for (const line of lines) {
    const key = `${line.seed} ${line.fold} ${line.selection}`;
    const group = groups.get(key);
    if (group) group.push(line);
    else groups.set(key, [line]);
  }
  return [...groups.values()];
}

function predictionFaults(record: RunRecord, plan: AuditedPlan, corpus: Corpus | undefined): string[] {
  const name = naming(record);
  const byId = new Map((corpus?.utterances ?? []).map((utterance) => [utterance.id, utterance]));
  const folds = new Map(plan.folds.map((fold) => [fold.fold, fold]));
  return grouped(record.predictions).flatMap((lines) => {
    const first = lines[0]!;
    const where = `${name(first)}, ${SELECTIONS[first.selection]}`;
    const fold = folds.get(first.fold);
    if (!fold) return [`${where}: the plan has no such fold.`];
    const faults: string[] = [];
    const tested = new Set(fold.test);
    const seen = new Set<string>();
    const twice = lines.filter(({ id }) => seen.has(id) || !seen.add(id)).map(({ id }) => id);
    if (twice.length > 0) faults.push(`${where}: predicted twice: ${listSome(twice)}.`);
    const foreign = [...seen].filter((id) => !tested.has(id));
    if (foreign.length > 0) {
      const partOf = new Map(PARTS.flatMap((part) => fold[part].map((id) => [id, part] as const)));
      const items = foreign.map((id) => `${id}: ${partOf.get(id) ?? 'in no part'}`);
      faults.push(`${where}: predictions of what is not tested (${listSome(items)}).`);
    }
    const missing = fold.test.filter((id) => !seen.has(id));
    if (missing.length > 0)
      faults.push(`${where}: ${missing.length} tested utterances have no prediction (${listSome(missing)}).`);
    const relabelled = lines.filter(({ id, label }) => (byId.get(id)?.emotion ?? label) !== label);
    if (relabelled.length > 0) {
      const items = relabelled.map(({ id, label }) => `${id}: ${label}, not ${byId.get(id)!.emotion}`);
      faults.push(`${where}: labels that the corpus does not give (${listSome(items)}).`);
    }
    return faults;
  });
}

function epochFaults(record: RunRecord): string[] {
  const name = naming(record);
  return record.report!.folds.flatMap((fold) => {
    const lines = record.epochs.filter((line) => line.fold === fold.fold && line.seed === fold.seed);
    if (lines.length === 0) return [`${name(fold)}: the metrics have none of its epochs.`];
    const faults: string[] = [];
    const expected = { selected: selectEpoch(lines).epoch, bestOnTest: bestOnTest(lines).epoch };
    for (const selection of ['selected', 'bestOnTest'] as const) {
      const { epoch } = fold[selection];
      if (epoch !== expected[selection])
        faults.push(
          `${name(fold)}: the report gives epoch ${epoch} as the ${SELECTIONS[selection]}, the metrics choose ${expected[selection]}.`,
        );
    }
    return faults;
  });
}

function figureFaults(record: RunRecord): string[] {
  const { classes, folds } = record.report!;
  const name = naming(record);
  const label = new Map(classes.map((emotion, index) => [emotion, index]));
  const groups = grouped(record.predictions);
  return folds.flatMap((fold) =>
    (['selected', 'bestOnTest'] as const).flatMap((selection) => {
      const lines = groups.find(
        ([line]) => line!.fold === fold.fold && line!.seed === fold.seed && line!.selection === selection,
      );
      if (!lines) return [`${name(fold)}: no prediction of the ${SELECTIONS[selection]}.`];
      const strange = lines.find(({ label: a, predicted: b }) => !label.has(a) || !label.has(b));
      if (strange) return [`${name(fold)}: ${strange.id} has a class that the report lacks.`];
      const own = scores(
        lines.map((line) => label.get(line.label)!),
        lines.map((line) => label.get(line.predicted)!),
        classes.length,
      );
      return differing(fold, selection, own).map(
        (figure) => `${name(fold)}, ${SELECTIONS[selection]}: ${figure}`,
      );
    }),
  );
}

function differing(fold: FoldReport, selection: Selection, own: { wa: number; ua: number | null }): string[] {
  return (['wa', 'ua'] as const).flatMap((figure) => {
    const told = fold[selection][figure];
    const given = own[figure];
    const equal = told === given || Math.abs((told ?? Number.NaN) - (given ?? Number.NaN)) < TOLERANCE;
    return equal ? [] : [`the report says ${figure.toUpperCase()} ${told}, the predictions give ${given}.`];
  });
}
