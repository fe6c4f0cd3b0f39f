/** Several runs under one another: what they share, what sets them apart, and what makes them no match. */
import { type Comparison, compareRuns, comparisonMeaning } from '../compare/index.js';
import { SerError, UsageError } from '../errors.js';
import { readReport } from './read-run.js';
import type { RunReport } from './types.js';

export interface NamedReport {
  /** Unique among those shown together: the run's name, or its folder where two share one. */
  name: string;
  report: RunReport;
}

export interface SideBySide {
  runs: NamedReport[];
  /** Of every later run that can be compared with the first; null where none can. */
  comparison: Comparison | null;
  /** Why a run is not compared with the first, by its name. */
  incomparable: Record<string, string>;
}

/**
 * Reports of run folders, each under a name of its own.
 *
 * @throws UsageError where a folder is named twice; DataError as `readReport`
 */
export async function readNamedReports(folders: readonly string[]): Promise<NamedReport[]> {
  if (new Set(folders).size < folders.length) {
    throw new UsageError('a run is named twice', { code: 'E_USAGE', cure: 'Name each run folder once.' });
  }
  const reports = await Promise.all(folders.map((folder) => readReport(folder)));
  return reports.map((report, i) => ({
    name: reports.filter(({ run }) => run === report.run).length > 1 ? folders[i]! : report.run,
    report,
  }));
}

/** A single run, for what takes several. */
export function alone(report: RunReport): SideBySide {
  return { runs: [{ name: report.run, report }], comparison: null, incomparable: {} };
}

/** Compares every later run with the first where they predict the same; a run that cannot be compared is still shown. */
export async function sideBySide(
  folders: readonly string[],
  runs: readonly NamedReport[],
): Promise<SideBySide> {
  const incomparable: Record<string, string> = {};
  const comparable: string[] = [];
  const [first, ...others] = folders;
  for (const [i, folder] of others.entries()) {
    try {
      await compareRuns([first!, folder]);
      comparable.push(folder);
    } catch (error) {
      if (!(error instanceof SerError)) throw error;
      incomparable[runs[i + 1]!.name] = error.message;
    }
  }
  const comparison = comparable.length > 0 ? await compareRuns([first!, ...comparable]) : null;
  return { runs: [...runs], comparison, incomparable };
}

/** What the comparison with the first run says: a sentence for each other run, and what a reader must know of it. */
export function comparisonSentences({ comparison, incomparable }: SideBySide): string[] {
  const { first, others } = comparison ?? { first: null, others: [] };
  const meaning = (test: (typeof others)[number]) =>
    `${test.run.name} against ${first!.name}. ${comparisonMeaning(test, first!.name, others.length)}`;
  return [
    ...others.flatMap((test) => [[meaning(test), ...test.notes].join(' ')]),
    ...Object.entries(incomparable).map(([name, why]) => `${name} is not compared: ${why}.`),
  ];
}
