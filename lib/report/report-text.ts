/** The report as a few lines for a terminal of 80 columns. */
import { printable, wrap } from '../text-layout.js';
import { corpusName, count, DASH, percent, percentRange, percentSpread } from './format.js';
import { meanOver, selectionName } from './page/headline.js';
import { publishedTarget } from './published-targets.js';
import type { Interval, RunReport, Selection } from './types.js';

interface Style {
  bold(text: string): string;
  dim(text: string): string;
  accent(text: string): string;
  warn(text: string): string;
}

/** Beyond these the results would scroll out of sight; the page lists all. */
const SHOWN_WARNINGS = 6;

const PLAIN: Style = { bold: (t) => t, dim: (t) => t, accent: (t) => t, warn: (t) => t };
const ANSI: Style = {
  bold: (t) => `\u001b[1m${t}\u001b[22m`,
  dim: (t) => `\u001b[2m${t}\u001b[22m`,
  accent: (t) => `\u001b[1;36m${t}\u001b[22;39m`,
  warn: (t) => `\u001b[33m${t}\u001b[39m`,
};

/**
 * Results as text, honest selection first, in percent. No trailing line break.
 *
 * @param options.colour whether the terminal shows ANSI colours; default no
 */
export function renderReportText(report: RunReport, options: { colour?: boolean } = {}): string {
  const style = options.colour ? ANSI : PLAIN;
  const done = new Set(report.folds.map(({ fold }) => fold)).size;
  const folds =
    done === report.protocolFolds ? count(done, 'fold') : `${done} of ${report.protocolFolds} folds`;
  const seeds = report.seeds.length === 1 ? `seed ${report.seeds[0]}` : `seeds ${report.seeds.join(', ')}`;
  const lines = [
    style.bold(`${printable(corpusName(report))}, ${printable(report.protocol)}`) +
      style.dim(
        `   ${report.classes.length} emotions, ${folds}, ${seeds}, ${report.pooled.selected.n} held out`,
      ),
  ];
  if (report.synthetic) {
    lines.push(
      style.warn('Synthetic speech: the figures show that training works, nothing about real speech.'),
    );
  }
  if (report.partial) {
    lines.push(style.warn('The corpus was not complete: no figure here compares with a published one.'));
  }
  lines.push('', ...summary(report, style));
  if (report.folds.length > 1) lines.push('', ...foldLines(report, style));
  const warnings = report.warnings.slice(0, SHOWN_WARNINGS);
  for (const warning of warnings) {
    lines.push('', ...wrap(`Mind: ${printable(warning)}`, 80).map(style.warn));
  }
  if (warnings.length < report.warnings.length) {
    lines.push('', style.warn(`... and ${report.warnings.length - warnings.length} more in the report.`));
  }
  return lines.join('\n');
}

function summary(report: RunReport, style: Style): string[] {
  const target = publishedTarget(report);
  const width = 32;
  const cells = (values: string[]) => values.map((value, i) => value.padStart(i < 2 ? 13 : 11)).join('');
  const row = (selection: Selection, name: string) =>
    name.padEnd(width) +
    cells([
      percentSpread(report.mean[selection].ua),
      percentSpread(report.mean[selection].wa),
      percent(report.pooled[selection].ua),
      percent(report.pooled[selection].wa),
    ]);
  const intervals = (selection: Selection) => {
    const { ci95 } = report.pooled[selection];
    if (!ci95?.wa) return [];
    const range = (interval: Interval | null) => (interval ? percentRange(interval) : DASH);
    const over = `  95 %, over ${count(report.speakers ?? 0, 'speaker')}`;
    return [over.padEnd(width) + cells(['', '', range(ci95.ua), range(ci95.wa)])];
  };
  const lines = [
    style.dim(`${`%, ${meanOver(report)}`.padEnd(width)}${cells(['UA', 'WA', 'pooled UA', 'pooled WA'])}`),
    style.accent(row('selected', selectionName(report, 'selected'))),
    ...intervals('selected').map(style.accent),
    row('bestOnTest', 'Best on test (optimistic)'),
    ...intervals('bestOnTest'),
  ];
  if (target) {
    lines.push(
      style.dim(
        'Target (paper, not this run)'.padEnd(width) + cells([percent(target.ua), percent(target.wa)]),
      ),
    );
  }
  lines.push(style.dim('Chance'.padEnd(width) + cells([percent(1 / report.classes.length)])));
  const { plain, scaled } = report.calibration ?? {};
  if (plain) {
    lines.push(
      style.dim(
        `Calibration error (ECE) ${percent(plain.ece)}${scaled ? `, ${percent(scaled.ece)} at the temperature fitted on validation` : ''}`,
      ),
    );
  }
  return lines;
}

function foldLines(report: RunReport, style: Style): string[] {
  const seeds = report.seeds.length > 1;
  const pad = (values: (string | number)[]) =>
    values.map((value, i) => String(value).padStart(i === 0 ? 4 : 8)).join('');
  const head = ['fold', ...(seeds ? ['seed'] : []), 'n', 'epoch', 'UA', 'WA', 'epoch*', 'UA*', 'WA*'];
  return [
    style.dim(pad(head)),
    ...report.folds.map(({ fold, seed, n, selected, bestOnTest }) =>
      pad([
        fold,
        ...(seeds ? [seed] : []),
        n,
        selected.epoch,
        percent(selected.ua),
        percent(selected.wa),
        bestOnTest.epoch,
        percent(bestOnTest.ua),
        percent(bestOnTest.wa),
      ]),
    ),
    style.dim(
      `* best on test${report.folds.some(({ selected }) => selected.ua === null) ? `   ${DASH} not defined: the fold lacks a class` : ''}`,
    ),
  ];
}
