/** Collects what a reader leaves out, by reason. */

import type { Dropped } from './types.js';

export class DropList {
  readonly #byReason = new Map<string, string[]>();

  /** @param path The file, or `file:line` for a row of one. */
  add(reason: string, path: string): void {
    const paths = this.#byReason.get(reason);
    if (paths === undefined) this.#byReason.set(reason, [path]);
    else paths.push(path);
  }

  addAll(dropped: readonly Dropped[]): void {
    for (const { reason, paths } of dropped) for (const path of paths) this.add(reason, path);
  }

  list(): Dropped[] {
    return [...this.#byReason].map(([reason, paths]) => ({ reason, paths }));
  }
}
