/** One file per utterance: copies compete, and every other file is left out with its reason. */

import { byPreference, type FoundFile } from './audio-files.js';
import { DropList } from './drop-list.js';

/** What a file is: an utterance of this id, or nothing that the corpus needs, and why. */
export type Verdict = { id: string } | { drop: string };

/** Judges every file and keeps one per id, the first of `byPreference`. */
export function selectFiles(
  files: readonly FoundFile[],
  judge: (file: FoundFile) => Verdict,
): { kept: Map<string, FoundFile>; drops: DropList } {
  const kept = new Map<string, FoundFile>();
  const drops = new DropList();
  for (const file of [...files].sort(byPreference)) {
    const verdict = judge(file);
    if ('drop' in verdict) drops.add(verdict.drop, file.path);
    else if (kept.has(verdict.id)) drops.add('another copy of an utterance that is kept', file.path);
    else kept.set(verdict.id, file);
  }
  return { kept, drops };
}

/** `3 x reason; 1 x other reason`: what a folder held in place of the corpus. */
export function describeDrops(drops: DropList): string {
  const seen = drops.list().map(({ reason, paths }) => `${paths.length} x ${reason}`);
  return seen.length === 0 ? 'no audio file' : seen.join('; ');
}
