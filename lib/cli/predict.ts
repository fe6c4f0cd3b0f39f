import { type Command, InvalidArgumentError } from 'commander';
import { ExitCode, SerError } from '../errors.js';
import { type FilePrediction, Predictor } from '../predict/predictor.js';
import type { ModelCard } from '../train/types.js';
import { type DeviceFlag, deviceOption } from './device-option.js';
import { interruptible } from './interrupt.js';
import { openTerminal } from './terminal.js';

export function registerPredict(program: Command): void {
  program
    .command('predict')
    .description('Emotion of audio files, from a run folder (its folds and seeds averaged) or a checkpoint.')
    .argument('<run-or-checkpoint>', 'run folder, or best.safetensors of a fold')
    .argument('<file...>', 'audio files of any format')
    .option('--seed <n>', 'of a run of several seeds, only the models of this one', seedNumber)
    .addOption(deviceOption())
    .option('--json', 'one JSON line per file, with the pooling weights')
    .action(run);
}

/** A seed, to choose among the models of a run by. */
export function seedNumber(text: string): number {
  const seed = Number(text);
  if (!Number.isInteger(seed) || seed < 0) throw new InvalidArgumentError('expected a whole number.');
  return seed;
}

interface PredictFlags extends DeviceFlag {
  json?: boolean;
  seed?: number;
}

/** A bad file does not keep the others from being predicted; it decides the exit code. */
async function run(model: string, files: string[], flags: PredictFlags): Promise<void> {
  const terminal = openTerminal(process.stderr);
  const { signal, done } = interruptible(() => terminal.line('stopping'));
  try {
    await using predictor = await Predictor.open({ model, seed: flags.seed, device: flags.device });
    const [card] = predictor.cards;
    if (!flags.json) {
      terminal.line(
        `${describeModels(predictor.cards)}, trained on ${card!.corpus}${card!.synthetic ? ' (synthetic speech: expect nothing on recordings)' : ''}`,
      );
    }
    for (const file of files) {
      try {
        const prediction = await predictor.predictFile(file, { signal });
        process.stdout.write(flags.json ? `${JSON.stringify(prediction)}\n` : text(prediction));
      } catch (error) {
        if (!(error instanceof SerError) || error.exitCode !== ExitCode.data) throw error;
        process.exitCode = error.exitCode;
        if (flags.json)
          process.stdout.write(
            `${JSON.stringify({ file, error: { code: error.code, message: error.message } })}\n`,
          );
        else process.stderr.write(`${file}: ${error.message}\n${error.cure ? `  ${error.cure}\n` : ''}`);
      }
    }
  } finally {
    done();
  }
}

/** `one model`, `mean of 6 folds`, `mean of 18 models of 3 seeds`. */
function describeModels(cards: readonly ModelCard[]): string {
  if (cards.length === 1) return 'one model';
  const seeds = new Set(cards.map(({ seed }) => seed)).size;
  return seeds === 1 ? `mean of ${cards.length} folds` : `mean of ${cards.length} models of ${seeds} seeds`;
}

function text(prediction: FilePrediction): string {
  const sorted = Object.entries(prediction.probabilities).sort(([, a], [, b]) => b - a);
  const probabilities = sorted.map(([name, p]) => `${name} ${(100 * p).toFixed(1)} %`).join('  ');
  const warnings = prediction.warnings.map((warning) => `  warning: ${warning}\n`).join('');
  return `${prediction.file}: ${prediction.emotion}\n  ${probabilities}\n  pooling weight peaks at ${prediction.peakTime.toFixed(2)} s of ${prediction.duration.toFixed(2)} s\n${warnings}`;
}
