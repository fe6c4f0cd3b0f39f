import { type Command, InvalidArgumentError, Option } from 'commander';
import { PRESETS } from '../config/presets.js';
import { mergeLayers, readConfigFile, resolveConfig } from '../config/resolve.js';
import type { TrainConfigInput } from '../config/schema.js';
import { corpusReaders } from '../corpus/index.js';
import { UsageError } from '../errors.js';
import { protocolSummaries } from '../folds/index.js';
import { VALIDATIONS, type Validation } from '../folds/types.js';
import { renderReportText } from '../report/index.js';
import { LOSS_NAMES } from '../train/epoch-sums.js';
import { train } from '../train/train.js';
import { collect } from './collect.js';
import { addReadingFlags, type CorpusFlags, choiceMap } from './corpus-flags.js';
import { type DeviceFlag, deviceOption } from './device-option.js';
import { interruptible } from './interrupt.js';
import { fractionList, learningCurvesOf, runLearningCurve } from './learning-curve.js';
import { openTerminal } from './terminal.js';
import { trainProgress } from './train-progress.js';

/** Of `--profile` without a number. */
const PROFILED_STEPS = 5;

interface TrainFlags extends CorpusFlags, DeviceFlag {
  protocol?: string;
  plan?: string;
  folds?: 'all' | number[];
  encoder?: string;
  mix?: 'eam' | 'lam' | 'none';
  pooling?: 'flam' | 'mean' | 'max';
  losses?: string[];
  preset?: string;
  epochs?: number;
  seed?: number;
  seeds?: number | number[];
  out?: string;
  resume?: string | boolean;
  json?: boolean;
  config?: string;
  set?: string[];
  validation?: Validation;
  validationSpeakers?: number;
  onBadAudio?: 'fail' | 'skip';
  final?: boolean;
  trainFraction?: number[];
  classWeights?: 'none' | 'balanced';
  printConfig?: boolean;
  embedAudio?: boolean;
  profile?: number | true;
}

export function wholeNumber(text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 0) throw new InvalidArgumentError('expected a whole number.');
  return value;
}

function stepCount(text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1 || value > 1000)
    throw new InvalidArgumentError('expected a number of steps from 1 to 1000.');
  return value;
}

export function foldList(text: string): 'all' | number[] {
  if (text === 'all') return 'all';
  return text.split(',').map((part) => {
    const value = Number(part);
    if (!Number.isInteger(value) || value < 1)
      throw new InvalidArgumentError('expected all, or folds such as 1,2.');
    return value;
  });
}

/** `3` is how many, `1,2,3` is which. */
export function seedList(text: string): number | number[] {
  const values = text.split(',').map((part) => (/^\s*\d+\s*$/.test(part) ? Number(part) : Number.NaN));
  if (values.some(Number.isNaN) || (values.length === 1 && values[0] === 0))
    throw new InvalidArgumentError('expected how many, such as 3, or which, such as 1,2,3.');
  return values.length === 1 ? values[0]! : values;
}

function lossList(text: string): string[] {
  const names = text.split(',').map((name) => name.trim());
  const unknown = names.filter((name) => !(LOSS_NAMES as readonly string[]).includes(name));
  if (unknown.length > 0)
    throw new InvalidArgumentError(`unknown: ${unknown.join(', ')}; losses are ${LOSS_NAMES.join(', ')}.`);
  return names;
}

