/** Scores of every model under every condition, with what each condition changes. */
import type { Utterance } from '../corpus/types.js';
import { type Figure, spread } from '../metrics/index.js';
import { type Condition, conditionName } from '../perturb/types.js';
import type { Spread } from '../report/types.js';
import type { Heard } from './hear.js';
import { likeliest, sharedProbabilities } from './judgement.js';
import type { Judge } from './judges.js';
import { changesOf, withIntervals } from './speaker-statistics.js';
import type { ConditionReport, Evaluation, EvaluationLine, ModelScores, OtherClasses } from './types.js';

export interface ReportInput {
  run: string;
  kind: Evaluation['kind'];
  conditions: readonly Condition[];
  /** What each model said, condition by condition. */
  heard: readonly { judge: Judge; conditions: readonly Heard[] }[];
  /** All that were judged by some model. */
  utterances: readonly Utterance[];
  /** True class by id. */
  labels: ReadonlyMap<string, string>;
  /** Classes of the models. */
  known: readonly string[];
  /** Classes that are judged. */
  classes: readonly string[];
  otherClasses: OtherClasses;
}

export function conditionReports(input: ReportInput): {
  reports: ConditionReport[];
  lines: EvaluationLine[];
  basis: Evaluation['basis'];
} {
  const folds = input.heard.filter(({ judge }) => judge.card.fold !== 0);
  const basis = input.kind === 'own' ? 'pooled' : folds.length > 1 ? 'ensemble' : 'single';
  const all: EvaluationLine[] = [];
  let clean: EvaluationLine[] = [];
  const reports = input.conditions.map((condition, index): ConditionReport => {
    const byModel = input.heard.map(({ judge, conditions }) =>
      linesOf(input, index, judge, conditions[index]!.probabilities),
    );
    const combined = basis === 'ensemble' ? ensemble(input, index) : byModel.flat();
    // Of a run without a fold the final model is the only one; of one with a single fold that fold counts, not the final model.
    const overall =
      basis === 'single' && folds.length === 1 ? byModel[input.heard.indexOf(folds[0]!)]! : combined;
    if (index === 0) clean = overall;
    all.push(...byModel.flat(), ...(basis === 'ensemble' ? combined : []));
    const models = input.heard.map(({ judge }, m): ModelScores => {
      const { fold, seed } = judge.card;
      return { name: judge.name, fold, seed, ...withIntervals(byModel[m]!, input.classes) };
    });
    const counted = models.filter(({ fold }) => fold !== 0 || folds.length === 0);
    const over = (figure: Figure) => overSeeds(counted, figure);
    const sum = (count: 'samples' | 'clipped') =>
      input.heard.reduce((total, { conditions }) => total + conditions[index]![count], 0);
    return {
      name: conditionName(condition),
      kind: condition.kind,
      level: condition.kind === 'noise' ? condition.snr : condition.kind === 'gain' ? condition.gain : null,
      models,
      mean: { wa: over('wa'), ua: over('ua'), wf1: over('wf1'), mf1: over('mf1') },
      overall: withIntervals(overall, input.classes),
      change: index === 0 ? null : changesOf(clean, overall, input.classes),
      clipped: sum('clipped') / Math.max(1, sum('samples')),
    };
  });
  return { reports, lines: all, basis };
}

/** Over folds; with several seeds over the seeds' means, as in a run's report. */
function overSeeds(models: readonly ModelScores[], figure: Figure): Spread {
  const seeds = [...new Set(models.map(({ seed }) => seed))];
  const perSeed = seeds.map((seed) =>
    spread(models.filter((model) => model.seed === seed).map((model) => model[figure])),
  );
  return perSeed.length === 1 ? perSeed[0]! : spread(perSeed.map(({ mean }) => mean));
}

/** The average of the folds' probabilities over all of the model's classes, then as one model's. */
function ensemble(input: ReportInput, condition: number): EvaluationLine[] {
  const folds = input.heard.filter(({ judge }) => judge.card.fold !== 0);
  const mean = new Map(
    input.utterances.map(({ id }) => {
      const sum = new Float64Array(input.known.length);
      for (const { conditions } of folds) {
        const probabilities = conditions[condition]!.probabilities.get(id)!;
        for (let c = 0; c < sum.length; c++) sum[c] = sum[c]! + probabilities[c]! / folds.length;
      }
      return [id, sum];
    }),
  );
  const { card } = folds[0]!.judge;
  return linesOf(input, condition, { name: 'ensemble', path: '', card: { ...card, fold: 0 } }, mean);
}

/** Lines of a model's predictions, sorted by id. */
function linesOf(
  input: ReportInput,
  condition: number,
  judge: Judge,
  heard: ReadonlyMap<string, Float64Array>,
): EvaluationLine[] {
  return input.utterances
    .filter(({ id }) => heard.has(id))
    .map(({ id, speaker, session, gender }) => {
      const probabilities = sharedProbabilities(
        heard.get(id)!,
        input.known,
        input.classes,
        input.otherClasses,
      );
      return {
        run: input.run,
        model: judge.name,
        condition: conditionName(input.conditions[condition]!),
        fold: judge.card.fold,
        seed: judge.card.seed,
        id,
        speaker,
        ...(session === undefined ? {} : { session }),
        ...(gender === undefined ? {} : { gender }),
        label: input.labels.get(id)!,
        predicted: likeliest(probabilities),
        probabilities,
      };
    })
    .sort((a, b) => (a.id < b.id ? -1 : 1));
}
