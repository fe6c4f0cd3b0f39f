/**
 * The sample store: every utterance of a corpus decoded once to 16 kHz mono int16, in one packed file that the addon
 * maps. Opening an up-to-date store costs a `stat` per file; a changed corpus decodes only what changed.
 */
import { createHash } from 'node:crypto';
import { basename, join, resolve } from 'node:path';
import { DataError, InterruptedError, UsageError } from '../errors.js';
import { createDecodePool } from './decode-pool.js';
import { readEntry } from './read-samples.js';
import { decodeAll, sha256OfSamples } from './store-decode.js';
import { PackedWriter, retire, sweep, writeIndex } from './store-files.js';
import {
  type IndexEntry,
  type IndexedBad,
  type LoadedIndex,
  loadIndex,
  STORE_VERSION,
} from './store-index.js';
import { isSynthesised, type StoreOptions, throwIfAborted } from './store-options.js';
import { makePlan, type Pending, type Plan } from './store-plan.js';
import { type BadAudio, SAMPLE_RATE, type SampleStore, type StoreEntry } from './types.js';

export { readInt16Samples, readSamples } from './read-samples.js';
export type { DecodeProgress, StoreOptions, StorePlan, VerifyProgress } from './store-options.js';

const LISTED = 20;

/** Folder of a corpus' store: one per corpus name and source folder, under the cache. `root` is undefined for `demo`. */
export function storeDirectory(cacheRoot: string, corpusName: string, root?: string): string {
  const slug = corpusName.replace(/[^A-Za-z0-9._-]+/g, '-').replace(/^\.+/, '') || 'corpus';
  const key = createHash('sha256')
    .update(`${corpusName}\n${root === undefined ? '' : resolve(root)}`)
    .digest('hex')
    .slice(0, 12);
  return join(cacheRoot, 'stores', `${slug}-${key}`);
}

/**
 * Opens the store of a corpus, decoding what is new or changed. A build that is stopped keeps what it has decoded, one that
 * is killed leaves the former store as it was; two builds at once do not disturb each other.
 * @returns a store whose entries are the given utterances, in their order, without the bad ones
 * @throws DataError `E_BAD_AUDIO` listing every bad file in `details.files`, after storing the good ones, so that a
 *   second try with 'skip' or a repaired file is quick; `E_DISK_FULL`, `E_CACHE_READ_ONLY`; InterruptedError
 */
export async function openOrBuildStore(options: StoreOptions): Promise<SampleStore> {
  checkUtterances(options);
  const former = await loadIndex(options.directory);
  if (typeof former === 'string') {
    options.onWarning?.(
      `The sample store in ${options.directory} is not used: ${former}. It is built again.`,
    );
  }
  const loaded = typeof former === 'object' ? former : undefined;
  const plan = await makePlan(options, loaded);
  const damaged = options.verify && loaded ? await distrustDamaged(plan, loaded, options) : [];
  throwIfAborted(options.signal);
  options.onPlan?.({
    reused: plan.reuse.length,
    decode: plan.decode.length,
    bad: plan.bad.length + plan.missing.length,
    damaged,
  });
  return build(options, plan, loaded);
}

function checkUtterances({ utterances, name, synthesise }: StoreOptions): void {
  if (utterances.length === 0) {
    throw new DataError(`Corpus ${name} has no utterances to decode`, {
      code: 'E_EMPTY_CORPUS',
      cure: 'Check its folder.',
    });
  }
  const paths = new Map<string, string>();
  for (const { id, path } of utterances) {
    const other = paths.get(id);
    if (other !== undefined) {
      throw new DataError(
        `Two utterances of ${name} have the id ${JSON.stringify(id)}: ${other} and ${path}`,
        {
          code: 'E_DUPLICATE_ID',
          cure: 'Give each utterance an id of its own.',
        },
      );
    }
    paths.set(id, path);
    if (isSynthesised(path) && synthesise === undefined) {
      throw new UsageError(`${path} is synthesised, and no synthesiser was given`, {
        code: 'E_NO_SYNTHESISER',
        cure: 'Pass `synthesise`.',
      });
    }
  }
}

/** A store in the making. */
interface Draft {
  entries: IndexEntry[];
  bad: IndexedBad[];
  /** Verdicts on the machine, which are never remembered. */
  passing: BadAudio[];
  /** Files decoded and written. */
  decoded: number;
  writer?: PackedWriter;
}

/** Decodes what the plan asks for and writes a new store, or only a new index, or nothing. */
async function build(options: StoreOptions, plan: Plan, former?: LoadedIndex): Promise<SampleStore> {
  const pending = [...plan.decode];
  const draft: Draft = {
    entries: [...plan.reuse, ...plan.carry],
    bad: [...plan.bad],
    passing: [...plan.missing],
    decoded: 0,
  };
  let stopped: InterruptedError | undefined;
  try {
    try {
      await decodePending(options, pending, draft, former);
    } catch (error) {
      if (!(error instanceof InterruptedError) || draft.decoded === 0) throw error;
      stopped = new InterruptedError(
        `Decoding was stopped after ${draft.decoded} of ${pending.length} files`,
        {
          code: 'E_INTERRUPTED',
          cure: 'Run it again to go on from there: what was decoded is kept.',
          cause: error,
        },
      );
    }
    const { path, samples } = await commit(options, draft, plan, former);
    if (stopped !== undefined) throw stopped;
    return result(options, path, samples, draft.entries, [...draft.bad, ...draft.passing]);
  } finally {
    await draft.writer?.discard();
  }
}

