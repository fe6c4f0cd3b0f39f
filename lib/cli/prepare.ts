import { dirname } from 'node:path';
import { type Command, Option } from 'commander';
import { corpusReaders } from '../corpus/index.js';
import { prepareCorpus } from '../describe/describe-corpus.js';
import { formatBytes, formatDuration } from '../format.js';
import { addReadingFlags, type CorpusFlags, corpusOptions } from './corpus-flags.js';
import { decodeProgress } from './decode-progress.js';
import { interruptible } from './interrupt.js';
import { openTerminal } from './terminal.js';

interface Flags extends CorpusFlags {
  corpus: string;
  onBadAudio: 'fail' | 'skip';
  verify?: boolean;
  json?: boolean;
}

export function registerPrepare(program: Command): void {
  addReadingFlags(
    program
      .command('prepare')
      .description('Decode a corpus ahead of training, so that a job on a cluster starts at once.')
      .requiredOption('--corpus <name>', `one of ${corpusReaders.map((reader) => reader.name).join(', ')}`),
  )
    .addOption(
      new Option('--on-bad-audio <what>', 'damaged, empty or silent files')
        .choices(['fail', 'skip'])
        .default('fail'),
    )
    .option('--verify', 'compare all stored samples with their hashes, and decode again what differs')
    .option('--json', 'the result as JSON on stdout')
    .addHelpText(
      'after',
      '\nWhat is decoded already is not decoded again; Ctrl-C keeps what was decoded. SER_CACHE says where it lies.',
    )
    .action(run);
}

async function run(flags: Flags): Promise<void> {
  const terminal = openTerminal(process.stderr);
  const { signal, done } = interruptible(() => terminal.line('stopping; what was decoded is kept'));
  try {
    const started = performance.now();
    const { description, ...result } = await prepareCorpus({
      ...corpusOptions(flags),
      corpus: flags.corpus,
      onBadAudio: flags.onBadAudio,
      verify: flags.verify,
      signal,
      onEvent: decodeProgress(terminal),
    });
    terminal.end();
    const wallSeconds = (performance.now() - started) / 1000;
    if (flags.json) {
      process.stdout.write(`${JSON.stringify({ ...result, wallSeconds }, null, 2)}\n`);
      return;
    }
    const { utterances, decoded, reused, bad, verified, damaged } = result;
    const counts = [
      `${decoded} decoded`,
      `${reused} there already`,
      ...(bad.length > 0 ? [`${bad.length} left out`] : []),
      ...(verified ? [`${utterances - decoded} verified`, `${damaged.length} damaged`] : []),
    ];
    const lines = [
      `${flags.corpus.padEnd(9)} ${utterances} utterances, ${formatDuration(result.seconds)} of audio: ${counts.join(', ')}`,
      `store     ${formatBytes(result.bytes)} in ${dirname(result.path)}`,
      `took      ${formatDuration(wallSeconds)}`,
      ...(description.warnings.length > 0
        ? [
            `warnings  ${description.warnings.length}, told by \`ser-native corpus\` and in ${result.statistics}`,
          ]
        : []),
      ...bad.slice(0, 10).map(({ path, reason }) => `left out  ${path}: ${reason}`),
      ...(bad.length > 10 ? [`left out  and ${bad.length - 10} more`] : []),
    ];
    process.stdout.write(`${lines.join('\n')}\n`);
  } finally {
    terminal.end();
    done();
  }
}
