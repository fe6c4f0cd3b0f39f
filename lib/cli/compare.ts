/** `ser-native compare`. */
import { type Command, Option } from 'commander';
import { compareRuns } from '../compare/compare-runs.js';
import { renderComparisonText } from '../compare/comparison-text.js';
import type { Selection } from '../report/types.js';
import { openTerminal } from './terminal.js';

export function registerCompare(program: Command): void {
  program
    .command('compare')
    .description(
      'Whether runs over the same utterances differ: paired tests over speakers, against the first run.',
    )
    .argument('<run>', 'run folder that the others are compared with')
    .argument('<others...>', 'run folders; the tests of several are corrected after Holm')
    .addOption(
      new Option('--selection <selection>', 'which epoch: chosen on validation, or best on the test fold')
        .choices(['selected', 'bestOnTest'])
        .default('selected'),
    )
    .option('--json', 'print the result as JSON')
    .action(run);
}

async function run(
  first: string,
  others: string[],
  flags: { selection: Selection; json?: boolean },
): Promise<void> {
  const comparison = await compareRuns([first, ...others], { selection: flags.selection });
  if (!flags.json) {
    const { colour } = openTerminal(process.stdout);
    process.stdout.write(`${renderComparisonText(comparison, { colour })}\n`);
    return;
  }
  // Two runs are the usual case: their figures stand at the top, not in a list of one.
  const {
    others: [only, ...more],
    ...head
  } = comparison;
  const { run: second, ...test } = only!;
  process.stdout.write(
    `${JSON.stringify(more.length === 0 ? { ...head, second, ...test } : comparison, null, 2)}\n`,
  );
}