async function decodePending(
  options: StoreOptions,
  pending: Pending[],
  draft: Draft,
  former?: LoadedIndex,
): Promise<void> {
  const pool = createDecodePool({ files: pending.length, ...options });
  try {
    for await (const outcome of decodeAll(options, pending, pool)) {
      if ('bad' in outcome) {
        (outcome.transient ? draft.passing : draft.bad).push(outcome.bad);
        continue;
      }
      if (draft.writer === undefined) {
        // Not before the first success: a corpus of which one file stays missing is not copied at every start.
        draft.writer = await PackedWriter.open(options.directory);
        const copied = await copyEntries(draft.writer, draft.entries, former, options);
        draft.entries = copied.entries;
        // Pushed into the list being walked: ranges that lost bits are decoded like new files.
        pending.push(...copied.lost);
      }
      draft.entries.push({ ...outcome.entry, offset: await draft.writer.append(outcome.samples) });
      draft.decoded++;
    }
    throwIfAborted(options.signal);
  } finally {
    await pool.close();
  }
}

/** Gives the packed file its name and writes the index, as far as there is something new to write. */
async function commit(
  { directory, name }: StoreOptions,
  draft: Draft,
  plan: Plan,
  former?: LoadedIndex,
): Promise<{ path: string; samples: number }> {
  const { entries, bad, writer } = draft;
  const changed = writer !== undefined || plan.restamped || bad.length > plan.bad.length;
  let path = former?.path ?? '';
  let samples = former?.index.samples ?? 0;
  if (writer !== undefined) {
    samples = writer.length;
    path = await writer.commit(packedName(entries));
    draft.writer = undefined;
  }
  if (changed && entries.length > 0) {
    const file = basename(path);
    const index = { version: STORE_VERSION, name, sampleRate: SAMPLE_RATE, file, samples, entries, bad };
    // New stamps alone save a second hashing; a folder that may only be read works without.
    const optional =
      samples === former?.index.samples && path === former.path && bad.length === plan.bad.length;
    await writeIndex(directory, index).catch((error: unknown) => {
      if (!optional) throw error;
    });
    if (former !== undefined && former.path !== path) await retire(former.path);
    await sweep(directory, file);
  }
  return { path, samples };
}

/** Entries whose samples differ from their hash go from the plan's `reuse` to its `decode`; resolves to their ids. */
async function distrustDamaged(plan: Plan, former: LoadedIndex, options: StoreOptions): Promise<string[]> {
  const damaged = new Set<string>();
  const total = plan.reuse.length;
  for (const [i, entry] of plan.reuse.entries()) {
    throwIfAborted(options.signal);
    if (sha256OfSamples(readEntry(former.path, entry)) !== entry.samplesSha256) damaged.add(entry.id);
    if (i % 32 !== 31 && i + 1 < total) continue;
    options.onVerify?.({ type: 'verify', done: i + 1, total });
    // Hashing holds the thread: signals and timers get theirs in between.
    await new Promise((resume) => setImmediate(resume));
  }
  plan.decode.push(...plan.reuse.filter(({ id }) => damaged.has(id)).map(pendingOf));
  plan.reuse = plan.reuse.filter(({ id }) => !damaged.has(id));
  return [...damaged];
}

function pendingOf({ id, path, size, mtimeMs }: IndexEntry): Pending {
  return { id, path, size, mtimeMs };
}

/** Content-addressed: two builds of the same corpus at once rename the same bytes to the same name. */
function packedName(entries: readonly IndexEntry[]): string {
  const hash = createHash('sha256');
  for (const { id, samplesSha256 } of entries) hash.update(`${id}\0${samplesSha256}\n`);
  return `samples-${hash.digest('hex').slice(0, 16)}.i16`;
}

/** Takes over former samples, each checked against its hash: a store is not trusted for having survived. */
async function copyEntries(
  writer: PackedWriter,
  entries: readonly IndexEntry[],
  former: LoadedIndex | undefined,
  options: StoreOptions,
): Promise<{ entries: IndexEntry[]; lost: Pending[] }> {
  const kept: IndexEntry[] = [];
  const lost: Pending[] = [];
  for (const entry of entries) {
    throwIfAborted(options.signal);
    const samples = readEntry(former!.path, entry);
    if (sha256OfSamples(samples) === entry.samplesSha256) {
      kept.push({ ...entry, offset: await writer.append(samples) });
    } else {
      lost.push(pendingOf(entry));
    }
  }
  return { entries: kept, lost };
}

function result(
  options: StoreOptions,
  path: string,
  samples: number,
  entries: readonly IndexEntry[],
  bad: readonly BadAudio[],
): SampleStore {
  const { utterances, name, onBadAudio } = options;
  const files = bad.map(({ id, path: file, reason }) => ({ id, path: file, reason }));
  if (files.length > 0 && (onBadAudio === 'fail' || files.length === utterances.length)) {
    const shown = files.slice(0, LISTED).map(({ path: file, reason }) => `  ${file}: ${reason}`);
    if (files.length > LISTED) shown.push(`  and ${files.length - LISTED} more`);
    const all = files.length === utterances.length;
    throw new DataError(
      `${files.length} of the ${utterances.length} audio files of ${name} cannot be used:\n${shown.join('\n')}`,
      {
        code: 'E_BAD_AUDIO',
        cure: all
          ? 'See the reasons above.'
          : 'Repair or remove them, or leave them out with `--on-bad-audio skip`.',
        details: { files },
      },
    );
  }
  const byId = new Map(entries.map((entry) => [entry.id, entry]));
  const ordered = new Map<string, StoreEntry>();
  for (const { id } of utterances) {
    const entry = byId.get(id);
    if (entry === undefined) continue;
    const { path: _path, size: _size, mtimeMs: _mtimeMs, ...rest } = entry;
    ordered.set(id, rest);
  }
  return { path, samples, entries: ordered, bad: files };
}
