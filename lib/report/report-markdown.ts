/** The report as Markdown, to paste into a pull request or a paper's notes. */
import { corpusName, count, percent, percentInterval, percentSpread } from './format.js';
import { meanOver, selectionName } from './page/headline.js';
import { publishedTarget, TARGET_SOURCE } from './published-targets.js';
import type { RunReport, Selection } from './types.js';

/** Two tables in percent: over folds and pooled, then every fold. Ends with a line break. */
export function renderReportMarkdown(report: RunReport): string {
  const target = publishedTarget(report);
  const summary = (selection: Selection, name: string) => {
    const mean = report.mean[selection];
    const pooled = report.pooled[selection];
    return row([
      name,
      percentSpread(mean.ua),
      percentSpread(mean.wa),
      percentSpread(mean.mf1),
      percentSpread(mean.wf1),
      percentInterval(pooled.ua, pooled.ci95?.ua),
      percentInterval(pooled.wa, pooled.ci95?.wa),
    ]);
  };
  const lines = [
    `## ${plainMarkdown(corpusName(report))}, ${plainMarkdown(report.protocol)}`,
    '',
    ...(report.synthetic
      ? ['**Synthetic speech**, computed by the tool: no statement about real speech.', '']
      : []),
    ...(report.partial
      ? ['**The corpus was not complete**: no figure here compares with a published one.', '']
      : []),
    `${report.classes.length} emotions, ${new Set(report.folds.map(({ fold }) => fold)).size} of ${report.protocolFolds} folds, ` +
      `seed ${report.seeds.join(', ')}, ser-native ${plainMarkdown(report.version)}. In percent; ± is the standard deviation (n - 1)${
        report.speakers ? `; brackets are 95 % intervals over ${count(report.speakers, 'speaker')}` : ''
      }.`,
    '',
    row([meanOver(report), 'UA', 'WA', 'macro F1', 'weighted F1', 'pooled UA', 'pooled WA']),
    '|---|--:|--:|--:|--:|--:|--:|',
    summary('selected', selectionName(report, 'selected')),
    summary('bestOnTest', 'Best on test (optimistic)'),
    ...(target
      ? [
          row([
            'Target (paper, not a result of this run)',
            percent(target.ua),
            percent(target.wa),
            '',
            '',
            '',
            '',
          ]),
        ]
      : []),
    '',
    row(['fold', ...(report.seeds.length > 1 ? ['seed'] : []), 'n', 'epoch', 'UA', 'WA', 'UA, best on test']),
    `|--:|${report.seeds.length > 1 ? '--:|' : ''}--:|--:|--:|--:|--:|`,
    ...report.folds.map(({ fold, seed, n, selected, bestOnTest }) =>
      row([
        fold,
        ...(report.seeds.length > 1 ? [seed] : []),
        n,
        selected.epoch,
        percent(selected.ua),
        percent(selected.wa),
        percent(bestOnTest.ua),
      ]),
    ),
    ...(target ? ['', `Target: ${TARGET_SOURCE}.`] : []),
    ...report.warnings.flatMap((warning) => ['', `> ${plainMarkdown(warning)}`]),
  ];
  return `${lines.join('\n')}\n`;
}

function row(cells: (string | number)[]): string {
  return `| ${cells.join(' | ')} |`;
}

/** Names are text: what Markdown or HTML would read in them is escaped, and a line stays a line. */
export function plainMarkdown(text: string): string {
  return text.replace(/\s+/g, ' ').replace(/[\\`*_[\]<>|#]/g, '\\$&');
}
