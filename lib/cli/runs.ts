import { type Command, Option } from 'commander';
import { DASH, percent, percentSpread } from '../report/format.js';
import { listRuns } from '../run-index/list-runs.js';
import type { RunOrder, RunSummary, SkippedFolder } from '../run-index/types.js';
import { type Column, fittedTable, printable } from '../text-layout.js';
import { collect } from './collect.js';
import { openTerminal, type Terminal } from './terminal.js';

interface RunsFlags {
  sort?: RunOrder;
  filter?: string[];
  json?: boolean;
}

export function registerRuns(program: Command): void {
  program
    .command('runs')
    .description('List run folders: what was trained, how far it is, and what it gave.')
    .argument('[dir]', 'folder that holds the run folders', 'runs')
    .addOption(
      new Option('--sort <order>', 'date (newest first), ua, wa (highest first), name or status')
        .choices(['date', 'ua', 'wa', 'name', 'status'])
        .default('date'),
    )
    .option(
      '--filter <key=value>',
      'only runs with that: corpus, protocol, status, preset, encoder, mix, losses, .. or a key of the configuration; repeatable',
      collect,
    )
    .option('--json', 'the index as JSON')
    .action(run);
}

async function run(directory: string, flags: RunsFlags): Promise<void> {
  const { runs, skipped } = await listRuns(directory, { sort: flags.sort, filter: flags.filter });
  if (flags.json) {
    process.stdout.write(`${JSON.stringify({ runs, skipped }, null, 2)}\n`);
    return;
  }
  const terminal = openTerminal(process.stdout);
  process.stdout.write(runs.length > 0 ? `${table(runs, terminal, new Date())}\n` : 'no run\n');
  const notes = openTerminal(process.stderr);
  for (const line of skippedLines(skipped)) notes.line(notes.dim(line));
}

/** One line for each reason: a folder of hundreds must not flood the screen. */
function skippedLines(skipped: readonly SkippedFolder[]): string[] {
  const byReason = new Map<string, string[]>();
  for (const { name, reason } of skipped) byReason.set(reason, [...(byReason.get(reason) ?? []), name]);
  return [...byReason].map(([reason, names]) => {
    const more = names.length > 5 ? ` and ${names.length - 5} more` : '';
    return `passed over ${names.slice(0, 5).join(', ')}${more}: ${reason}`;
  });
}

interface RunColumn extends Column {
  of: (run: RunSummary, now: Date) => string;
}

/** On a narrow terminal the last of the optional ones go first. */
const COLUMNS: readonly RunColumn[] = [
  { title: 'run', of: ({ name }) => name, cut: true },
  { title: 'status', of: ({ status }) => status },
  { title: 'protocol', of: protocolText, optional: 1 },
  {
    title: 'folds',
    of: ({ folds, seeds }) =>
      `${folds.done}${folds.of === null ? '' : `/${folds.of}`}${seeds.length > 1 ? ` in ${seeds.length} seeds` : ''}`,
  },
  { title: 'UA %', of: ({ ua }) => (ua ? percentSpread(ua.mean) : DASH), align: 'right' },
  { title: 'pooled', of: ({ ua }) => percent(ua?.pooled ?? null), align: 'right', optional: 5 },
  { title: 'WA %', of: ({ wa }) => (wa ? percentSpread(wa.mean) : DASH), align: 'right' },
  { title: 'pooled', of: ({ wa }) => percent(wa?.pooled ?? null), align: 'right', optional: 6 },
  { title: 'preset', of: ({ preset }) => preset, optional: 4 },
  { title: 'encoder', of: ({ encoder }) => encoder.split('/').at(-1)!, optional: 7 },
  { title: 'mix', of: ({ mix }) => mix, optional: 2 },
  { title: 'pooling', of: ({ pooling }) => pooling, optional: 3 },
  { title: 'losses', of: ({ losses }) => (losses.length === 4 ? 'all' : losses.join('+')), optional: 2 },
  { title: 'age', of: ({ created }, now) => age(created, now), align: 'right' },
];

/** The protocol, with the corpus where its name does not say it. */
function protocolText({ corpus, protocol }: RunSummary): string {
  return protocol.startsWith(corpus) ? protocol : `${corpus} ${protocol}`;
}

function table(runs: readonly RunSummary[], terminal: Terminal, now: Date): string {
  const rows = runs.map((summary) => COLUMNS.map((column) => printable(column.of(summary, now))));
  // What is piped on keeps every column.
  const width = process.stdout.isTTY ? process.stdout.columns : Number.POSITIVE_INFINITY;
  const [head, ...lines] = fittedTable(COLUMNS, rows, width);
  return [terminal.dim(head!), ...lines].join('\n');
}

/** `40 s`, `12 min`, `5 h`, `3 d`. */
function age(created: string, now: Date): string {
  const seconds = (now.getTime() - Date.parse(created)) / 1000;
  if (!Number.isFinite(seconds)) return DASH;
  if (seconds < 60) return `${Math.max(0, Math.round(seconds))} s`;
  if (seconds < 3600) return `${Math.round(seconds / 60)} min`;
  if (seconds < 48 * 3600) return `${Math.round(seconds / 3600)} h`;
  return `${Math.round(seconds / 86_400)} d`;
}
