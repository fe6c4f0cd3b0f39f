/** `ser-native bundle`. */
import { type Command, InvalidArgumentError } from 'commander';
import { bundle } from '../bundle/bundle.js';
import { PYTHON_TORCH } from '../bundle/readme.js';
import type { BundleEvent } from '../bundle/types.js';
import { formatDuration, formatMiB } from '../format.js';
import { collect } from './collect.js';
import { interruptible } from './interrupt.js';
import { openTerminal, progressBar, type Terminal } from './terminal.js';

interface BundleFlags {
  out?: string;
  node?: boolean;
  weights?: string[];
  limit?: number;
  json?: boolean;
}

export function registerBundle(program: Command): void {
  program
    .command('bundle')
    .description('Write one archive from which the program is set up on a machine without network.')
    .option('--out <file>', 'archive to write, .tar.xz or .tar.gz; default: ser-native-VERSION.tar.xz here')
    .option('--node', 'put the Node that runs this into it')
    .option('--weights <dir-or-id>', 'put an encoder into it: a folder or org/name; repeat for more', collect)
    .option('--limit <MiB>', 'refuse an archive larger than this', mebibytes)
    .option('--json', 'print the result as JSON')
    .action(run);
}

function mebibytes(text: string): number {
  const value = Number(text);
  if (!(value > 0) || !Number.isFinite(value)) throw new InvalidArgumentError('a number above 0 is expected');
  return value;
}

async function run(flags: BundleFlags): Promise<void> {
  const terminal = openTerminal(process.stderr);
  const stop = interruptible(() => terminal.line('stopping'));
  try {
    const result = await bundle({
      out: flags.out,
      node: flags.node,
      weights: flags.weights,
      limitMiB: flags.limit,
      signal: stop.signal,
      onProgress: (event) => tell(event, terminal),
    });
    terminal.end();
    if (flags.json) {
      process.stdout.write(`${JSON.stringify(result)}\n`);
      return;
    }
    const archive = terminal.path(result.file);
    process.stdout.write(
      `Archive   ${archive}\n` +
        `Size      ${formatMiB(result.bytes)} (${formatDuration(result.seconds)})\n` +
        `SHA-256   ${result.sha256}\n`,
    );
    terminal.line('On the other machine:');
    terminal.line(`  tar -xf ${archive} && cd ${result.folder}`);
    terminal.line(`  ./ser-native setup --from ${PYTHON_TORCH}`);
    terminal.line('  ./ser-native doctor');
  } finally {
    terminal.end();
    stop.done();
  }
}

function tell(event: BundleEvent, terminal: Terminal): void {
  switch (event.type) {
    case 'plan':
      for (const { name, files, bytes } of event.parts)
        terminal.line(
          `  ${name.padEnd(12)}  ${String(files).padStart(5)} files  ${formatMiB(bytes).padStart(10)}`,
        );
      break;
    case 'progress':
      terminal.live(
        `  ${progressBar(event.done / event.total)} ${formatMiB(event.done)}, compressed ${formatMiB(event.written)}`,
      );
      break;
    case 'note':
      terminal.line(`  ${terminal.yellow('note')} ${event.text}`);
      break;
  }
}
