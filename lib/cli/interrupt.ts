/** Ctrl-C and SIGTERM: the first asks for a clean stop, the second ends at once. */
import { ExitCode } from '../errors.js';

/** A signal that aborts on SIGINT, SIGTERM or SIGHUP, and a function that takes the handlers away again. */
export function interruptible(onFirst: () => void): { signal: AbortSignal; done: () => void } {
  const controller = new AbortController();
  const handler = () => {
    if (controller.signal.aborted) process.exit(ExitCode.interrupted);
    onFirst();
    controller.abort();
  };
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
  for (const name of signals) process.on(name, handler);
  return {
    signal: controller.signal,
    done: () => {
      for (const name of signals) process.off(name, handler);
    },
  };
}
