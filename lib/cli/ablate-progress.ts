/** What `ablate` shows while it works: a line per cell, and what `train` shows of the corpus and of the running step. */
import type { AblateEvent } from '../ablate/types.js';
import { formatDuration } from '../format.js';
import type { Terminal } from './terminal.js';
import { percent, trainProgress } from './train-progress.js';

export function ablateProgress(terminal: Terminal): (event: AblateEvent) => void {
  const train = trainProgress(terminal);
  let cell = '';
  let left = 0;
  return (event) => {
    switch (event.type) {
      case 'grid':
        terminal.line(
          `ablation  ${event.resumed ? 'goes on' : 'begins'} in ${terminal.path(event.out)}: ${event.finished} of ${event.cells} cells are finished, ${event.training} to train`,
        );
        break;
      case 'cell-start':
        cell = event.cell;
        left = event.left;
        break;
      case 'step':
        terminal.live(
          `  ${cell}  epoch ${event.epoch}/${event.epochs}  step ${event.step}/${event.steps}  loss ${event.total.toFixed(3)}` +
            (Number.isFinite(event.etaSeconds)
              ? `  ${formatDuration(event.etaSeconds)} left for ${left + 1} cells`
              : ''),
        );
        break;
      case 'cell-end': {
        const { selected, bestOnTest, seconds } = event;
        terminal.line(
          `  ${event.cell.padEnd(32)}epoch ${String(selected.epoch).padStart(3)}  UA ${percent(selected.ua)}  WA ${percent(selected.wa)}` +
            terminal.dim(`   best on test UA ${percent(bestOnTest.ua)}`) +
            (seconds === null ? '' : `  ${formatDuration(seconds)}`) +
            terminal.dim(left > 0 ? `  ${left} left` : ''),
        );
        break;
      }
      case 'cells-waiting':
        for (const waiting of event.cells)
          terminal.line(terminal.dim(`  ${waiting.cell.padEnd(32)}is trained by ${waiting.holder}; waiting`));
        break;
      case 'cell-failed':
        terminal.line(`${terminal.yellow('failed')}    ${event.cell}: ${event.message}`);
        break;
      case 'fold-start':
      case 'epoch':
      case 'fold-end':
      case 'ablation-done':
        break;
      default:
        train(event);
    }
  };
}
