#!/usr/bin/env node
/** The command line: parsing, printing and exit codes; everything else is the API's. */
import { Command, CommanderError } from 'commander';
import { ExitCode, SerError } from '../errors.js';
import { packageVersion } from '../runtime/version.js';
import { registerAblate } from './ablate.js';
import { registerAudit } from './audit.js';
import { registerBench } from './bench.js';
import { registerBundle } from './bundle.js';
import { registerCompare } from './compare.js';
import { registerCorpus } from './corpus.js';
import { registerDoctor } from './doctor.js';
import { registerEvaluate } from './evaluate.js';
import { registerExport } from './export.js';
import { registerFolds } from './folds.js';
import { registerPredict } from './predict.js';
import { registerPrepare } from './prepare.js';
import { registerPull } from './pull.js';
import { registerReport } from './report.js';
import { registerRuns } from './runs.js';
import { registerSetup } from './setup.js';
import { registerTrain } from './train.js';

/** Runs the command line and resolves to its exit code. */
export async function main(argv: readonly string[]): Promise<number> {
  const program = new Command('ser-native')
    .description('Train, judge, explain and serve speech emotion recognition models.')
    .version(packageVersion())
    .showHelpAfterError('(run with --help for usage)')
    .showSuggestionAfterError()
    .exitOverride();
  for (const register of [
    registerTrain,
    registerAblate,
    registerFolds,
    registerAudit,
    registerPredict,
    registerEvaluate,
    registerReport,
    registerCompare,
    registerRuns,
    registerExport,
    registerCorpus,
    registerPrepare,
    registerPull,
    registerBench,
    registerBundle,
    registerSetup,
    registerDoctor,
  ])
    register(program);
  // Sub-commands are made by then; each must throw instead of exiting, so that there is one place that ends the process.
  for (const command of program.commands) command.exitOverride();
  try {
    await program.parseAsync([...argv], { from: 'user' });
    return typeof process.exitCode === 'number' ? process.exitCode : ExitCode.done;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? ExitCode.done : ExitCode.usage;
    return tell(error);
  }
}

function tell(error: unknown): number {
  if (error instanceof SerError) {
    process.stderr.write(`\nser-native: ${error.message}\n`);
    if (error.cure) process.stderr.write(`  ${error.cure}\n`);
    if (process.env.SER_DEBUG) process.stderr.write(`${error.stack}\n`);
    return error.exitCode;
  }
  process.stderr.write(
    `\nser-native met an error it did not expect; please report it with \`ser-native doctor\`.\n`,
  );
  process.stderr.write(`${error instanceof Error ? error.stack : String(error)}\n`);
  return ExitCode.runtime;
}

/** Ends only when all that was printed has been taken, even by a slow pipe. */
async function flush(): Promise<void> {
  for (const stream of [process.stdout, process.stderr]) {
    if (stream.writableLength > 0) await new Promise((resolve) => stream.write('', resolve));
  }
}

process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(ExitCode.done); // `ser-native ... | head`
  throw error;
});
process.stderr.on('error', () => {}); // nobody listens any more; the work itself must go on
process.exitCode = await main(process.argv.slice(2));
await flush();
process.exit();
