/** Evaluations as a few lines for a terminal. */
import { brackets, percent, percentSpread } from '../report/format.js';
import { type Column, fittedTable, printable, wrap } from '../text-layout.js';
import type { ComparedEvaluations, RunDifference } from './compare-evaluations.js';
import { points, pValue } from './figures.js';
import { basisName, described, meanName, sharedNotes } from './notes.js';
import type { Evaluation, ModelScores } from './types.js';

const WIDTH = 100;

/** Title, models, conditions and notes of each evaluation; then, of several, what differs between them. No trailing line break. */
export function renderEvaluationText({ evaluations, differences, warnings }: ComparedEvaluations): string {
  const { shared, own } = sharedNotes(evaluations);
  const blocks = evaluations.map((evaluation, index) => single(evaluation, own[index]!));
  if (evaluations.length > 1) blocks.push(comparison(evaluations, differences));
  const text = [blocks.join('\n\n\n'), ...[...warnings, ...shared].map(mind)].join('\n\n');
  return text.split('\n').map(printable).join('\n');
}

function single(evaluation: Evaluation, own: readonly string[]): string {
  const { conditions, corpus, basis, chance } = evaluation;
  const clean = conditions[0]!;
  const scored = (name: string, scores: Pick<ModelScores, 'ua' | 'wa' | 'ci95' | 'n'>) => [
    name,
    percent(scores.ua),
    brackets(scores.ci95?.ua),
    percent(scores.wa),
    brackets(scores.ci95?.wa),
    String(scores.n),
  ];
  const rows = clean.models.map((model) => scored(model.name, model));
  const mean = meanName(evaluation);
  if (mean) rows.push([mean, percentSpread(clean.mean.ua), '', percentSpread(clean.mean.wa)]);
  if (basis !== 'single' && clean.models.length > 1) rows.push(scored(basisName(evaluation), clean.overall));
  rows.push(['Chance', percent(chance.ua), '', percent(chance.wa)]);
  return [
    `${evaluation.model} on ${corpus.name}`,
    ...wrap(described(evaluation), WIDTH),
    ...(corpus.synthetic ? ['Synthetic speech: the figures say nothing about real speech.'] : []),
    '',
    ...fittedTable(
      [{ title: '%' }, ...rights('UA', '95 % interval', 'WA', '95 % interval', 'utterances')],
      rows,
      WIDTH,
    ),
    ...(conditions.length > 1 ? ['', ...conditionTable(evaluation)] : []),
    ...own.flatMap((note) => ['', mind(note)]),
  ].join('\n');
}

function conditionTable(evaluation: Evaluation): string[] {
  const columns = rights('UA', '95 % interval', 'change', '95 % interval', 'p', 'WA', 'change');
  const rows = evaluation.conditions.map(({ name, overall, change }) => [
    name,
    percent(overall.ua),
    brackets(overall.ci95?.ua),
    points(change?.ua),
    brackets(change?.ua?.ci95),
    pValue(change?.ua?.p),
    percent(overall.wa),
    points(change?.wa),
  ]);
  return [
    ...fittedTable([{ title: `%, ${basisName(evaluation).toLowerCase()}` }, ...columns], rows, WIDTH),
    'change: against clean, paired by speaker; p: permutation test over speakers',
  ];
}

/** UA of every run under every condition, and its difference from the first run's. */
function comparison(evaluations: readonly Evaluation[], differences: readonly RunDifference[]): string {
  const cell = ({ model, conditions }: Evaluation, condition: string) => {
    const ua = conditions.find(({ name }) => name === condition)?.overall.ua ?? null;
    const found = differences.find(
      (difference) => difference.run === model && difference.condition === condition,
    );
    return `${percent(ua)}${found?.ua ? ` (${points(found.ua)}, p ${pValue(found.ua.p)})` : ''}`;
  };
  return [
    ...fittedTable(
      [{ title: 'UA, %' }, ...rights(...evaluations.map(({ model }) => model))],
      evaluations[0]!.conditions.map(({ name }) => [
        name,
        ...evaluations.map((evaluation) => cell(evaluation, name)),
      ]),
      Math.max(WIDTH, 30 * (1 + evaluations.length)),
    ),
    ...(differences.length > 0
      ? [
          `in parentheses: against ${evaluations[0]!.model}, paired by speaker; p: permutation test over speakers`,
        ]
      : []),
  ].join('\n');
}

const rights = (...titles: string[]): Column[] => titles.map((title) => ({ title, align: 'right' }));

const mind = (note: string) => wrap(`Mind: ${note}`, WIDTH).join('\n');