export function registerTrain(program: Command): void {
  addReadingFlags(
    program
      .command('train')
      .description(
        'Train and judge models over the folds of a corpus; with no options, on the built-in synthetic demo corpus.',
      )
      .option(
        '--corpus <name>',
        `one of ${corpusReaders.map((reader) => reader.name).join(', ')} (default: demo)`,
      ),
  )
    .option('--protocol <name>', 'how folds are made; see below')
    .option('--plan <file>', 'fold plan, in place of --protocol and --validation (see ser-native folds)')
    .option('--folds <list>', 'all, or folds such as 1,2', foldList)
    .addOption(new Option('--validation <how>', 'who chooses the epoch').choices([...VALIDATIONS]))
    .option('--validation-speakers <n>', 'of --validation speaker: about how many', wholeNumber)
    .addOption(
      new Option('--preset <name>', 'starting point of the configuration').choices(Object.keys(PRESETS)),
    )
    .option(
      '--encoder <name>',
      'mel (trained from scratch), or a pretrained one: Hugging Face id such as microsoft/wavlm-large, or a folder',
    )
    .addOption(new Option('--mix <kind>', 'mixup of waveforms').choices(['eam', 'lam', 'none']))
    .addOption(
      new Option('--pooling <kind>', 'how frames become one vector').choices(['flam', 'mean', 'max']),
    )
    .option('--losses <list>', 'losses that are on, of kl,focal,center,supcon', lossList)
    .option('--epochs <n>', 'epochs per fold', wholeNumber)
    .option('--seed <n>', 'seed of every random choice', wholeNumber)
    .option('--seeds <list>', 'train every fold for each seed: how many (3), or which (1,2,3)', seedList)
    .addOption(deviceOption())
    .addOption(
      new Option('--on-bad-audio <what>', 'damaged, empty or silent files').choices(['fail', 'skip']),
    )
    .option(
      '--train-fraction <list>',
      'share of the training part, drawn within speakers; several, such as 0.1,0.25,0.5,1, make a learning curve',
      fractionList,
    )
    .addOption(
      new Option('--class-weights <kind>', 'balanced: rare classes weigh as much in KL and focal').choices([
        'none',
        'balanced',
      ]),
    )
    .option('--final', 'also fit one model on all the data, which predict then prefers')
    .option('--config <file>', 'settings in JSON or YAML')
    .option('--set <key=value>', 'one setting, e.g. optimiser.learningRate=0.002; repeatable', collect)
    .option('--print-config', 'print the resolved configuration and stop')
    .option('--out <dir>', 'run folder (default: runs/<corpus>-<protocol>-<time>)')
    .option(
      '--resume [dir]',
      'go on with a run; without a folder, the newest unfinished one of this configuration',
    )
    .option(
      '--embed-audio',
      'put the audio of the drawn utterances into report.html; most corpora forbid passing audio on',
    )
    .option(
      '--profile [steps]',
      'profile so many steps (5): time by phase, and a trace for Chrome in the run folder',
      stepCount,
    )
    .option('--json', 'events as JSON lines on stdout')
    .addHelpText(
      'after',
      () =>
        `\nCorpora:\n${table(corpusReaders)}\n\nChoices (the first value is the default):\n${table(choiceRows)}\n\nProtocols:\n${table(protocolSummaries)}\n\nPresets:\n${table(
          Object.entries(PRESETS).map(([name, { summary }]) => ({ name, summary })),
        )}\n\nExamples:\n  ser-native train\n  ser-native train --corpus ravdess --data RAVDESS --protocol ravdess-6fold\n  ser-native train --corpus ravdess --data RAVDESS --losses kl --mix none --pooling mean   (cross-entropy baseline)`,
    )
    .action(run);
}

const table = (rows: readonly { name: string; summary: string }[]) =>
  rows.map(({ name, summary }) => `  ${name.padEnd(24)}${summary}`).join('\n');

/** What the corpora leave to choose, a row per choice. */
const choiceRows = corpusReaders.flatMap(({ name, choices = [] }) =>
  choices.map((choice) => ({
    name,
    summary: `${choice.name}=${choice.values.join('|')} (${choice.summary})`,
  })),
);

