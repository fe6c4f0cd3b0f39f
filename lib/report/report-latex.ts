/** Table rows for a paper: booktabs, in percent, with intervals. */
import { brackets, corpusName, DASH, percent, percentSpread } from './format.js';
import { selectionName } from './page/headline.js';
import { publishedTarget, TARGET_SOURCE } from './published-targets.js';
import { remarks } from './remarks.js';
import { comparisonSentences, type NamedReport, type SideBySide } from './side-by-side.js';
import type { Interval, Selection } from './types.js';

/**
 * A `tabular` of one run or several, a row for each selection, the honest one first. The paper's figures stand below it as
 * comments, since they are no result of these runs; so do the tests against the first run. Ends with a line break.
 */
export function renderReportLatex(input: SideBySide): string {
  const { runs } = input;
  const corpora = new Set(runs.map(({ report }) => corpusName(report))).size > 1;
  const head = ['Run', ...(corpora ? ['Corpus'] : []), 'Epoch'];
  const first = head.length + 1;
  const lines = [
    `% ser-native ${escapeLatex(runs[0]!.report.version)}. In percent. Mean over folds with standard deviation (n - 1);`,
    '% pooled over all held-out predictions with 95 % intervals clustered by speaker. Needs \\usepackage{booktabs}.',
    `\\begin{tabular}{${'l'.repeat(head.length)}rrrr}`,
    '\\toprule',
    `${head.map(() => '').join(' & ')} & \\multicolumn{2}{c}{Mean} & \\multicolumn{2}{c}{Pooled} \\\\`,
    `\\cmidrule(lr){${first}-${first + 1}} \\cmidrule(lr){${first + 2}-${first + 3}}`,
    `${[...head, 'UA', 'WA', 'UA', 'WA'].join(' & ')} \\\\`,
    '\\midrule',
    ...runs.flatMap((run) => [row(run, 'selected', corpora), row(run, 'bestOnTest', corpora)]),
    '\\bottomrule',
    '\\end{tabular}',
    ...targets(runs),
    ...comparisonSentences(input).map((sentence) => `% ${oneLine(sentence)}`),
  ];
  return `${lines.join('\n')}\n`;
}

function row({ name, report }: NamedReport, selection: Selection, corpora: boolean): string {
  const mean = report.mean[selection];
  const pooled = report.pooled[selection];
  const marks = remarks(report);
  const chosen = selection === 'selected' ? selectionName(report, 'selected') : 'Best on test (optimistic)';
  const title = selection === 'selected' ? `${name}${marks.length > 0 ? ` (${marks.join(', ')})` : ''}` : '';
  return `${[
    escapeLatex(title),
    ...(corpora ? [escapeLatex(selection === 'selected' ? corpusName(report) : '')] : []),
    chosen,
    figure(percentSpread(mean.ua)),
    figure(percentSpread(mean.wa)),
    withInterval(pooled.ua, pooled.ci95?.ua),
    withInterval(pooled.wa, pooled.ci95?.wa),
  ].join(' & ')} \\\\`;
}

const figure = (text: string) => text.replace(' \u00b1 ', ' $\\pm$ ').replace(DASH, '--');

function withInterval(value: number | null, interval: Interval | null | undefined): string {
  return `${figure(percent(value))}${interval ? ` ${brackets(interval)}` : ''}`;
}

function targets(runs: readonly NamedReport[]): string[] {
  const found = new Map(
    runs.flatMap(({ report }) => {
      const target = publishedTarget(report);
      return target ? [[target.title, target] as const] : [];
    }),
  );
  if (found.size === 0) return [];
  return [
    `% Reported, not a result of these runs: ${TARGET_SOURCE}.`,
    ...[...found.values()].map(
      ({ title, ua, wa }) => `% ${title}: UA ${figure(percent(ua))}, WA ${figure(percent(wa))}`,
    ),
  ];
}

const oneLine = (text: string) => text.replace(/\s+/g, ' ');

const SPECIAL: Record<string, string> = {
  '\\': '\\textbackslash{}',
  '~': '\\textasciitilde{}',
  '^': '\\textasciicircum{}',
};

/** Text as LaTeX prints it: names hold underscores, and a line stays a line. */
export function escapeLatex(text: string): string {
  return (
    oneLine(text)
      .replace(/[\\~^&%$#_{}]/g, (character) => SPECIAL[character] ?? `\\${character}`)
      // biome-ignore lint/suspicious/noControlCharactersInRegex: meant
      .replace(/[\u0000-\u001f\u007f-\u009f]/g, '')
  );
}
