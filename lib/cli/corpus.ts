import type { Command } from 'commander';
import { writeEmoBox } from '../corpus/emobox-out.js';
import { corpusReaders } from '../corpus/index.js';
import { writeManifest } from '../corpus/write-manifest.js';
import { describeCorpus } from '../describe/describe-corpus.js';
import { renderDescriptionText } from '../describe/describe-text.js';
import { renderCorpusPage } from '../describe/page/page.js';
import { UsageError } from '../errors.js';
import { planFolds } from '../folds/index.js';
import { packageVersion } from '../runtime/version.js';
import { wrap } from '../text-layout.js';
import { addReadingFlags, type CorpusFlags, corpusOptions, readCorpusOf } from './corpus-flags.js';
import { decodeProgress } from './decode-progress.js';
import { interruptible } from './interrupt.js';
import { openTerminal } from './terminal.js';
import { writeOutput } from './write-output.js';

interface Flags extends CorpusFlags {
  json?: boolean;
  html?: string;
  /** False under --no-audio. */
  audio: boolean;
  exportManifest?: string;
  exportEmobox?: string;
  protocol?: string;
}

export function registerCorpus(program: Command): void {
  addReadingFlags(
    program
      .command('corpus')
      .description(
        'What is in a corpus: counts, speakers, lengths, levels, and what to mind before training on it.',
      )
      .argument('[name]', 'name of the corpus; without one, all that can be read are listed'),
  )
    .option('--no-audio', 'read labels only, decode nothing: at once, but without lengths and levels')
    .option('--html <file>', 'also write a page')
    .option('--json', 'the description as JSON on stdout')
    .option('--export-manifest <file>', 'also write the corpus as a CSV that --corpus manifest reads')
    .option('--export-emobox <dir>', "also write the corpus as EmoBox' lists, into a folder below this one")
    .option('--protocol <name>', "with --export-emobox: also the lists of this protocol's folds")
    .addHelpText(
      'after',
      '\nAudio is decoded once, into the store that training uses; the next time it is there already.\n\nExamples:\n  ser-native corpus ravdess --data RAVDESS\n  ser-native corpus ravdess --data RAVDESS --no-audio --json\n  ser-native corpus folder --data clips --html clips.html',
    )
    .action(run);
}

async function run(name: string | undefined, flags: Flags): Promise<void> {
  if (name === undefined) return list(flags.json);
  const terminal = openTerminal(process.stderr);
  const { signal, done } = interruptible(() => terminal.line('stopping; what was decoded is kept'));
  try {
    const written = await exportCorpus(name, flags, signal);
    const description = await describeCorpus({
      ...corpusOptions(flags),
      corpus: name,
      audio: flags.audio,
      signal,
      onEvent: decodeProgress(
        terminal,
        'Decoding, which happens once; labels alone are told at once by --no-audio.',
      ),
    });
    terminal.end();
    if (flags.html) {
      const command = `ser-native ${process.argv.slice(2).join(' ')}`;
      await writeOutput(flags.html, renderCorpusPage({ description, version: packageVersion(), command }));
    }
    if (flags.json) process.stdout.write(`${JSON.stringify(description, null, 2)}\n`);
    else {
      const output = openTerminal(process.stdout);
      const width = Math.max(40, process.stdout.columns ?? 80);
      process.stdout.write(`${renderDescriptionText(description, { width, style: output })}\n`);
    }
    if (flags.html) terminal.line(`page      ${terminal.path(flags.html)}`);
    for (const [what, path] of written) terminal.line(`${what.padEnd(9)} ${terminal.path(path)}`);
  } finally {
    terminal.end();
    done();
  }
}

/** Writes the lists that were asked for, before anything is decoded; resolves to what was written where. */
async function exportCorpus(name: string, flags: Flags, signal: AbortSignal): Promise<[string, string][]> {
  const { exportManifest, exportEmobox, protocol } = flags;
  if (protocol !== undefined && exportEmobox === undefined) {
    throw new UsageError('--protocol belongs to --export-emobox DIR here', {
      code: 'E_USAGE',
      cure: `Folds alone: ser-native folds --corpus ${name} --protocol ${protocol}`,
    });
  }
  if (exportManifest === undefined && exportEmobox === undefined) return [];
  const corpus = await readCorpusOf(name, flags);
  const written: [string, string][] = [];
  if (exportManifest !== undefined) {
    await writeManifest(corpus, exportManifest);
    written.push(['manifest', exportManifest]);
  }
  if (exportEmobox !== undefined) {
    const plan = protocol === undefined ? undefined : planFolds({ corpus, protocol });
    written.push(['EmoBox', await writeEmoBox(corpus, exportEmobox, plan, { signal })]);
  }
  return written;
}

/** The corpora that can be read, and what each leaves to choose. */
function list(json: boolean | undefined): void {
  if (json) {
    const readers = corpusReaders.map(({ name, summary, defaultProtocol, choices = [] }) => ({
      name,
      summary,
      defaultProtocol,
      choices,
    }));
    process.stdout.write(`${JSON.stringify(readers, null, 2)}\n`);
    return;
  }
  const width = Math.max(40, process.stdout.columns ?? 80);
  const indent = ' '.repeat(11);
  const lines = corpusReaders.flatMap(({ name, summary, choices = [] }) => [
    ...wrap(`${name.padEnd(10)} ${summary}`, width, indent),
    ...choices.flatMap((choice) =>
      wrap(
        `--choice ${choice.name}=${choice.values.join('|')}: ${choice.summary}`,
        width - indent.length,
      ).map((line) => indent + line),
    ),
  ]);
  process.stdout.write(`${lines.join('\n')}\n`);
}
