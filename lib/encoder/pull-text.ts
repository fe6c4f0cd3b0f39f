/** A download told in sentences. */
import type { PullEvent } from './types.js';

/** One line, or none for an event that only a progress bar shows. */
export function describePullEvent(event: PullEvent): string | undefined {
  switch (event.type) {
    case 'plan': {
      const missing = event.files.filter(({ cached }) => !cached).map(({ name }) => name);
      if (missing.length === 0) return undefined;
      return `Fetching ${event.source} (${missing.join(', ')}; ${megabytes(event.bytes)}) to ${event.directory}`;
    }
    case 'note':
      return event.text;
    case 'done':
      return event.bytes > 0
        ? `Fetched ${event.source}: ${megabytes(event.bytes)} in ${event.seconds.toFixed(1)} s`
        : undefined;
    case 'progress':
      return undefined;
  }
}

function megabytes(bytes: number): string {
  return bytes < 1e6 ? `${Math.ceil(bytes / 1e3)} kB` : `${Math.round(bytes / 1e6)} MB`;
}
