/** Fetches an encoder's checkpoint from the Hugging Face hub into the cache that Python's `huggingface_hub` shares. */
import { randomBytes } from 'node:crypto';
import { constants } from 'node:fs';
import { copyFile, mkdir, rename, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import { DataError, hasCode, InterruptedError, RuntimeError, SerError } from '../errors.js';
import { freeBytes } from '../runtime/fetch.js';
import { withLock } from '../runtime/lock.js';
import { chooseWeights, noWeights, readEncoderConfig, readShards } from './hf-config.js';
import {
  CachedModel,
  formatHubModel,
  type HubModel,
  hubCache,
  isCommit,
  isOffline,
  isOn,
} from './hub-cache.js';
import { downloadBlob, type HubFile } from './hub-download.js';
import { HubHttp, type HubOptions, pullStopped } from './hub-http.js';
import type { PullListener } from './types.js';

export type { HubOptions } from './hub-http.js';

export interface PullOptions extends HubOptions {
  onEvent?: PullListener;
  signal?: AbortSignal;
}

export interface PulledModel {
  /** `org/name`, with `@revision` for another than main. */
  source: string;
  commit: string;
  directory: string;
  /** Names of the files in `directory` that were asked for, and their sizes. */
  files: { name: string; bytes: number }[];
  /** Of the weights. */
  weightBytes: number;
  /** That came over the network this time. */
  fetchedBytes: number;
}

/** Names the input of the encoder; the second is what transformers 5 writes. */
const INPUT_FILES = ['preprocessor_config.json', 'processor_config.json'];
const PROGRESS_MS = 100;

/**
 * Brings a model's newest files of a revision into the cache: the configuration, which is read and may be refused before
 * anything large is fetched, and the weights. What is there already is not fetched again.
 *
 * @throws UsageError `E_HUB_NOT_FOUND`, `E_ENCODER_UNSUPPORTED`; RuntimeError `E_HUB_OFFLINE`, `E_HUB_ACCESS`,
 *   `E_HUB_UNREACHABLE`, `E_HUB_CORRUPT`, `E_DISK_FULL`; DataError for a model that lacks files; InterruptedError
 */
export async function pullModel(model: HubModel, options: PullOptions = {}): Promise<PulledModel> {
  const env = options.env ?? process.env;
  const name = formatHubModel(model);
  if (isOffline(env)) {
    throw new RuntimeError(`${name} cannot be fetched: HF_HUB_OFFLINE forbids the network`, {
      code: 'E_HUB_OFFLINE',
      cure: 'Unset HF_HUB_OFFLINE.',
    });
  }
  const onNote = (text: string): void => options.onEvent?.({ type: 'note', text });
  const http = await HubHttp.open(model, { ...options, onNote });
  const { commit, listed } = await listModel(http, model);
  const cache = hubCache(env);
  const cached = new CachedModel(model, cache);
  const lock = join(cache, '.locks', cached.folderName, 'ser-native.lock');
  const onWait = (holder: string): void => onNote(`${holder} is fetching ${name}; waiting for it`);
  try {
    await mkdir(dirname(lock), { recursive: true });
    return await withLock(lock, { signal: options.signal, onWait }, () =>
      new Pull(http, cached, commit, listed, options).run(),
    );
  } catch (error) {
    // The lock's own sentence is about set-up.
    if (error instanceof InterruptedError) throw pullStopped(model);
    throw explainCacheError(error, cache);
  }
}

/** The commit that the revision is now, and the files in the root of its tree. */
async function listModel(
  http: HubHttp,
  { id, revision }: HubModel,
): Promise<{ commit: string; listed: Map<string, HubFile> }> {
  // Loaded here: only who fetches needs it, and it takes a while.
  const { listFiles, modelInfo } = await import('@huggingface/hub');
  const access = { hubUrl: http.endpoint, fetch: http.fetch };
  const listed = new Map<string, HubFile>();
  let commit: string;
  try {
    commit = (await modelInfo({ name: id, revision, additionalFields: ['sha'], ...access })).sha;
    if (!isCommit(commit)) throw new Error(`'${commit}' is no commit`);
    for await (const entry of listFiles({ repo: { type: 'model', name: id }, revision: commit, ...access })) {
      if (entry.type !== 'file') continue;
      const digest = entry.lfs?.oid ?? entry.oid ?? '';
      // A name in the cache: nothing that leads elsewhere.
      if (!/^([0-9a-f]{40}|[0-9a-f]{64})$/.test(digest)) throw new Error(`'${digest}' is no digest`);
      listed.set(entry.path, { name: entry.path, bytes: entry.lfs?.size ?? entry.size, digest });
    }
  } catch (error) {
    if (error instanceof SerError) throw error;
    throw new RuntimeError(`${http.endpoint} did not answer as the Hugging Face hub does`, {
      code: 'E_HUB_HTTP',
      cure: "Check HF_ENDPOINT, and whether a proxy answers in the hub's place.",
      cause: error,
    });
  }
  return { commit, listed };
}

/** One pull, under the model's lock. */
class Pull {
  readonly #http: HubHttp;
  readonly #cached: CachedModel;
  readonly #commit: string;
  readonly #listed: ReadonlyMap<string, HubFile>;
  readonly #options: PullOptions;
  readonly #directory: string;
  readonly #started = performance.now();
  #fetched = 0;

  constructor(
    http: HubHttp,
    cached: CachedModel,
    commit: string,
    listed: ReadonlyMap<string, HubFile>,
    options: PullOptions,
  ) {
    this.#http = http;
    this.#cached = cached;
    this.#commit = commit;
    this.#listed = listed;
    this.#options = options;
    this.#directory = cached.snapshot(commit);
  }

  async run(): Promise<PulledModel> {
    const source = formatHubModel(this.#cached.model);
    await mkdir(this.#directory, { recursive: true });
    await mkdir(dirname(this.#cached.blob('x')), { recursive: true });

    const small = this.#pick(['config.json', ...INPUT_FILES].filter((name) => this.#listed.has(name)));
    for (const file of small) await this.#fetch(file);
    await readEncoderConfig(this.#directory);

    const { index, weights } = await this.#pickWeights();
    const files = [...small, ...index, ...weights];
    await this.#announce(source, files);
    const total = sum(files);
    let before = sum(small);
    for (const file of [...index, ...weights]) {
      await this.#fetch(file, this.#progress(file, before, total));
      before += file.bytes;
    }
    await this.#writeRef();
    const seconds = (performance.now() - this.#started) / 1000;
    this.#options.onEvent?.({
      type: 'done',
      source,
      directory: this.#directory,
      bytes: this.#fetched,
      seconds,
    });
    return {
      source,
      commit: this.#commit,
      directory: this.#directory,
      files: files.map(({ name, bytes }) => ({ name, bytes })),
      weightBytes: sum(weights),
      fetchedBytes: this.#fetched,
    };
  }

  #pick(names: readonly string[]): HubFile[] {
    const missing = names.filter((name) => !this.#listed.has(name));
    if (missing.length > 0) {
      throw new DataError(
        `the index of ${this.#cached.model.id} lists files that it lacks: ${missing.join(', ')}`,
        {
          code: 'E_ENCODER_WEIGHTS',
          cure: 'Take another revision or checkpoint: this one is incomplete on the hub.',
          details: { missing },
        },
      );
    }
    return names.map((name) => this.#listed.get(name) as HubFile);
  }

  async #pickWeights(): Promise<{ index: HubFile[]; weights: HubFile[] }> {
    const chosen = chooseWeights(new Set(this.#listed.keys()));
    if (chosen === undefined) throw noWeights(this.#cached.model.id);
    const named = this.#pick([chosen.name]);
    if (!chosen.index) return { index: [], weights: named };
    for (const file of named) await this.#fetch(file);
    const shards = await readShards(join(this.#directory, chosen.name), chosen);
    return { index: named, weights: this.#pick(shards) };
  }

  /** Tells the plan, and refuses one that the disk has no room for. */
  async #announce(source: string, files: readonly HubFile[]): Promise<void> {
    const plan: { name: string; bytes: number; cached: boolean }[] = [];
    let missing = 0;
    for (const file of files) {
      const cached = await this.#isThere(file);
      plan.push({ name: file.name, bytes: file.bytes, cached });
      if (!cached) missing += file.bytes - Math.min(file.bytes, await sizeOf(this.#incomplete(file)));
    }
    this.#options.onEvent?.({
      type: 'plan',
      source,
      commit: this.#commit,
      directory: this.#directory,
      files: plan,
      bytes: missing,
    });
    const free = await freeBytes(this.#cached.folder);
    if (free !== undefined && free < missing) {
      throw new RuntimeError(
        `${source} needs ${(missing / 1e9).toFixed(2)} GB more below ${this.#cached.folder}; ${(free / 1e9).toFixed(2)} GB are free`,
        { code: 'E_DISK_FULL', cure: 'Free some space, or set HF_HOME to a folder on a larger disk.' },
      );
    }
  }

  #progress(file: HubFile, before: number, total: number): (bytes: number) => void {
    let told = 0;
    return (bytes) => {
      const now = performance.now();
      if (bytes < file.bytes && now - told < PROGRESS_MS) return;
      told = now;
      this.#options.onEvent?.({ type: 'progress', name: file.name, done: before + bytes, total });
    };
  }

  async #fetch(file: HubFile, onBytes: (bytes: number) => void = () => {}): Promise<void> {
    if (await this.#isThere(file)) return onBytes(file.bytes);
    const blob = this.#cached.blob(file.digest);
    if ((await sizeOf(blob)) !== file.bytes) {
      const had = await sizeOf(this.#incomplete(file));
      const url = `${this.#http.endpoint}/${this.#cached.model.id}/resolve/${this.#commit}/${encodeURIComponent(file.name)}`;
      await downloadBlob(this.#http, url, file, blob, {
        onBytes,
        onNote: (text) => this.#options.onEvent?.({ type: 'note', text }),
      });
      this.#fetched += Math.max(0, file.bytes - had);
    }
    await this.#link(file, blob);
    onBytes(file.bytes);
  }

  /** The snapshot has it, and it is no stump. */
  async #isThere(file: HubFile): Promise<boolean> {
    const info = await stat(join(this.#directory, file.name)).catch(() => undefined);
    return info?.size === file.bytes;
  }

  #incomplete(file: HubFile): string {
    return `${this.#cached.blob(file.digest)}.incomplete`;
  }

  async #link(file: HubFile, blob: string): Promise<void> {
    const path = join(this.#directory, file.name);
    const temporary = `${path}.tmp-${randomBytes(4).toString('hex')}`;
    try {
      if (isOn(this.#env.HF_HUB_DISABLE_SYMLINKS))
        throw Object.assign(new Error('no symlinks'), { code: 'EPERM' });
      await symlink(relative(dirname(path), blob), temporary);
    } catch (error) {
      // Windows without developer mode, and file systems that have none.
      if (!hasCode(error, 'EPERM', 'EACCES', 'ENOSYS', 'ENOTSUP', 'EINVAL', 'UNKNOWN')) throw error;
      await copyFile(blob, temporary, constants.COPYFILE_FICLONE);
    }
    await rename(temporary, path).catch(async (error: unknown) => {
      await rm(temporary, { force: true });
      throw error;
    });
  }

  /** Last, so that the revision names a snapshot only when that is whole. */
  async #writeRef(): Promise<void> {
    if (isCommit(this.#cached.model.revision)) return;
    const path = this.#cached.ref();
    await mkdir(dirname(path), { recursive: true });
    const temporary = `${path}.tmp-${randomBytes(4).toString('hex')}`;
    await writeFile(temporary, this.#commit);
    await rename(temporary, path);
  }

  get #env(): NodeJS.ProcessEnv {
    return this.#options.env ?? process.env;
  }
}

function sum(files: readonly HubFile[]): number {
  return files.reduce((total, { bytes }) => total + bytes, 0);
}

async function sizeOf(path: string): Promise<number> {
  return await stat(path).then(
    ({ size }) => size,
    () => 0,
  );
}

/** What the file system refused, with its cure; the lock's own errors speak of another cache. */
function explainCacheError(error: unknown, cache: string): unknown {
  const ours = error instanceof RuntimeError && /^E_(CACHE_|DISK_FULL)/.test(error.code);
  const cause = ours && error.cause !== undefined ? error.cause : error;
  if (hasCode(cause, 'ENOSPC', 'EDQUOT', 'EFBIG')) {
    return new RuntimeError(`The disk that holds ${cache} is full; what has arrived is kept.`, {
      code: 'E_DISK_FULL',
      cure: 'Free some space and run the command again: it goes on from there. Or set HF_HOME to a folder on a larger disk.',
      cause,
    });
  }
  if (hasCode(cause, 'EACCES', 'EROFS', 'EPERM')) {
    return new RuntimeError(`The Hugging Face cache ${cache} cannot be written.`, {
      code: 'E_CACHE_READ_ONLY',
      cure: 'Set HF_HOME to a folder that you may write.',
      cause,
    });
  }
  if (hasCode(cause, 'ENOTDIR', 'EEXIST')) {
    return new RuntimeError(`The Hugging Face cache ${cache} cannot be made: a file stands in its path.`, {
      code: 'E_CACHE_PATH',
      cure: 'Set HF_HOME to a folder, or move that file away.',
      cause,
    });
  }
  return error;
}
