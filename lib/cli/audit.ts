/** `ser-native audit`: looks for leaks in a plan or a run, and says what it looked at. */
import type { Command } from 'commander';
import { type AuditReport, audit } from '../audit/index.js';
import { ExitCode } from '../errors.js';
import { describeLeak } from '../folds/check.js';
import { addCorpusFlags, type CorpusFlags, corpusOptions } from './corpus-flags.js';
import { interruptible } from './interrupt.js';
import { textTable } from './table.js';
import { openTerminal, progressBar, type Terminal } from './terminal.js';

interface AuditFlags extends CorpusFlags {
  audio?: boolean;
  json?: boolean;
}

export function registerAudit(program: Command): void {
  addCorpusFlags(
    program
      .command('audit')
      .description(
        'Look for speakers, utterances and recordings that two parts of a fold share, and for figures that a run does not bear out. Ends with 3 where there is any.',
      )
      .argument(
        '<plan or run>',
        'run folder, fold plan, folder of EmoBox fold files, or manifest with a split column',
      ),
  )
    .option('--no-audio', 'compare names alone; without it, recordings are decoded and compared')
    .option('--json', 'the findings as JSON on stdout')
    .addHelpText(
      'after',
      '\nExamples:\n  ser-native audit runs/demo\n  ser-native audit plan.json --corpus ravdess --data RAVDESS',
    )
    .action(run);
}

async function run(target: string, flags: AuditFlags): Promise<void> {
  const terminal = openTerminal(process.stderr);
  const { signal, done } = interruptible(() => {});
  let report: AuditReport;
  try {
    report = await audit({
      target,
      corpus: flags.corpus,
      corpusOptions: corpusOptions(flags),
      audio: flags.audio,
      signal,
      onProgress: (event) => {
        const what = event.type === 'decode' ? 'decoding' : 'fingerprints';
        terminal.live(`${what} ${progressBar(event.done / event.total)} ${event.done}/${event.total}`);
      },
    });
  } finally {
    terminal.end();
    done();
  }
  process.stdout.write(
    flags.json
      ? `${JSON.stringify(report)}\n`
      : `${auditText(report, openTerminal(process.stdout)).join('\n')}\n`,
  );
  if (report.leaks.length + report.faults.length > 0) process.exitCode = ExitCode.data;
}

/** Leaks printed in full; more are counted. `--json` has all. */
const LISTED = 20;

function auditText(report: AuditReport, terminal: Terminal): string[] {
  const { subject, corpus, protocol, hash, folds, leaks, faults, warnings, checked, notChecked } = report;
  const lines = [
    `${terminal.bold(subject)}: ${[protocol, corpus && `of ${corpus}`].filter(Boolean).join(' ')}`,
    ...(hash ? [`hash ${hash}`] : []),
  ];
  if (folds.length > 0) {
    const rows = folds.map(({ fold, train, validation, test, leaks: own }) =>
      [fold, train, validation, test, own === 0 ? 'none' : own].map(String),
    );
    const [head, ...body] = textTable(
      ['fold', 'train', 'validation', 'test', 'leaks'],
      rows,
      [0, 1, 2, 3, 4],
    );
    lines.push('', terminal.dim(head!), ...body);
  }
  const section = (title: string, items: readonly string[], paint: (text: string) => string): void => {
    if (items.length > 0) lines.push('', title, ...items.map((item) => paint(`  ${item}`)));
  };
  const plain = (text: string): string => text;
  const told = leaks.slice(0, LISTED).map((leak) => `fold ${leak.fold}, ${leak.kind}: ${describeLeak(leak)}`);
  if (leaks.length > LISTED) told.push(`and ${leaks.length - LISTED} more (--json lists all)`);
  section('Leaks', told, terminal.red);
  section('Faults', faults, terminal.red);
  section('To weigh', warnings, terminal.yellow);
  section('Checked', checked, plain);
  section('Not checked', notChecked, plain);
  const found = [
    leaks.length > 0 && `${leaks.length} ${leaks.length === 1 ? 'leak' : 'leaks'}`,
    faults.length > 0 && `${faults.length} ${faults.length === 1 ? 'fault' : 'faults'}`,
  ].filter(Boolean);
  lines.push(
    '',
    found.length === 0 ? terminal.green('No leak found.') : terminal.red(`Found ${found.join(' and ')}.`),
  );
  return lines;
}
