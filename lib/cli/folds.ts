/** `ser-native folds`: plans the folds of a corpus, shows them, and writes them to a file. */
import { type Command, Option } from 'commander';
import { listSome } from '../corpus/audio-files.js';
import type { Corpus } from '../corpus/types.js';
import { describePlan } from '../folds/describe.js';
import { loadPlan, planFolds, protocolSummaries, writePlan } from '../folds/index.js';
import { type FoldPlan, VALIDATIONS, type Validation } from '../folds/types.js';
import { addCorpusFlags, type CorpusFlags, readCorpusOf } from './corpus-flags.js';
import { textTable } from './table.js';
import { openTerminal, type Terminal } from './terminal.js';
import { wholeNumber } from './train.js';

interface FoldsFlags extends CorpusFlags {
  protocol?: string;
  plan?: string;
  validation?: Validation;
  validationSpeakers?: number;
  out?: string;
  json?: boolean;
}

export function registerFolds(program: Command): void {
  addCorpusFlags(
    program
      .command('folds')
      .description('Plan the folds of a corpus: who trains, validates and tests. Decodes no audio.'),
  )
    .option('--protocol <name>', 'how folds are made; see below')
    .addOption(new Option('--validation <how>', 'who chooses the epoch').choices([...VALIDATIONS]))
    .option('--validation-speakers <n>', 'of --validation speaker: about how many', wholeNumber)
    .addOption(
      new Option('--plan <file>', 'show this plan on the corpus, instead of making one').conflicts([
        'protocol',
        'validation',
        'validationSpeakers',
      ]),
    )
    .option('--out <file>', 'write the plan, for train --plan')
    .option('--json', 'the plan on stdout, instead of the table')
    .addHelpText(
      'after',
      () =>
        `\nProtocols:\n${protocolSummaries.map(({ name, summary }) => `  ${name.padEnd(24)}${summary}`).join('\n')}`,
    )
    .action(run);
}

async function run(flags: FoldsFlags): Promise<void> {
  const { protocol, validation, validationSpeakers, out } = flags;
  const corpus = await readCorpusOf(flags.corpus ?? 'demo', flags);
  const plan = flags.plan
    ? await loadPlan(flags.plan, corpus)
    : planFolds({ corpus, protocol, validation, validationSpeakers });
  if (out) await writePlan(out, plan);
  if (flags.json) {
    process.stdout.write(`${JSON.stringify(plan)}\n`);
    return;
  }
  process.stdout.write(`${planText(plan, corpus, openTerminal(process.stdout)).join('\n')}\n`);
  if (out) process.stdout.write(`\nPlan: ${out}\n`);
}

/** Speakers named in a cell; more are counted. */
const NAMED = 4;

function planText(plan: FoldPlan, corpus: Corpus, terminal: Terminal): string[] {
  const { corpus: name, protocol, validation, folds, hash } = plan;
  const parts = describePlan(plan, corpus);
  const head = ['fold', 'part', 'utterances', ...corpus.classes, 'speakers'];
  const rows = parts.map(({ fold, part, utterances, speakers, classes }, index) => [
    parts[index - 1]?.fold === fold ? '' : String(fold),
    part,
    String(utterances),
    ...classes.map(String),
    speakers.length <= NAMED ? speakers.join(' ') : `${speakers.length}: ${listSome(speakers, NAMED - 1)}`,
  ]);
  const numbers = head.map((_, column) => column).filter((column) => column >= 2 && column < head.length - 1);
  const [title, ...lines] = textTable(head, rows, numbers);
  const speakers = new Set(corpus.utterances.map(({ speaker }) => speaker)).size;
  return [
    `${terminal.bold(protocol)} of ${name}: ${folds.length} folds over ${corpus.utterances.length} utterances of ${speakers} speakers, validation ${validation}`,
    `hash ${hash}`,
    '',
    terminal.dim(title!),
    ...lines,
    ...[...corpus.warnings, ...(plan.warnings ?? [])].map((sentence) => terminal.yellow(`\n${sentence}`)),
  ];
}
