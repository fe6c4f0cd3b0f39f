/** Several runs as a table for the terminal, and as Markdown. */
import { comparisonMeaning } from '../compare/index.js';
import { printable } from '../text-layout.js';
import { brackets, corpusName, percent, percentSpread } from './format.js';
import { selectionName } from './page/headline.js';
import { plainMarkdown } from './report-markdown.js';
import { remarks, type SideBySide } from './side-by-side.js';
import type { RunReport, Selection } from './types.js';

const SELECTIONS: readonly Selection[] = ['selected', 'bestOnTest'];

/** What a row holds beside the run's name. */
function figures(report: RunReport, selection: Selection): string[] {
  const { ua, wa } = report.mean[selection];
  const pooled = report.pooled[selection];
  const cell = (figure: 'ua' | 'wa') =>
    [percent(pooled[figure]), brackets(pooled.ci95?.[figure])].filter((part) => part !== '').join(' ');
  return [percentSpread(ua), percentSpread(wa), cell('ua'), cell('wa')];
}

const HEAD = ['UA', 'WA', 'pooled UA', 'pooled WA'];

/** A sentence for each comparison, and for each that could not be made. */
function meanings({ comparison, incomparable }: SideBySide): string[] {
  const { first, others } = comparison ?? { first: null, others: [] };
  return [
    ...others.map((test) => comparisonMeaning(test, first!.name, others.length)),
    ...others.flatMap((test) => test.notes.map((note) => `${test.run.name}: ${note}`)),
    ...Object.entries(incomparable).map(([name, why]) => `${name} is not compared: ${why}.`),
  ];
}

const NOTE =
  'In percent. Mean over folds with standard deviation; pooled over all held-out predictions with 95 % intervals over speakers.';

/** Aligned columns. No trailing line break. */
export function renderSideBySideText(input: SideBySide): string {
  const { runs } = input;
  const rows = [['', ...HEAD]];
  for (const { report, name } of runs) {
    const marks = [`${corpusName(report)}, ${report.protocol}`, ...remarks(report)];
    rows.push([`${name}  (${marks.join('; ')})`]);
    for (const selection of SELECTIONS) {
      const title =
        selection === 'selected' ? selectionName(report, 'selected') : 'Best on test (optimistic)';
      rows.push([`  ${title}`, ...figures(report, selection)]);
    }
  }
  const widths = [0, 1, 2, 3, 4].map((column) =>
    Math.max(...rows.filter((row) => row.length > 1).map((row) => row[column]!.length)),
  );
  const lines = rows.map((row) =>
    row.length === 1
      ? row[0]!
      : row.map((cell, i) => (i === 0 ? cell.padEnd(widths[0]!) : cell.padStart(widths[i]! + 2))).join(''),
  );
  return [...lines, '', NOTE, ...meanings(input).flatMap((sentence) => ['', sentence])]
    .map(printable)
    .join('\n');
}

/** Two tables. Ends with a line break. */
export function renderSideBySideMarkdown(input: SideBySide): string {
  const { runs } = input;
  const row = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;
  const lines = [
    row(['run', 'corpus, protocol', 'epoch', ...HEAD]),
    '|---|---|---|--:|--:|--:|--:|',
    ...runs.flatMap(({ name, report }) =>
      SELECTIONS.map((selection) => {
        const honest = selection === 'selected';
        const about = [
          `${corpusName(report)}, ${report.protocol}`,
          ...remarks(report).map((mark) => `**${mark}**`),
        ];
        return row([
          honest ? plainMarkdown(name) : '',
          honest ? about.map((part) => (part.startsWith('**') ? part : plainMarkdown(part))).join('; ') : '',
          honest ? selectionName(report, 'selected') : 'Best on test (optimistic)',
          ...figures(report, selection),
        ]);
      }),
    ),
    '',
    NOTE,
    ...meanings(input).flatMap((sentence) => ['', `- ${plainMarkdown(sentence)}`]),
  ];
  return `${lines.join('\n')}\n`;
}
