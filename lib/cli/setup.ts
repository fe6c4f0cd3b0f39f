/** `ser-native setup`. */

import { type Command, Option } from 'commander';
import { formatDuration } from '../format.js';
import { placeName, type SetupOptions, setup, type VariantChoice } from '../runtime/setup.js';
import { confirmDownload } from './confirm-download.js';
import { setupReporter } from './setup-progress.js';
import { openTerminal } from './terminal.js';

interface SetupFlags {
  variant: VariantChoice;
  from?: string;
  sha256?: string;
  libtorch?: string;
  force?: boolean;
  yes?: boolean;
  json?: boolean;
}

export function registerSetup(program: Command): void {
  program
    .command('setup')
    .description('find or fetch LibTorch, compile the addon for it and try it; done by itself on first use')
    .addOption(
      new Option('--variant <name>', 'what to compute on').choices(['auto', 'cpu', 'cuda']).default('auto'),
    )
    .option('--from <path>', 'LibTorch to use: a folder, a torch wheel, or a libtorch zip (with --sha256)')
    .option('--sha256 <digest>', 'expected SHA-256 of the file that --from names')
    .option('--libtorch <version>', 'release to fetch instead of the default')
    .option('--force', 'compile and try the addon again')
    .option('--yes', 'do not ask before large downloads')
    .option('--json', 'print events as JSON lines on stderr and the result as JSON on stdout')
    .action(async (flags: SetupFlags) => runSetup(flags));
}

async function runSetup(flags: SetupFlags): Promise<void> {
  const terminal = openTerminal(process.stderr);
  const stop = new AbortController();
  const interrupt = (): void => {
    if (stop.signal.aborted) process.exit(130);
    stop.abort();
  };
  process.on('SIGINT', interrupt);
  process.on('SIGTERM', interrupt);
  const options: SetupOptions = {
    variant: flags.variant,
    from: flags.from,
    sha256: flags.sha256,
    libtorch: flags.libtorch,
    force: flags.force,
    yes: flags.yes,
    signal: stop.signal,
    onProgress: flags.json
      ? (event) => process.stderr.write(`${JSON.stringify(event)}\n`)
      : setupReporter(terminal),
    confirm: process.stdin.isTTY && process.stderr.isTTY ? confirmDownload : undefined,
  };
  try {
    const result = await setup(options);
    if (flags.json) {
      process.stdout.write(`${JSON.stringify(result)}\n`);
      return;
    }
    const { libtorch, verdict } = result;
    process.stdout.write(
      `${result.ready ? `Ready, nothing to do (${formatDuration(result.seconds)})\n` : ''}` +
        `LibTorch  ${libtorch.version} ${result.variant} (${placeName(verdict)}) in ${libtorch.dir}\n` +
        `Addon     ${result.addon.file}\n`,
    );
  } finally {
    terminal.end();
    process.removeListener('SIGINT', interrupt);
    process.removeListener('SIGTERM', interrupt);
  }
}
