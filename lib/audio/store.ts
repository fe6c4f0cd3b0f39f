/**
 * The sample store: every utterance of a corpus decoded once to 16 kHz mono int16, in one packed file that the addon
 * maps. Opening an up-to-date store costs a `stat` per file; a changed corpus decodes only what changed.
 */
import { createHash } from 'node:crypto';
import { createReadStream, type Stats } from 'node:fs';
import { stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { DataError, InterruptedError, UsageError } from '../errors.js';
import { AudioError } from './audio-error.js';
import { toStoreFormat, unreadable } from './decode.js';
import { createDecodePool, type DecodePool } from './decode-pool.js';
import { readEntry } from './read-samples.js';
import { littleEndian, PackedWriter, retire, sweep, writeIndex } from './store-files.js';
import {
  type IndexEntry,
  type IndexedBad,
  type LoadedIndex,
  loadIndex,
  type SourceStamp,
  STORE_VERSION,
} from './store-index.js';
import { type BadAudio, SAMPLE_RATE, type SampleStore, type StoreEntry } from './types.js';

export interface DecodeProgress {
  type: 'decode';
  /** Files finished, bad ones among them. */
  done: number;
  /** Files to decode; those taken from the former store do not count. */
  total: number;
  /** Since decoding began. */
  seconds: number;
  etaSeconds: number;
  /** The file finished last. */
  file: string;
}

export interface StoreOptions {
  /** Corpus, for messages and the index. */
  name: string;
  utterances: readonly { id: string; path: string }[];
  /** The store's own folder, see `storeDirectory`; created if missing. */
  directory: string;
  /** What a damaged, empty, short, silent or missing file does: ends the build with a list of all such files, or is left out. */
  onBadAudio: 'fail' | 'skip';
  signal?: AbortSignal;
  /** Called at most ten times a second, and for the last file. */
  onProgress?: (event: DecodeProgress) => void;
  /** Told why a former store is not used. */
  onWarning?: (message: string) => void;
  /** Answers `demo:` paths with mono int16 at 16 kHz. */
  synthesise?: (path: string) => Int16Array;
  /** Name and version of the synthesiser; a new one makes its utterances anew. Default `synth@1`. */
  synthesiser?: string;
  /** Files decoded at a time; default one per core. */
  concurrency?: number;
  /** Time limit of one file in milliseconds. Default 120 000. */
  timeoutMs?: number;
}

/** What is to be done about each utterance, after a look at the former store and the files. */
interface Plan {
  reuse: IndexEntry[];
  decode: (SourceStamp & { id: string })[];
  bad: IndexedBad[];
  /** Files that cannot even be looked at: reported, never remembered. */
  missing: BadAudio[];
  /** Entries of the former store that are not asked for now and still have their file. */
  carry: IndexEntry[];
  /** The index would say something new even if nothing is decoded. */
  restamped: boolean;
}

const DEMO = 'demo:';
/** Simultaneous `stat` calls: enough to hide a network file system's delay, few enough for any limit on open files. */
const STATS_AT_ONCE = 64;
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
 * Opens the store of a corpus, decoding what is new or changed. A build that is stopped or killed leaves the former
 * store as it was; two builds at once do not disturb each other.
 * @returns a store whose entries are the given utterances, in their order, without the bad ones
 * @throws DataError `E_BAD_AUDIO` listing every bad file in `details.files`, after storing the good ones, so that a
 *   second try with 'skip' or a repaired file is quick; `E_DISK_FULL`, `E_CACHE_READONLY`; InterruptedError
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
  throwIfAborted(options.signal);
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
    if (path.startsWith(DEMO) && synthesise === undefined) {
      throw new UsageError(`${path} is synthesised, and no synthesiser was given`, {
        code: 'E_NO_SYNTHESISER',
        cure: 'Pass `synthesise`.',
      });
    }
  }
}

