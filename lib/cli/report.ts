import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Command, Option } from 'commander';
import { readSamples } from '../audio/read-samples.js';
import { DataError, UsageError } from '../errors.js';
import { wavFiles } from '../report/embed-audio.js';
import {
  alone,
  readNamedReports,
  readPageInput,
  readReport,
  renderReportLatex,
  renderReportMarkdown,
  renderReportPage,
  renderReportText,
  renderSideBySideMarkdown,
  renderSideBySidePage,
  renderSideBySideText,
  sideBySide,
} from '../report/index.js';
import type { ReportPageInput } from '../report/types.js';
import { writeTextAtomically } from '../train/atomic-file.js';
import { prepare } from '../train/prepare.js';
import { readRunFile } from '../train/run-folder.js';
import { learningCurveReport, learningCurvesOf } from './learning-curve.js';
import { openTerminal } from './terminal.js';

const FORMATS = ['text', 'md', 'latex', 'html', 'json'] as const;
type Format = (typeof FORMATS)[number];

interface ReportFlags {
  format?: Format;
  json?: boolean;
  out?: string;
  embedAudio?: boolean;
}

export function registerReport(program: Command): void {
  program
    .command('report')
    .description('Print the results of a run again, write its page again, or put several runs side by side.')
    .argument('<run...>', 'run folders, or those of learning curves')
    .addOption(new Option('--format <name>', 'how to write it (default: text)').choices(FORMATS))
    .option('--json', 'the same as --format json')
    .option(
      '--out <file>',
      'write to a file; "-" is stdout (default: stdout; the page of one run: its report.html)',
    )
    .option(
      '--embed-audio',
      'with --format html, one run: put the audio of the drawn utterances into the page, from the corpus; off by default, since most corpora forbid passing audio on',
    )
    .addHelpText(
      'after',
      `\nExamples:\n  ser-native report runs/a                              results for the terminal\n  ser-native report runs/a --format html                report.html anew, without addon, models or corpus\n  ser-native report runs/a runs/b --format latex        booktabs rows for a paper\n  ser-native report runs/a runs/b --format html --out both.html`,
    )
    .action(run);
}

async function run(folders: string[], flags: ReportFlags): Promise<void> {
  const format = chosenFormat(flags);
  if (flags.embedAudio && (format !== 'html' || folders.length > 1)) {
    throw new UsageError('--embed-audio needs --format html and one run', { code: 'E_USAGE' });
  }
  const curves = await learningCurvesOf(folders);
  const colour = flags.out === undefined && openTerminal(process.stdout).colour;
  const text = curves
    ? await learningCurveReport(curves, format)
    : folders.length === 1
      ? await one(folders[0]!, format, { colour, embedAudio: flags.embedAudio })
      : await several(folders, format);
  const file =
    flags.out ??
    (format === 'html' && folders.length === 1 && !curves ? join(folders[0]!, 'report.html') : '-');
  if (file === '-') {
    process.stdout.write(text);
    return;
  }
  await write(file, text);
  process.stderr.write(`${openTerminal(process.stderr).path(file)}\n`);
}

function chosenFormat({ format, json }: ReportFlags): Format {
  if (json && format !== undefined && format !== 'json') {
    throw new UsageError(`--json and --format ${format} exclude each other`, { code: 'E_USAGE' });
  }
  return json ? 'json' : (format ?? 'text');
}

async function one(
  folder: string,
  format: Format,
  { colour, embedAudio }: { colour: boolean; embedAudio?: boolean },
): Promise<string> {
  if (format === 'html') {
    const input = await readPageInput(folder);
    return renderReportPage(embedAudio ? { ...input, audio: await audioOf(folder, input) } : input);
  }
  const report = await readReport(folder);
  switch (format) {
    case 'json':
      return `${JSON.stringify(report, null, 2)}\n`;
    case 'md':
      return renderReportMarkdown(report);
    case 'latex':
      return renderReportLatex(alone(report));
    case 'text':
      return `${renderReportText(report, { colour })}\n`;
  }
}

async function several(folders: readonly string[], format: Format): Promise<string> {
  const runs = await readNamedReports(folders);
  const input = await sideBySide(folders, runs);
  switch (format) {
    case 'html':
      return renderSideBySidePage(input);
    case 'json':
      return `${JSON.stringify(
        {
          runs: runs.map(({ report }) => report),
          comparison: input.comparison,
          incomparable: input.incomparable,
        },
        null,
        2,
      )}\n`;
    case 'md':
      return renderSideBySideMarkdown(input);
    case 'latex':
      return renderReportLatex(input);
    case 'text':
      return `${renderSideBySideText(input)}\n`;
  }
}

/** The spotlights' audio from the corpus itself, which must be where the run found it: a run folder holds none. */
async function audioOf(folder: string, { spotlights }: ReportPageInput): Promise<Record<string, string>> {
  const { config } = await readRunFile(folder);
  const terminal = openTerminal(process.stderr);
  const { store } = await prepare(config, (event) => {
    if (event.type === 'decode') terminal.live(`decoding  ${event.done}/${event.total}`);
  });
  terminal.end();
  return wavFiles(
    spotlights.filter(({ id }) => store.entries.has(id)),
    (id) => readSamples(store, id),
  );
}

async function write(file: string, text: string): Promise<void> {
  // A device or pipe cannot be replaced by a finished file.
  if (file.startsWith('/dev/')) return writeFile(file, text);
  try {
    await writeTextAtomically(file, text);
  } catch (error) {
    if (error instanceof DataError) throw error;
    throw new DataError(`${file} cannot be written: ${(error as Error).message}`, {
      code: 'E_OUT',
      cure: 'Name a file in a folder that is there and that you may write to.',
      cause: error,
    });
  }
}
