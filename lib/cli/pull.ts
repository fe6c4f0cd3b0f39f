/** `ser-native pull`. */
import type { Command } from 'commander';
import type { PretrainedEncoderConfig } from '../../bindings.js';
import { readEncoderConfig } from '../encoder/hf-config.js';
import { pullModel } from '../encoder/hub.js';
import { parseHubModel } from '../encoder/hub-cache.js';
import type { PullListener } from '../encoder/types.js';
import { formatBytes, formatDuration } from '../format.js';
import { interruptible } from './interrupt.js';
import { openTerminal, progressBar, type Terminal } from './terminal.js';

interface PullFlags {
  revision?: string;
  json?: boolean;
}

export function registerPull(program: Command): void {
  program
    .command('pull')
    .description('Fetch a pretrained encoder from the Hugging Face hub into the cache that Python shares.')
    .argument('<model>', 'org/name or org/name@revision: WavLM, HuBERT, wav2vec2 or Whisper')
    .option('--revision <name>', 'branch, tag or commit; main when absent')
    .option('--json', 'print events as JSON lines on stderr and the result as JSON on stdout')
    .action(runPull);
}

async function runPull(id: string, flags: PullFlags): Promise<void> {
  const model = parseHubModel(id, flags.revision);
  const terminal = openTerminal(process.stderr);
  const stop = interruptible(() => {
    if (!flags.json) terminal.line('Stopping; what has arrived is kept.');
  });
  try {
    const pulled = await pullModel(model, {
      signal: stop.signal,
      onEvent: flags.json
        ? (event) => process.stderr.write(`${JSON.stringify(event)}\n`)
        : pullReporter(terminal),
    });
    const config = await readEncoderConfig(pulled.directory);
    terminal.end();
    if (flags.json) {
      process.stdout.write(`${JSON.stringify({ ...pulled, config })}\n`);
      return;
    }
    const { source, commit, directory, weightBytes, fetchedBytes } = pulled;
    process.stdout.write(
      `${fetchedBytes === 0 ? 'All there, nothing to fetch\n' : ''}` +
        `Model     ${source} (${commit.slice(0, 12)})\n` +
        `Encoder   ${describeEncoder(config)}; weights ${formatBytes(weightBytes)}\n` +
        `Folder    ${directory}\n`,
    );
  } finally {
    terminal.end();
    stop.done();
  }
}

const FAMILIES = { wav2vec2: 'wav2vec2', hubert: 'HuBERT', wavlm: 'WavLM', whisper: 'Whisper' };

/** `WavLM, 12 layers x 768`. */
export function describeEncoder(config: PretrainedEncoderConfig): string {
  const family = FAMILIES[config.kind === 'whisper' ? 'whisper' : config.family];
  return `${family}, ${config.layers} layers x ${config.width}`;
}

/** Shows a download: its plan, a bar on a terminal, one line at the end. */
export function pullReporter(terminal: Terminal = openTerminal(process.stderr)): PullListener {
  let started = 0;
  let first: number | undefined;
  return (event) => {
    switch (event.type) {
      case 'plan':
        if (event.bytes === 0) return;
        terminal.line(terminal.bold(`Fetching ${event.source} (${formatBytes(event.bytes)})`));
        for (const { name, bytes } of event.files.filter(({ cached }) => !cached)) {
          terminal.line(`  ${name}  ${terminal.dim(formatBytes(bytes))}`);
        }
        terminal.line(`  to ${event.directory}`);
        started = performance.now();
        break;
      case 'progress': {
        const { name, done, total } = event;
        first ??= done;
        const seconds = (performance.now() - started) / 1000;
        const left =
          seconds > 1 && done > first && done < total
            ? `  ${formatDuration((seconds * (total - done)) / (done - first))} left`
            : '';
        terminal.live(
          `  ${name}  ${progressBar(done / total)} ${formatBytes(done)}/${formatBytes(total)}${left}`,
        );
        break;
      }
      case 'note':
        terminal.line(`  ${terminal.yellow('note')} ${event.text}`);
        break;
      case 'done':
        if (event.bytes === 0) return;
        terminal.line(
          `${terminal.green('done')} ${formatBytes(event.bytes)} fetched in ${formatDuration(event.seconds)}`,
        );
        break;
    }
  };
}