async function makePlan(options: StoreOptions, former?: LoadedIndex): Promise<Plan> {
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
    ({ id, path }) => !wanted.has(id) && !path.startsWith(DEMO),
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

function synthesiserOf({ synthesiser }: StoreOptions): string {
  return synthesiser ?? 'synth@1';
}

function sameStamp(a: SourceStamp, b: SourceStamp): boolean {
  return a.path === b.path && a.size === b.size && a.mtimeMs === b.mtimeMs;
}

/** A file's size and time; undefined for a demo URI; an error if it is no readable file. */
async function look(path: string): Promise<Pick<Stats, 'size' | 'mtimeMs'> | AudioError | undefined> {
  if (path.startsWith(DEMO)) return undefined;
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

type Outcome =
  | { entry: Omit<IndexEntry, 'offset'>; samples: Int16Array }
  | { bad: IndexedBad; transient: boolean };

/** Decodes what the plan asks for and writes a new store, or only a new index, or nothing. */
async function build(options: StoreOptions, plan: Plan, former?: LoadedIndex): Promise<SampleStore> {
  const { directory, name, signal } = options;
  const rebuild = { ...plan, decode: [...plan.decode] };
  let writer: PackedWriter | undefined;
  let entries: IndexEntry[] = [...plan.reuse, ...plan.carry];
  const bad: IndexedBad[] = [...plan.bad];
  const passing: BadAudio[] = [...plan.missing];
  const pool = createDecodePool({ files: rebuild.decode.length, ...options });
  try {
    for await (const outcome of decodeAll(options, rebuild.decode, pool)) {
      if ('bad' in outcome) {
        (outcome.transient ? passing : bad).push(outcome.bad);
        continue;
      }
      if (writer === undefined) {
        // Not before the first success: a corpus of which one file stays missing is not copied at every start.
        writer = await PackedWriter.open(directory);
        const copied = await copyEntries(writer, entries, former, options);
        entries = copied.entries;
        // Pushed into the list being walked: ranges that lost bits are decoded like new files.
        rebuild.decode.push(...copied.lost);
      }
      entries.push({ ...outcome.entry, offset: await writer.append(outcome.samples) });
    }
    throwIfAborted(signal);
    const changed = writer !== undefined || plan.restamped || bad.length > plan.bad.length;
    let path = former?.path ?? '';
    let samples = former?.index.samples ?? 0;
    if (writer !== undefined) {
      samples = writer.length;
      path = await writer.commit(packedName(entries));
      writer = undefined;
    }
    if (changed && entries.length > 0) {
      const file = path.slice(directory.length + 1);
      const index = { version: STORE_VERSION, name, sampleRate: SAMPLE_RATE, file, samples, entries, bad };
      await writeIndex(directory, index);
      if (former !== undefined && former.path !== path) await retire(former.path);
      await sweep(directory, file);
    }
    return result(options, path, samples, entries, [...bad, ...passing]);
  } finally {
    await pool.close();
    await writer?.discard();
  }
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
): Promise<{ entries: IndexEntry[]; lost: Plan['decode'] }> {
  const kept: IndexEntry[] = [];
  const lost: Plan['decode'] = [];
  for (const entry of entries) {
    throwIfAborted(options.signal);
    const samples = readEntry(former!.path, entry);
    if (sha256OfSamples(samples) === entry.samplesSha256) {
      kept.push({ ...entry, offset: await writer.append(samples) });
    } else {
      const { id, path, size, mtimeMs } = entry;
      lost.push({ id, path, size, mtimeMs });
    }
  }
  return { entries: kept, lost };
}

/** Decodes in order, a few files ahead of the writer, so that memory holds a few utterances whatever the corpus. */
async function* decodeAll(
  options: StoreOptions,
  items: Plan['decode'],
  pool: DecodePool,
): AsyncGenerator<Outcome> {
  const started = performance.now();
  const ahead: Promise<Outcome>[] = [];
  let next = 0;
  let done = 0;
  let told = 0;
  while (done < items.length) {
    while (next < items.length && ahead.length < pool.size * 3) {
      const running = decodeOne(options, items[next++]!, pool);
      running.catch(() => {}); // Met again below; here only so that an abort leaves no unhandled rejection.
      ahead.push(running);
    }
    throwIfAborted(options.signal);
    const outcome = await ahead.shift()!;
    done++;
    const seconds = (performance.now() - started) / 1000;
    if (seconds - told >= 0.1 || done === items.length) {
      told = seconds;
      const etaSeconds = (seconds / done) * (items.length - done);
      const file = items[done - 1]!.path;
      options.onProgress?.({ type: 'decode', done, total: items.length, seconds, etaSeconds, file });
    }
    yield outcome;
  }
}

async function decodeOne(
  options: StoreOptions,
  item: Plan['decode'][number],
  pool: DecodePool,
): Promise<Outcome> {
  const { id, ...stamp } = item;
  try {
    const file = stamp.path.startsWith(DEMO)
      ? await synthesise(options, stamp.path)
      : await pool.decode(stamp.path);
    const { samples, warnings, decoder, fileSha256 } = file;
    const samplesSha256 = sha256OfSamples(samples);
    const entry = {
      id,
      ...stamp,
      length: samples.length,
      fileSha256: fileSha256 ?? samplesSha256,
      samplesSha256,
      decoder,
      ...level(samples),
      ...(warnings.length > 0 ? { warnings } : {}),
    };
    return { entry, samples };
  } catch (error) {
    if (!(error instanceof AudioError)) throw error;
    return {
      bad: { id, ...stamp, reason: error.cure ? `${error.reason}. ${error.cure}` : error.reason },
      transient: error.transient,
    };
  }
}

async function synthesise(options: StoreOptions, path: string) {
  // The synthesiser holds the thread; signals and timers get theirs between two utterances.
  await new Promise((resume) => setImmediate(resume));
  const int16 = options.synthesise!(path);
  const floats = Float32Array.from(int16, (sample) => sample / 32768);
  const { samples, warnings } = toStoreFormat({ samples: floats, sampleRate: SAMPLE_RATE, warnings: [] });
  return { samples, warnings, decoder: synthesiserOf(options), fileSha256: undefined };
}

function sha256OfSamples(samples: Int16Array): string {
  return createHash('sha256').update(littleEndian(samples)).digest('hex');
}

/** Peak and root mean square, of full scale. */
function level(samples: Int16Array): { peak: number; rms: number } {
  let peak = 0;
  let energy = 0;
  for (const sample of samples) {
    const magnitude = Math.abs(sample);
    if (magnitude > peak) peak = magnitude;
    energy += magnitude * magnitude;
  }
  return { peak: peak / 32768, rms: Math.sqrt(energy / samples.length) / 32768 };
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

function throwIfAborted(signal?: AbortSignal): void {
  if (signal?.aborted) throw new InterruptedError('Decoding was stopped', { code: 'E_INTERRUPTED' });
}
