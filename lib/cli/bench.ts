import { type Command, InvalidArgumentError, Option } from 'commander';
import {
  BATCHINGS,
  BENCH_TASKS,
  type BenchEvent,
  type BenchOptions,
  bench,
  RECIPES,
  renderBenchText,
} from '../bench/index.js';
import { SHAPES } from '../bench/shapes.js';
import { describeDeviceText, describeRoofline } from '../bench/text.js';
import { deviceOption } from './device-option.js';
import { interruptible } from './interrupt.js';
import { openTerminal, progressBar, type Terminal } from './terminal.js';
import { wholeNumber } from './train.js';
import { writeOutput } from './write-output.js';

interface BenchFlags
  extends Pick<
    BenchOptions,
    | 'seconds'
    | 'lengths'
    | 'batch'
    | 'steps'
    | 'warmup'
    | 'limit'
    | 'recipe'
    | 'device'
    | 'threads'
    | 'seed'
    | 'kernels'
    | 'compare'
    | 'python'
    | 'compile'
    | 'keep'
    | 'offline'
  > {
  encoder?: string[];
  task?: BenchOptions['tasks'];
  precision?: BenchOptions['precisions'];
  batching?: BenchOptions['batching'];
  json?: string | boolean;
}

const words = (text: string): string[] => text.split(',').map((part) => part.trim());

/** A list of these words, separated by commas. */
function listOf<T extends string>(known: readonly T[]): (text: string) => T[] {
  return (text) => {
    const unknown = words(text).find((word) => !(known as readonly string[]).includes(word));
    if (unknown !== undefined)
      throw new InvalidArgumentError(`unknown: ${unknown}; there are ${known.join(', ')}.`);
    return words(text) as T[];
  };
}

function positiveNumber(text: string): number {
  const value = Number(text);
  if (text.trim() === '' || !Number.isFinite(value) || value <= 0)
    throw new InvalidArgumentError('expected a number above 0.');
  return value;
}

const numberList = (text: string): number[] => words(text).map(positiveNumber);

export function registerBench(program: Command): void {
  program
    .command('bench')
    .description(
      'Measure this machine: audio per second, milliseconds a step, TFLOP/s and their share of the peak, memory; also beside transformers.',
    )
    .option(
      '--encoder <list>',
      `of mel, ${Object.keys(SHAPES).join(', ')} (random weights), folders and Hugging Face ids; none = operations alone (default: mel,wavlm-base)`,
      words,
    )
    .option('--task <list>', `of ${BENCH_TASKS.join(', ')} (default: inference,train)`, listOf(BENCH_TASKS))
    .option(
      '--precision <list>',
      'of fp32, bf16 (default: fp32, and bf16 where the device has it)',
      listOf(['fp32', 'bf16']),
    )
    .option('--seconds <list>', 'lengths of clips, each measured apart (default: 5)', numberList)
    .addOption(
      new Option('--lengths <law>', "clips of many lengths, drawn like a corpus'").choices(['iemocap']),
    )
    .option(
      '--batching <list>',
      `of ${BATCHINGS.join(', ')}, for clips of many lengths (default: drawn,packed; with --compare drawn,grouped)`,
      listOf(BATCHINGS),
    )
    .option('--batch <n>', 'utterances of a batch (default: 8, on CUDA 32)', wholeNumber)
    .option('--steps <n>', 'steps that count (default: 20)', wholeNumber)
    .option('--warmup <n>', 'steps before them (default: 2)', wholeNumber)
    .option(
      '--limit <s>',
      'seconds after which a measurement makes do with fewer steps (default: 60)',
      positiveNumber,
    )
    .addOption(
      new Option(
        '--recipe <name>',
        'plain: mean pooling, cross-entropy (default); method: EAM, FLAM, four losses',
      ).choices([...RECIPES]),
    )
    .addOption(deviceOption())
    .option('--threads <n>', 'that an operation may use', wholeNumber)
    .option('--seed <n>', 'of lengths, batches and random weights (default: 1)', wholeNumber)
    .option('--no-kernels', 'leave out the table of single operations')
    .addOption(
      new Option('--compare <peer>', 'run the same steps in Python, in turns with ours').choices([
        'transformers',
      ]),
    )
    .option('--python <program>', 'that has torch and transformers (default: of VIRTUAL_ENV, else python3)')
    .option('--compile', 'with --compare: torch.compile as well, which takes minutes')
    .option('--keep <dir>', 'keep random weights there for the next time')
    .option('--offline', 'never fetch an encoder')
    .option('--json [file]', 'JSON, to a file or in place of the tables')
    .addHelpText(
      'after',
      '\nExamples:\n  ser-native bench\n  ser-native bench --encoder wavlm-large --task train --precision bf16 --seconds 5,10 --device cuda\n  ser-native bench --encoder wavlm-base,whisper-tiny --lengths iemocap --compare transformers --json bench.json\n  ser-native bench --encoder none   (operations alone)',
    )
    .action(run);
}

async function run(flags: BenchFlags): Promise<void> {
  const { encoder, task, precision, batching, json, ...rest } = flags;
  const terminal = openTerminal(process.stderr);
  const { signal, done } = interruptible(() => terminal.line('stopping'));
  const command = `ser-native ${process.argv.slice(2).join(' ')}`;
  try {
    const result = await bench({
      ...rest,
      encoders: encoder?.length === 1 && encoder[0] === 'none' ? [] : encoder,
      tasks: task,
      precisions: precision,
      batching,
      signal,
      onEvent: (event) => show(terminal, event),
    });
    terminal.end();
    const text = `${JSON.stringify({ command, ...result }, null, 2)}\n`;
    if (typeof json === 'string') await writeOutput(json, text);
    process.stdout.write(json === true ? text : `${renderBenchText(result)}\n`);
  } finally {
    terminal.end();
    done();
  }
}

function show(terminal: Terminal, event: BenchEvent): void {
  switch (event.type) {
    case 'device':
      terminal.line(`device    ${describeDeviceText(event.device)}`);
      break;
    case 'roofline':
      terminal.line(`peak      ${describeRoofline(event.roofline)}`);
      break;
    case 'phase':
      terminal.live(`measuring ${event.what}`);
      break;
    case 'step':
      terminal.live(`${progressBar(event.done / event.total)} ${event.what}`);
      break;
    case 'measured': {
      const { encoder, task, precision, lengths, batching, audioSecondsPerSecond } = event.measurement;
      terminal.line(
        `measured  ${encoder} ${task} ${precision}, ${lengths} ${batching}: ${audioSecondsPerSecond.toFixed(1)} audio-s/s`,
      );
      break;
    }
    case 'warning':
      terminal.line(`${terminal.yellow('warning')}   ${event.message}`);
      break;
  }
}
