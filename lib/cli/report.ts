import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Command } from 'commander';
import { DataError, hasCode } from '../errors.js';
import { renderReportText } from '../report/index.js';
import type { RunReport } from '../report/types.js';
import { openTerminal } from './terminal.js';

export function registerReport(program: Command): void {
  program
    .command('report')
    .description('Print the results of a run again.')
    .argument('<run>', 'run folder')
    .option('--json', 'the content of report.json')
    .action(run);
}

async function run(folder: string, flags: { json?: boolean }): Promise<void> {
  const path = join(folder, 'report.json');
  const text = await readFile(path, 'utf8').catch((error: unknown) => {
    throw new DataError(
      hasCode(error, 'ENOENT')
        ? `${folder} holds no report: no fold has finished, or it is no run folder`
        : `${path} cannot be read`,
      {
        code: 'E_NO_REPORT',
        cure: 'Name a run folder; an unfinished one goes on by `ser-native train --resume DIR`.',
        cause: error,
      },
    );
  });
  if (flags.json) process.stdout.write(text);
  else
    process.stdout.write(
      `${renderReportText(JSON.parse(text) as RunReport, { colour: openTerminal(process.stdout).colour })}\n`,
    );
}
