/** `ser-native export`. */
import { type Command, InvalidArgumentError } from 'commander';
import { exportEncoder } from '../encoder/export.js';
import { interruptible } from './interrupt.js';
import { seedNumber } from './predict.js';
import { describeEncoder } from './pull.js';
import { openTerminal } from './terminal.js';

interface ExportFlags {
  fold?: number;
  seed?: number;
  json?: boolean;
}

export function registerExport(program: Command): void {
  program
    .command('export')
    .description('Write the fine-tuned encoder of a checkpoint as a folder that transformers loads.')
    .argument('<run-or-checkpoint>', 'run folder, or best.safetensors of a fold')
    .argument('<dir>', 'folder to write; it must not exist yet, or be empty')
    .option('--fold <n>', 'which fold of a run folder', foldNumber)
    .option('--seed <n>', 'which seed of a run of several', seedNumber)
    .option('--json', 'print the result as JSON')
    .action(run);
}

function foldNumber(text: string): number {
  const fold = Number(text);
  if (!Number.isInteger(fold) || fold < 1)
    throw new InvalidArgumentError('a whole number from 1 on is expected');
  return fold;
}

async function run(model: string, directory: string, flags: ExportFlags): Promise<void> {
  const terminal = openTerminal(process.stderr);
  const { signal, done } = interruptible(() => terminal.line('stopping'));
  try {
    const exported = await exportEncoder(model, directory, { fold: flags.fold, seed: flags.seed, signal });
    if (flags.json) {
      process.stdout.write(`${JSON.stringify(exported)}\n`);
      return;
    }
    process.stdout.write(
      `Encoder   ${describeEncoder(exported.config)}${exported.merged ? '; adapters merged' : ''}\n` +
        `From      ${terminal.path(exported.checkpoint)}\n` +
        `Folder    ${terminal.path(exported.directory)}\n`,
    );
    if (exported.layerSum) {
      terminal.line(
        'The model takes a learned sum over hidden states; the export holds the encoder, not the sum.',
      );
    }
  } finally {
    done();
  }
}
