/** Several runs judged under the same conditions: what differs between them, and whether they can be compared at all. */
import { changesOf } from './speaker-statistics.js';
import type { Change, Evaluation, EvaluationLine, EvaluationResult } from './types.js';

/** A run's figure minus that of the first run under the same condition, over the same utterances. */
export interface RunDifference {
  run: string;
  against: string;
  condition: string;
  ua: Change | null;
  wa: Change | null;
}

export interface ComparedEvaluations {
  schema: 'ser-native/evaluations@1';
  evaluations: Evaluation[];
  /** Every run but the first against the first; none where they judged different utterances. */
  differences: RunDifference[];
  warnings: string[];
}

/** Puts results side by side; runs of the same name are told apart by their paths. */
export function compareEvaluations(results: readonly EvaluationResult[]): ComparedEvaluations {
  const names = results.map(({ evaluation }) => evaluation.model);
  const evaluations = results.map(({ evaluation }) =>
    names.filter((name) => name === evaluation.model).length > 1
      ? { ...evaluation, model: evaluation.path }
      : evaluation,
  );
  const warnings: string[] = [];
  const first = results[0]!;
  const comparable = results.every((result) => sameUtterances(first, result));
  if (!comparable) {
    const counts = evaluations.map(({ model, corpus }) => `${model} ${corpus.utterances}`);
    warnings.push(
      `The runs were judged on different utterances or classes (${counts.join(', ')}): their figures do not compare. Name the same folds with --folds.`,
    );
  }
  const differences = comparable
    ? results.slice(1).flatMap((result, index) =>
        first.evaluation.conditions.map(({ name }): RunDifference => {
          const { classes } = first.evaluation;
          return {
            run: evaluations[index + 1]!.model,
            against: evaluations[0]!.model,
            condition: name,
            ...changesOf(overallLines(first, name), overallLines(result, name), classes),
          };
        }),
      )
    : [];
  return { schema: 'ser-native/evaluations@1', evaluations, differences, warnings };
}

/** The predictions that an evaluation's `overall` is of. */
function overallLines({ evaluation, lines }: EvaluationResult, condition: string): EvaluationLine[] {
  const of = lines.filter((line) => line.condition === condition);
  if (evaluation.basis === 'pooled') return of;
  const name =
    evaluation.basis === 'ensemble'
      ? 'ensemble'
      : (evaluation.conditions[0]!.models.find(({ fold }) => fold > 0)?.name ?? 'final');
  return of.filter(({ model }) => model === name);
}

/** Whether both judged the same utterances, of several seeds each once, with the same labels and classes. */
function sameUtterances(a: EvaluationResult, b: EvaluationResult): boolean {
  const key = (result: EvaluationResult) => {
    const labels = new Map(overallLines(result, 'clean').map(({ id, label }) => [id, label]));
    const { corpus, classes } = result.evaluation;
    return JSON.stringify([corpus.name, classes, [...labels].sort(([x], [y]) => (x < y ? -1 : 1))]);
  };
  return key(a) === key(b);
}
