/** A comparison as text for a terminal of 80 columns. */
import type { Figure, PairedFigure } from '../metrics/index.js';
import { count, DASH, percent } from '../report/format.js';
import { printable, wrap } from '../text-layout.js';
import type { Comparison, RunAgainstFirst } from './compare-runs.js';
import { comparisonMeaning, formatP, pText, signed } from './comparison-meaning.js';

const FIGURE_NAMES: [Figure, string][] = [
  ['ua', 'UA'],
  ['wa', 'WA'],
  ['mf1', 'macro F1'],
  ['wf1', 'weighted F1'],
];
const WIDTH = 80;
/** Names and labels take this much of a line. */
const LABEL = 22;

interface Style {
  bold(text: string): string;
  dim(text: string): string;
}
const PLAIN: Style = { bold: (t) => t, dim: (t) => t };
const ANSI: Style = { bold: (t) => `\u001b[1m${t}\u001b[22m`, dim: (t) => `\u001b[2m${t}\u001b[22m` };

/** In percent; differences are of the named run less the first. No trailing line break. */
export function renderComparisonText(comparison: Comparison, options: { colour?: boolean } = {}): string {
  const style = options.colour ? ANSI : PLAIN;
  const { others, first, selection } = comparison;
  const chosen = selection === 'selected' ? 'validation-selected epochs' : 'best epochs on the test fold';
  const lines = [style.bold(printable(comparison.corpus)) + style.dim(`   ${chosen}`)];
  if (comparison.synthetic) lines.push('Synthetic speech: nothing here is about real speech.');
  lines.push(...(others.length === 1 ? one(others[0]!, comparison, style) : several(comparison, style)));
  lines.push('', ...howTested(others, style));
  const notes = new Set(others.flatMap((test) => test.notes));
  if (selection === 'bestOnTest') {
    notes.add(
      'Both epochs were chosen on the test fold: the figures are optimistic, their difference may be.',
    );
  }
  for (const note of notes) lines.push('', ...wrap(`Mind: ${note}`, WIDTH));
  for (const test of others) {
    lines.push(
      '',
      ...wrap(printable(comparisonMeaning(test, first.name, others.length)), WIDTH).map(style.bold),
    );
  }
  return lines.join('\n');
}

/** Two runs: every figure, and the recall of each class. */
function one(test: RunAgainstFirst, { first }: Comparison, style: Style): string[] {
  return [
    `first   ${printable(first.path)}`,
    `second  ${printable(test.run.path)}`,
    `${test.utterances} utterances of ${count(test.speakers, 'speaker')}, predicted by both`,
    '',
    style.dim(row('%', ['first', 'second', 'difference', '95 %', 'p'])),
    ...FIGURE_NAMES.map(([figure, name]) => {
      const { first: a, second: b, p } = test[figure];
      return row(name, [percent(a), percent(b), ...change(test[figure]), p === null ? DASH : formatP(p)]);
    }),
    '',
    style.dim(row('recall, %', ['first', 'second', 'difference'])),
    ...test.recalls.map(({ name, first: a, second: b, difference }) =>
      row(name, [percent(a), percent(b), difference === null ? DASH : signed(difference)]),
    ),
  ];
}

/** More than two: a table for UA and one for WA, a row for each run. */
function several({ first, others }: Comparison, style: Style): string[] {
  const lines = [`all against the first, ${printable(first.path)}`];
  for (const [figure, name] of FIGURE_NAMES.slice(0, 2)) {
    lines.push('', style.dim(row(`${name}, %`, ['first', 'this', 'difference', '95 %', 'p', 'Holm'])));
    for (const test of others) {
      const { first: a, second: b, p } = test[figure];
      const adjusted = test.adjustedP[figure];
      lines.push(
        row(test.run.name, [
          percent(a),
          percent(b),
          ...change(test[figure]),
          p === null ? DASH : formatP(p),
          adjusted === null ? DASH : formatP(adjusted),
        ]),
      );
    }
  }
  return lines;
}

function howTested(others: readonly RunAgainstFirst[], style: Style): string[] {
  return others.flatMap((test) => {
    const { exact, ways, informative } = test.permutation;
    const { b, c, p } = test.mcnemar;
    const who = others.length > 1 ? `${printable(test.run.name)}: ` : '';
    const how = exact ? `all ${ways} ways` : `${ways} random ways`;
    return [
      `${who}p by permutation over ${count(test.speakers, 'speaker')}, ${how} of swapping${informative < test.speakers ? ` the ${informative} that differ` : ''}.`,
      ...wrap(
        `${who}McNemar, a description that takes utterances as independent: ${b} right in the first run only, ${c} in the second only, ${pText(p)}.`,
        WIDTH,
      ),
    ].map(style.dim);
  });
}

function change({ difference, ci95 }: PairedFigure): [string, string] {
  return [
    difference === null ? DASH : signed(difference),
    ci95 ? `${signed(ci95[0])} to ${signed(ci95[1])}` : DASH,
  ];
}

function row(label: string, cells: string[]): string {
  const widths = [7, 8, 12, 16, 9, 9];
  const shown = printable(label);
  const name = shown.length < LABEL - 2 ? shown : `${shown.slice(0, LABEL - 4)}\u2026`;
  const start = cells.length > 5 ? LABEL - 3 : LABEL;
  return name.padEnd(start) + cells.map((cell, i) => cell.padStart(widths[i]!)).join('');
}
