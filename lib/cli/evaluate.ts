import { type Command, InvalidArgumentError, Option } from 'commander';
import { corpusReaders } from '../corpus/index.js';
import {
  compareEvaluations,
  type EvaluateEvent,
  type EvaluateOptions,
  type EvaluationResult,
  evaluateModel,
  evaluationJson,
  renderEvaluationText,
  writeEvaluation,
} from '../evaluate/index.js';
import { formatDuration } from '../format.js';
import { addReadingFlags, type CorpusFlags, corpusOptions } from './corpus-flags.js';
import { deviceOption } from './device-option.js';
import { interruptible } from './interrupt.js';
import { openTerminal, type Terminal } from './terminal.js';
import { wholeNumber } from './train.js';

interface EvaluateFlags
  extends CorpusFlags,
    Pick<
      EvaluateOptions,
      | 'labelMap'
      | 'otherClasses'
      | 'unseen'
      | 'noise'
      | 'noiseKind'
      | 'gain'
      | 'seed'
      | 'folds'
      | 'onBadAudio'
      | 'device'
    > {
  json?: boolean;
  out?: string;
}

function numbers(text: string): number[] {
  return text.split(',').map((part) => {
    const value = Number(part);
    if (part.trim() === '' || !Number.isFinite(value))
      throw new InvalidArgumentError('expected numbers in dB, such as 20,10,5,0.');
    return value;
  });
}

function foldNumbers(text: string): number[] {
  return text.split(',').map((part) => {
    const fold = Number(part);
    if (!Number.isInteger(fold) || fold < 1) throw new InvalidArgumentError('expected folds such as 1,2.');
    return fold;
  });
}

export function registerEvaluate(program: Command): void {
  const command = program
    .command('evaluate')
    .description(
      'Judge trained models on a corpus: their own (each fold on its own test part) or another, clean, in noise, at other levels.',
    )
    .argument('<run-or-checkpoint...>', 'run folders or checkpoints; several are put side by side')
    .option(
      '--corpus <name>',
      `one of ${corpusReaders.map((reader) => reader.name).join(', ')} (default: the run's own)`,
    );
  addReadingFlags(command)
    .option('--folds <list>', 'only the models of these folds, such as 1,2', foldNumbers)
    .option('--label-map <file>', "the corpus' labels to the model's classes or null: JSON, YAML or CSV")
    .addOption(
      new Option(
        '--other-classes <how>',
        'classes that only the model has: probabilities over the shared ones, or an error where one is predicted',
      ).choices(['renormalise', 'error']),
    )
    .option(
      '--unseen',
      'I state that none of these speakers was in the training, where that cannot be found out',
    )
    .option('--noise <dB>', 'also in noise at these signal-to-noise ratios, such as 20,10,5,0', numbers)
    .option('--noise-kind <kind>', 'white, pink, babble, or a folder or file of recordings (default: white)')
    .option('--gain <dB>', 'also at these changes of level, such as -20,-10,10', numbers)
    .option('--seed <n>', 'seed of the noise (default: 1)', wholeNumber)
    .addOption(
      new Option('--on-bad-audio <what>', 'damaged, empty or silent files').choices(['fail', 'skip']),
    )
    .addOption(deviceOption())
    .option('--json', 'the content of evaluation.json')
    .option('--out <dir>', 'write evaluation.json, predictions.jsonl and evaluation.html there')
    .addHelpText(
      'after',
      '\nExamples:\n  ser-native evaluate runs/mel\n  ser-native evaluate runs/mel --corpus savee --data SAVEE --label-map map.yaml\n  ser-native evaluate runs/eam runs/none --noise 20,10,5,0 --noise-kind pink --out robustness',
    )
    .action(run);
}

async function run(models: string[], flags: EvaluateFlags): Promise<void> {
  const { json, out, choice: _, ...asked } = flags;
  const terminal = openTerminal(process.stderr);
  const { signal, done } = interruptible(() => terminal.line('stopping'));
  const results: EvaluationResult[] = [];
  try {
    for (const model of models) {
      if (models.length > 1 && !json) terminal.line(terminal.bold(model));
      results.push(
        await evaluateModel({
          ...asked,
          ...corpusOptions(flags),
          model,
          signal,
          onEvent: json ? undefined : (event) => show(terminal, event),
        }),
      );
    }
  } finally {
    terminal.end();
    done();
  }
  const together = compareEvaluations(results);
  if (out !== undefined) await writeEvaluation(out, results);
  if (json) {
    process.stdout.write(`${JSON.stringify(evaluationJson(together))}\n`);
    return;
  }
  process.stdout.write(`\n${renderEvaluationText(together)}\n`);
  if (out !== undefined) process.stdout.write(`\nReport: ${terminal.path(out)}/evaluation.html\n`);
}

function show(terminal: Terminal, event: EvaluateEvent): void {
  const left = (seconds: number | null) => (seconds === null ? '' : `, ${formatDuration(seconds)} left`);
  switch (event.type) {
    case 'corpus':
      terminal.line(
        `corpus    ${event.name}${event.synthetic ? ' (synthetic speech)' : ''}: ${event.utterances} utterances, ${event.speakers} speakers, ${event.classes.length} classes (${event.classes.join(', ')})`,
      );
      break;
    case 'decode':
      terminal.live(`decoding  ${event.done}/${event.total}${left(event.etaSeconds)}`);
      break;
    case 'judged':
      terminal.live(`judging   ${event.model}  ${event.done}/${event.total}${left(event.etaSeconds)}`);
      break;
    case 'warning':
      terminal.line(`${terminal.yellow('warning')}   ${event.message}`);
      break;
  }
}
