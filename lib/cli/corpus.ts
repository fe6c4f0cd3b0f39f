import type { Command } from 'commander';
import { corpusReaders, readCorpus } from '../corpus/index.js';
import { writeManifest } from '../corpus/write-manifest.js';
import { describeCorpus } from '../describe/describe-corpus.js';
import { renderDescriptionText } from '../describe/describe-text.js';
import { renderCorpusPage } from '../describe/page/page.js';
import { packageVersion } from '../runtime/version.js';
import { wrap } from '../text-layout.js';
import { addReadingFlags, type CorpusFlags, corpusOptions } from './corpus-flags.js';
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
    const options = corpusOptions(flags);
    if (flags.exportManifest) await writeManifest(await readCorpus(name, options), flags.exportManifest);
    const description = await describeCorpus({
      ...options,
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
    if (flags.exportManifest) terminal.line(`manifest  ${terminal.path(flags.exportManifest)}`);
  } finally {
    terminal.end();
    done();
  }
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
