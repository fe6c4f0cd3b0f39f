/** What `train` shows while it works: a live line on a terminal, a line per epoch elsewhere, JSON events on request. */
import { seedsOf } from '../config/seeds.js';
import { describePullEvent } from '../encoder/pull-text.js';
import type { PullEvent } from '../encoder/types.js';
import { formatBytes, formatDuration } from '../format.js';
import { profileText } from '../train/profile.js';
import type { TrainEvent } from '../train/types.js';
import type { Terminal } from './terminal.js';

export const percent = (value: number | null | undefined) =>
  value === null || value === undefined ? '  –  ' : `${(100 * value).toFixed(1)} %`;

function showPull(terminal: Terminal, event: PullEvent): void {
  const text = describePullEvent(event);
  if (text) terminal.line(`encoder   ${text}`);
  if (event.type === 'progress')
    terminal.live(`fetching  ${event.name}  ${formatBytes(event.done)} of ${formatBytes(event.total)}`);
}

/** Prints events on a terminal. */
export function trainProgress(terminal: Terminal): (event: TrainEvent) => void {
  let folds = 0;
  let seeds: number[] = [];
  /** Told only where there are several. */
  const ofSeed = (seed: number) => (seeds.length > 1 ? `seed ${seed}, ` : '');
  let lastDecoded = 0;
  return (event) => {
    switch (event.type) {
      case 'corpus':
        terminal.line(
          `corpus    ${event.name}${event.synthetic ? ' (synthetic speech)' : ''}: ${event.utterances} utterances, ${event.speakers} speakers, ${event.classes.length} classes (${event.classes.join(', ')})`,
        );
        for (const { reason, files } of event.dropped) {
          terminal.line(terminal.dim(`          left out ${files} file${files === 1 ? '' : 's'}: ${reason}`));
        }
        break;
      case 'decode':
        lastDecoded = event.total;
        terminal.live(
          `decoding  ${event.done}/${event.total}${event.etaSeconds === null ? '' : `, ${formatDuration(event.etaSeconds)} left`}`,
        );
        break;
      case 'store':
        if (lastDecoded > 0)
          terminal.line(`decoded   ${lastDecoded} files in ${formatDuration(event.seconds)}`);
        break;
      case 'encoder':
        terminal.line(
          `encoder   ${event.source}: ${event.kind}, ${event.layers} layers of width ${event.width}; trained: ${event.trained}`,
        );
        break;
      case 'features':
        if (event.done < event.total)
          terminal.live(
            `features  ${event.done}/${event.total} utterances${event.etaSeconds === null ? '' : `, ${formatDuration(event.etaSeconds)} left`}`,
          );
        else terminal.line(`features  of the frozen encoder are kept in ${terminal.path(event.path)}`);
        break;
      case 'features-refused':
        terminal.line(terminal.dim(`          frames are computed anew in every epoch: ${event.reason}`));
        break;
      case 'pull':
        showPull(terminal, event.progress);
        break;
      case 'plan':
        folds = event.folds;
        terminal.line(
          `folds     ${event.protocol}, ${event.running.length === event.folds ? `${event.folds} folds` : `folds ${event.running.join(', ')} of ${event.folds}`}, plan ${event.hash.slice(0, 12)}`,
        );
        break;
      case 'start':
        seeds = seedsOf(event.config);
        terminal.line(
          `training  preset ${event.preset}, mix ${event.config.mix.kind}, pooling ${event.config.pooling}, ${event.config.epochs} epochs, ` +
            `seed${seeds.length > 1 ? 's' : ''} ${seeds.join(', ')}`,
        );
        terminal.line(`run       ${event.resumed ? 'resumed in ' : ''}${terminal.path(event.out)}`);
        break;
      case 'fold-start':
        terminal.line('');
        terminal.line(
          terminal.bold(
            ofSeed(event.seed) +
              (event.fold === 0 ? 'final model on all the data' : `fold ${event.fold}/${folds}`),
          ) +
            `  train ${event.train}, validation ${event.validation}, test ${event.test}` +
            (event.resumedEpoch > 0 ? `, going on after epoch ${event.resumedEpoch}` : ''),
        );
        break;
      case 'step':
        terminal.live(
          `  ${ofSeed(event.seed)}epoch ${event.epoch}/${event.epochs}  step ${event.step}/${event.steps}  ${event.audioPerSecond.toFixed(0)} audio-s/s  loss ${event.total.toFixed(3)}` +
            `  best UA ${percent(event.bestUa)}${Number.isFinite(event.etaSeconds) ? `  ${formatDuration(event.etaSeconds)} left` : ''}`,
        );
        break;
      case 'epoch': {
        const { line } = event;
        const scaled = Object.entries(line.train.scaled)
          .map(([name, value]) => `${name} ${value.toFixed(2)}`)
          .join(' ');
        terminal.line(
          `  epoch ${String(line.epoch).padStart(3)}  loss ${line.train.total.toFixed(3)} (${scaled})` +
            (line.validation ? `  val UA ${percent(line.validation.ua)}` : '') +
            (line.test ? `  test UA ${percent(line.test.ua)}` : '') +
            `  ${event.audioPerSecond.toFixed(0)} audio-s/s  ${formatDuration(event.seconds)}` +
            // A terminal has it in the live line; in a log of many hours it must stand somewhere too.
            (seeds.length > 1 && !terminal.interactive ? `  ${formatDuration(event.etaSeconds)} left` : '') +
            (event.best ? terminal.green('  *') : ''),
        );
        break;
      }
      case 'fold-end':
        terminal.line(
          `  ${event.reused ? `${ofSeed(event.seed)}fold ${event.fold} was finished before: ` : ''}selected epoch ${event.selected.epoch}: WA ${percent(event.selected.wa)}, UA ${percent(event.selected.ua)}` +
            terminal.dim(
              `   best on test (optimistic) epoch ${event.bestOnTest.epoch}: UA ${percent(event.bestOnTest.ua)}`,
            ),
        );
        break;
      case 'explain':
        terminal.live(`report    looking into the models, ${event.done}/${event.total}`);
        break;
      case 'warning':
        terminal.line(`${terminal.yellow('warning')}   ${event.message}`);
        break;
      case 'profile':
        for (const line of profileText(event.profile)) terminal.line(line);
        if (event.profile.note) terminal.line(`  ${terminal.yellow('note')} no trace: ${event.profile.note}`);
        terminal.line(terminal.dim(`  ${terminal.path(event.path)}`));
        break;
      case 'checkpoint':
      case 'done':
        break;
    }
  };
}