function flagsToConfig(flags: TrainFlags): TrainConfigInput {
  const config: TrainConfigInput = {};
  const copied = [
    'corpus',
    'data',
    'allowPartial',
    'speakerPattern',
    'speakers',
    'protocol',
    'plan',
    'folds',
    'validation',
    'validationSpeakers',
    'pooling',
    'epochs',
    'seed',
    'seeds',
    'device',
    'onBadAudio',
    'final',
    'classWeights',
  ] as const;
  for (const name of copied) if (flags[name] !== undefined) Object.assign(config, { [name]: flags[name] });
  if (flags.choice) config.choices = choiceMap(flags.choice);
  if (flags.encoder === 'mel') config.encoder = { kind: 'mel' };
  else if (flags.encoder) config.encoder = { kind: 'pretrained', source: flags.encoder };
  if (flags.trainFraction?.length === 1) config.trainFraction = flags.trainFraction[0];
  if (flags.mix) config.mix = { kind: flags.mix };
  if (flags.losses) {
    // A loss that is named keeps the weight that the configuration gives it; the others are switched off.
    config.losses = Object.fromEntries(
      LOSS_NAMES.filter((name) => !flags.losses!.includes(name)).map((name) => [name, 0]),
    );
  }
  return config;
}

async function run(flags: TrainFlags): Promise<void> {
  if (flags.plan && (flags.protocol || flags.validation)) {
    throw new UsageError('--plan brings its protocol and validation: leave --protocol and --validation out', {
      code: 'E_USAGE',
    });
  }
  const file = flags.config ? await readConfigFile(flags.config) : undefined;
  const config = mergeLayers({ file, settings: flags.set, flags: flagsToConfig(flags) });
  if (flags.printConfig) {
    process.stdout.write(`${JSON.stringify(resolveConfig(config, flags.preset).config, null, 2)}\n`);
    return;
  }
  if (typeof flags.resume === 'string' && flags.out) {
    throw new UsageError('--resume DIR and --out DIR exclude each other', { code: 'E_USAGE' });
  }
  const terminal = openTerminal(process.stderr);
  const show = flags.json ? undefined : trainProgress(terminal);
  const command = `ser-native ${process.argv.slice(2).join(' ')}`;
  const { signal, done } = interruptible(() => {
    if (!flags.json)
      terminal.line('stopping after this step; a checkpoint will be kept (once more to stop at once)');
  });
  const resumed = typeof flags.resume === 'string' ? flags.resume : undefined;
  const fractions = flags.trainFraction && flags.trainFraction.length > 1 ? flags.trainFraction : undefined;
  try {
    if (fractions || (resumed && (await learningCurvesOf([resumed])))) {
      if (flags.profile !== undefined) {
        throw new UsageError('--profile looks at one run, not at a learning curve', {
          code: 'E_USAGE',
          cure: 'Leave --profile out, or name one share with --train-fraction.',
        });
      }
      if (flags.resume === true) {
        throw new UsageError('a learning curve is gone on with by name', {
          code: 'E_USAGE',
          cure: '--resume DIR, or the same command with its --out DIR again.',
        });
      }
      await runLearningCurve(
        {
          preset: flags.preset,
          config,
          out: flags.out,
          resume: resumed,
          fractions,
          embedAudio: flags.embedAudio,
          signal,
          command,
        },
        { json: flags.json ?? false, terminal, show },
      );
      return;
    }
    const { out, report } = await train({
      preset: flags.preset,
      config,
      out: flags.out,
      resume: flags.resume,
      embedAudio: flags.embedAudio,
      profile: flags.profile === true ? PROFILED_STEPS : flags.profile,
      signal,
      command,
      onEvent: (event) => {
        if (flags.json) process.stdout.write(`${JSON.stringify(event)}\n`);
        else show?.(event);
      },
    });
    terminal.end();
    if (!flags.json)
      process.stdout.write(
        `\n${renderReportText(report, { colour: terminal.colour })}\n\nReport: ${terminal.path(out)}/report.html\n`,
      );
  } finally {
    terminal.end();
    done();
  }
}
