/** Several runs as a table for the terminal, and as Markdown. */
import { printable, wrap } from '../text-layout.js';
import { brackets, corpusName, percent, percentSpread } from './format.js';
import { selectionName } from './page/headline.js';
import { remarks } from './remarks.js';
import { plainMarkdown } from './report-markdown.js';
import { comparisonSentences, type SideBySide } from './side-by-side.js';
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

const NOTE =
  'In percent. Mean over folds with standard deviation; pooled over all held-out predictions with 95 % intervals over speakers.';

/** A table of 80 columns has no room for more. */
const SHORT: Record<Selection, string> = { selected: 'selected', bestOnTest: 'best on test*' };

/** Aligned columns; sentences wrapped at 80. No trailing line break. */
export function renderSideBySideText(input: SideBySide): string {
  const { runs } = input;
  const rows = [['', ...HEAD]];
  for (const { report, name } of runs) {
    const marks = [`${corpusName(report)}, ${report.protocol}`, ...remarks(report)];
    rows.push([`${name}  (${marks.join('; ')})`]);
    for (const selection of SELECTIONS) {
      rows.push([`  ${SHORT[selection]}`, ...figures(report, selection)]);
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
  return [
    ...lines,
    '* optimistic: the epoch was chosen on the test folds',
    '',
    ...wrap(NOTE, 80, ''),
    ...comparisonSentences(input).flatMap((sentence) => ['', ...wrap(sentence, 80, '')]),
  ]
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
    '',
    ...comparisonSentences(input).map((sentence) => `- ${plainMarkdown(sentence)}`),
  ];
  return `${lines.join('\n')}\n`;
}
