/** Compares a corpus with its former store: which samples can be kept, which files must be decoded. */
import { createHash } from 'node:crypto';
import { createReadStream, type Stats } from 'node:fs';
import { stat } from 'node:fs/promises';
import { AudioError } from './audio-error.js';
import { unreadable } from './decode.js';
import type { IndexEntry, IndexedBad, LoadedIndex, SourceStamp } from './store-index.js';
import { isSynthesised, type StoreOptions, synthesiserOf } from './store-options.js';
import type { BadAudio } from './types.js';

/** A file or URI to decode. */
export type Pending = SourceStamp & { id: string };

/** What is to be done about each utterance, after a look at the former store and the files. */
export interface Plan {
  reuse: IndexEntry[];
  decode: Pending[];
  bad: IndexedBad[];
  /** Files that cannot even be looked at: reported, never remembered. */
  missing: BadAudio[];
  /** Entries of the former store that are not asked for now and still have their file. */
  carry: IndexEntry[];
  /** The index would say something new even if nothing is decoded. */
  restamped: boolean;
}

/** Simultaneous `stat` calls: enough to hide a network file system's delay, few enough for any limit on open files. */
const STATS_AT_ONCE = 64;

/** @param former the store as it was, if there is a sound one */
export async function makePlan(options: StoreOptions, former?: LoadedIndex): Promise<Plan> {
  const plan: Plan = { reuse: [], decode: [], bad: [], missing: [], carry: [], restamped: false };
  const entries = new Map(former?.index.entries.map((entry) => [entry.id, entry]));
  const knownBad = new Map(former?.index.bad.map((entry) => [entry.id, entry]));
  const wanted = new Set(options.utterances.map(({ id }) => id));
  const sources = await mapLimited(options.utterances, (utterance) => look(utterance.path));
  for (const [i, { id, path }] of options.utterances.entries()) {
    const source = sources[i]!;
    const entry = entries.get(id);
    if (source instanceof AudioError) {
      plan.missing.push({ id, path, reason: source.reason });
      continue;
    }
    const stamp: SourceStamp = { path, size: source?.size, mtimeMs: source?.mtimeMs };
    const before = entry ?? knownBad.get(id);
    if (source === undefined) {
      const same = entry?.path === path && entry.decoder === synthesiserOf(options);
      if (same) plan.reuse.push(entry);
      else plan.decode.push({ id, ...stamp });
    } else if (before !== undefined && sameStamp(before, stamp)) {
      if (entry !== undefined) plan.reuse.push(entry);
      else plan.bad.push(knownBad.get(id)!);
    } else if (
      entry !== undefined &&
      entry.size === stamp.size &&
      (await sha256OfFile(path)) === entry.fileSha256
    ) {
      plan.reuse.push({ ...entry, ...stamp });
      plan.restamped = true;
    } else {
      plan.decode.push({ id, ...stamp });
    }
  }
  const left = (former?.index.entries ?? []).filter(
    ({ id, path }) => !wanted.has(id) && !isSynthesised(path),
  );
  // Only a rewrite drops them, so only before one is it worth asking whether their files still exist.
  if (plan.decode.length > 0 || plan.restamped) {
    const found = await mapLimited(left, ({ path }) => look(path));
    plan.carry = left.filter((entry, i) => {
      const source = found[i];
      return (
        source !== undefined &&
        !(source instanceof AudioError) &&
        sameStamp(entry, { path: entry.path, ...source })
      );
    });
  }
  return plan;
}

function sameStamp(a: SourceStamp, b: SourceStamp): boolean {
  return a.path === b.path && a.size === b.size && a.mtimeMs === b.mtimeMs;
}

/** A file's size and time; undefined for a demo URI; an error if it is no readable file. */
async function look(path: string): Promise<Pick<Stats, 'size' | 'mtimeMs'> | AudioError | undefined> {
  if (isSynthesised(path)) return undefined;
  try {
    const { size, mtimeMs } = await stat(path);
    return { size, mtimeMs };
  } catch (error) {
    return unreadable(error);
  }
}

async function mapLimited<T, R>(items: readonly T[], map: (item: T) => Promise<R>): Promise<R[]> {
  const results = new Array<R>(items.length);
  let next = 0;
  const run = async () => {
    for (let i = next++; i < items.length; i = next++) results[i] = await map(items[i]!);
  };
  await Promise.all(Array.from({ length: Math.min(STATS_AT_ONCE, items.length) }, run));
  return results;
}

async function sha256OfFile(path: string): Promise<string | undefined> {
  const hash = createHash('sha256');
  try {
    for await (const chunk of createReadStream(path)) hash.update(chunk as Buffer);
  } catch {
    return undefined; // Decoding it will say what is wrong.
  }
  return hash.digest('hex');
}
