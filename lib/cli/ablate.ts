import { type Command, Option } from 'commander';
import { ablate, planAblation, readAblation } from '../ablate/ablate.js';
import { renderAblationText } from '../ablate/table-text.js';
import type { AblateOptions, PlannedCell } from '../ablate/types.js';
import { VARIANTS } from '../ablate/variants.js';
import { PRESETS } from '../config/presets.js';
import { mergeLayers, readConfigFile } from '../config/resolve.js';
import type { TrainConfigInput } from '../config/schema.js';
import { ExitCode, UsageError } from '../errors.js';
import { formatDuration } from '../format.js';
import { ablateProgress } from './ablate-progress.js';
import { collect } from './collect.js';
import { addCorpusFlags, type CorpusFlags, corpusOptions } from './corpus-flags.js';
import { type DeviceFlag, deviceOption } from './device-option.js';
import { interruptible } from './interrupt.js';
import { openTerminal } from './terminal.js';
import { foldList, seedList, wholeNumber } from './train.js';

interface AblateFlags extends CorpusFlags, DeviceFlag {
  protocol?: string;
  folds?: 'all' | number[];
  seeds?: number | number[];
  cells?: string[];
  preset?: string;
  encoder?: string;
  epochs?: number;
  config?: string;
  set?: string[];
  keepModels?: boolean;
  plan?: string;
  dryRun?: boolean;
  table?: boolean;
  out: string;
  json?: boolean;
}

export function registerAblate(program: Command): void {
  const command = program
    .command('ablate')
    .description(
      'Train the ablation of the method, a cell (variant, fold, seed) at a time, and print its table; the same command goes on where it ended.',
    );
  addCorpusFlags(command)
    .option('--protocol <name>', 'how folds are made')
    .option('--plan <file>', 'fold plan, in place of --protocol (see ser-native folds)')
    .option('--folds <list>', 'all, or folds such as 1,2', foldList)
    .option('--seeds <list>', 'how many (3), or which (1,2,3)', seedList)
    .option('--cells <list>', 'train only these variants or cells now; see below', (text: string) =>
      text.split(',').map((name) => name.trim()),
    )
    .addOption(new Option('--preset <name>', 'of the full method').choices(Object.keys(PRESETS)))
    .option('--encoder <name>', 'mel, or a pretrained one: Hugging Face id or folder')
    .option('--epochs <n>', 'epochs per cell', wholeNumber)
    .addOption(deviceOption())
    .option('--config <file>', 'settings of the full method in JSON or YAML')
    .option('--set <key=value>', 'one setting of the full method; repeatable', collect)
    .option('--keep-models', 'keep the model of each cell in the folder `models`')
    .option('--dry-run', 'list the cells and how long they take; train nothing')
    .option('--table', 'print the table of the cells that are there; train nothing, read no corpus')
    .requiredOption('--out <dir>', 'folder of the cells and the table')
    .option('--json', 'events (or the list of cells, or the table) as JSON on stdout')
    .addHelpText(
      'after',
      () =>
        `\nVariants (each other part as in the full method):\n${VARIANTS.map(
          ({ name, change }) => `  ${name.padEnd(24)}${describeChange(change)}`,
        ).join(
          '\n',
        )}\n\nA cell is a variant on a fold with a seed: mix-lam-f1-s2. Several processes may share a folder.\n\nExamples:\n  ser-native ablate --folds 1 --out runs/ablation-demo\n  ser-native ablate --corpus ravdess --data RAVDESS --protocol ravdess-6fold --preset mel --folds 1,2 --seeds 2 --out runs/ablation-ravdess`,
    )
    .action(run);
}

function describeChange({ mix, pooling, losses }: TrainConfigInput): string {
  const off = Object.keys(losses ?? {});
  const parts = [
    mix?.kind && `mix ${mix.kind}`,
    pooling && `pooling ${pooling}`,
    off.length > 0 && `without ${off.join(', ')}`,
  ].filter(Boolean);
  return parts.length > 0 ? parts.join(', ') : 'EAM, FLAM, four losses';
}

async function optionsOf(flags: AblateFlags): Promise<AblateOptions> {
  if (flags.plan && flags.protocol)
    throw new UsageError('--plan brings its protocol: leave --protocol out', { code: 'E_USAGE' });
  const config: TrainConfigInput = {};
  for (const name of ['corpus', 'protocol', 'plan', 'folds', 'seeds', 'epochs', 'device'] as const)
    if (flags[name] !== undefined) Object.assign(config, { [name]: flags[name] });
  Object.assign(config, corpusOptions(flags));
  if (flags.encoder === 'mel') config.encoder = { kind: 'mel' };
  else if (flags.encoder) config.encoder = { kind: 'pretrained', source: flags.encoder };
  const file = flags.config ? await readConfigFile(flags.config) : undefined;
  return {
    preset: flags.preset,
    config: mergeLayers({ file, settings: flags.set, flags: config }),
    out: flags.out,
    cells: flags.cells,
    keepModels: flags.keepModels,
    command: `ser-native ${process.argv.slice(2).join(' ')}`,
  };
}

async function run(flags: AblateFlags): Promise<void> {
  const options = await optionsOf(flags);
  const terminal = openTerminal(process.stderr);
  const print = (value: unknown) => process.stdout.write(`${JSON.stringify(value)}\n`);
  const { colour } = openTerminal(process.stdout);
  if (flags.table) {
    const table = await readAblation(options);
    if (flags.json) print(table);
    else process.stdout.write(`${renderAblationText(table, { colour })}\n`);
    return;
  }
  const show = ablateProgress(terminal);
  const { signal, done } = interruptible(() => {
    if (!flags.json)
      terminal.line('stopping after this step; a checkpoint will be kept (once more to stop at once)');
  });
  const quiet = flags.json === true;
  try {
    if (flags.dryRun) {
      const planned = await planAblation({ ...options, signal, onEvent: quiet ? undefined : show });
      terminal.end();
      if (quiet) print(planned);
      else process.stdout.write(`${planText(planned)}\n`);
      return;
    }
    const { table, failed } = await ablate({ ...options, signal, onEvent: quiet ? print : show });
    terminal.end();
    if (!quiet)
      process.stdout.write(
        `\n${renderAblationText(table, { colour })}\n\nPage: ${terminal.path(options.out)}/ablation.html\n`,
      );
    if (failed.length > 0) process.exitCode = ExitCode.diverged;
  } finally {
    terminal.end();
    done();
  }
}

function planText(cells: readonly PlannedCell[]): string {
  const lines = cells.map(({ cell, state, asked, seconds }) =>
    `${cell.padEnd(34)}${(asked || state === 'finished' ? state : `${state}, not asked for`).padEnd(24)}${
      seconds === null ? '' : `${state === 'finished' ? '' : 'about '}${formatDuration(seconds)}`
    }`.trimEnd(),
  );
  const left = cells.filter(({ state, asked }) => asked && state !== 'finished');
  const known = left.every(({ seconds }) => seconds !== null);
  const sum = left.reduce((total, { seconds }) => total + (seconds ?? 0), 0);
  const estimate = known
    ? `about ${formatDuration(sum)} for one process`
    : 'no cell has finished to tell how long';
  return [
    ...lines,
    left.length === 0
      ? `${cells.length} cells, all that are asked for finished`
      : `${cells.length} cells, ${left.length} to train: ${estimate}`,
  ].join('\n');
}
