/** Shows set-up's events: its plan, a bar for the step that runs on a terminal, one line a step elsewhere. */

import { formatBytes, formatDuration } from '../format.js';
import type { SetupEvent, SetupListener, SetupStage } from '../runtime/setup-event.js';
import { openTerminal, progressBar, type Terminal } from './terminal.js';

export function setupReporter(terminal: Terminal = openTerminal(process.stderr)): SetupListener {
  let stage: { name: SetupStage; text: string; started: number; done: number } | undefined;

  const finish = (): void => {
    if (stage === undefined) return;
    const amount = stage.name === 'download' && stage.done > 0 ? `, ${formatBytes(stage.done)}` : '';
    const took = terminal.dim(`${formatDuration((performance.now() - stage.started) / 1000)}${amount}`);
    terminal.line(`  ${stage.text}  ${took}`);
    stage = undefined;
  };

  return (event: SetupEvent) => {
    switch (event.type) {
      case 'plan':
        terminal.line(terminal.bold('Set-up (once; later commands find it done)'));
        for (const [i, step] of event.steps.entries()) terminal.line(`  ${i === 0 ? '' : `${i}. `}${step}`);
        terminal.line('');
        break;
      case 'stage':
        finish();
        stage = { name: event.stage, text: event.text, started: performance.now(), done: 0 };
        terminal.live(`  ${event.text} ...`);
        break;
      case 'progress':
        if (stage === undefined || stage.name !== event.stage) return;
        stage.done = event.done;
        terminal.live(`  ${stage.text}  ${describe(event, (performance.now() - stage.started) / 1000)}`);
        break;
      case 'note':
        terminal.line(`  ${terminal.yellow('note')} ${event.text}`);
        break;
      case 'done':
        finish();
        terminal.line(
          `${terminal.green('done')} ${event.text}; set-up took ${formatDuration(event.seconds)}`,
        );
        terminal.line('');
        break;
    }
  };
}

function describe(event: Extract<SetupEvent, { type: 'progress' }>, seconds: number): string {
  const { done, total, unit } = event;
  const amount = unit === 'bytes' ? formatBytes(done) : `${done}`;
  if (total === undefined) return amount;
  const of = unit === 'bytes' ? formatBytes(total) : `${total}`;
  // Compile steps differ too much in length for an estimate worth printing.
  const left =
    unit === 'bytes' && done > 0 && seconds > 1 && done < total
      ? `  ${formatDuration((seconds * (total - done)) / done)} left`
      : '';
  const numbers = total === 100 && unit === 'steps' ? `${done} %` : `${amount}/${of}`;
  return `${progressBar(done / total)} ${numbers}${left}`;
}
