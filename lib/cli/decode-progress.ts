/** What `corpus` and `prepare` show while they read, decode and measure. */
import type { DescribeEvent } from '../describe/types.js';
import { formatDuration } from '../format.js';
import { progressBar, type Terminal } from './terminal.js';

/** Seconds between lines where no line can be redrawn, such as the log of a cluster job. */
const LINE_SECONDS = 15;

/** Prints events on a terminal: a live line, or now and then a whole one. */
export function decodeProgress(terminal: Terminal, hint = ''): (event: DescribeEvent) => void {
  let told = 1 - LINE_SECONDS; // the first after a second, so that a log shows that something goes on
  const rate = ({ done, seconds, audioSeconds }: Extract<DescribeEvent, { type: 'decode' }>) =>
    seconds > 0
      ? `${(done / seconds).toFixed(0)} files/s, ${(audioSeconds / seconds).toFixed(0)} x real time`
      : '';
  return (event) => {
    switch (event.type) {
      case 'plan':
        if (event.damaged > 0)
          terminal.line(
            `${terminal.yellow('warning')}   stored samples of ${event.damaged} utterances do not have the hash that the index gives: decoded again`,
          );
        if (event.decode > 0 && hint) terminal.line(terminal.dim(hint));
        break;
      case 'verify':
        terminal.live(`verifying ${progressBar(event.done / event.total)} ${event.done}/${event.total}`);
        break;
      case 'decode': {
        const line = `decoding  ${progressBar(event.done / event.total)} ${event.done}/${event.total}, ${rate(event)}, ${formatDuration(event.etaSeconds)} left`;
        if (event.done === event.total)
          terminal.line(`decoded   ${event.done} files in ${formatDuration(event.seconds)} (${rate(event)})`);
        else if (terminal.interactive) terminal.live(line);
        else if (event.seconds - told >= LINE_SECONDS) {
          told = event.seconds;
          terminal.line(line);
        }
        break;
      }
      case 'measure':
        terminal.live(`measuring ${progressBar(event.done / event.total)} ${event.done}/${event.total}`);
        break;
      case 'warning':
        terminal.line(`${terminal.yellow('warning')}   ${event.message}`);
        break;
      case 'corpus':
        break;
    }
  };
}
