import { type Command, Option } from 'commander';
import { DASH, percent, percentSpread } from '../report/format.js';
import { listRuns } from '../run-index/list-runs.js';
import type { RunOrder, RunSummary, SkippedFolder } from '../run-index/types.js';
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
      (value: string, all: string[] = []) => [...all, value],
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

interface Column {
  title: string;
  of: (run: RunSummary, now: Date) => string;
  left?: boolean;
}

const COLUMNS: readonly Column[] = [
  { title: 'run', of: ({ name }) => name, left: true },
  { title: 'status', of: ({ status }) => status, left: true },
  { title: 'protocol', of: protocolText, left: true },
  {
    title: 'folds',
    of: ({ folds, seeds }) =>
      `${folds.done}${folds.of === null ? '' : `/${folds.of}`}${seeds.length > 1 ? ` in ${seeds.length} seeds` : ''}`,
    left: true,
  },
  { title: 'UA %', of: ({ ua }) => (ua ? percentSpread(ua.mean) : DASH) },
  { title: 'pooled', of: ({ ua }) => percent(ua?.pooled ?? null) },
  { title: 'WA %', of: ({ wa }) => (wa ? percentSpread(wa.mean) : DASH) },
  { title: 'pooled', of: ({ wa }) => percent(wa?.pooled ?? null) },
  { title: 'preset', of: ({ preset }) => preset, left: true },
  { title: 'encoder', of: ({ encoder }) => encoder.split('/').at(-1)!, left: true },
  { title: 'mix', of: ({ mix }) => mix, left: true },
  { title: 'pooling', of: ({ pooling }) => pooling, left: true },
  { title: 'losses', of: ({ losses }) => (losses.length === 4 ? 'all' : losses.join('+')), left: true },
  { title: 'age', of: ({ created }, now) => age(created, now) },
];

/** The protocol, with the corpus where its name does not say it. */
function protocolText({ corpus, protocol }: RunSummary): string {
  return protocol.startsWith(corpus) ? protocol : `${corpus} ${protocol}`;
}

function table(runs: readonly RunSummary[], terminal: Terminal, now: Date): string {
  const rows = runs.map((summary) => COLUMNS.map((column) => printable(column.of(summary, now))));
  const widths = COLUMNS.map(({ title }, at) =>
    Math.max(title.length, ...rows.map((row) => row[at]!.length)),
  );
  const line = (values: readonly string[]) =>
    values
      .map((value, at) => (COLUMNS[at]!.left ? value.padEnd(widths[at]!) : value.padStart(widths[at]!)))
      .join('  ')
      .trimEnd();
  return [terminal.dim(line(COLUMNS.map(({ title }) => title))), ...rows.map(line)].join('\n');
}

/** Names come from file systems: control characters in them must not reach a terminal. */
function printable(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: meant
  return text.replace(/[\u0000-\u001f\u007f-\u009f]/g, '\ufffd');
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
