/**
 * The cache of Hugging Face models on this machine, as Python's `huggingface_hub` lays it out, so that what either has fetched
 * the other finds: `models--org--name/refs/<revision>` holds a commit, `snapshots/<commit>/<file>` links to
 * `blobs/<SHA-256 or git hash>`.
 */
import { readFile, stat } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { hasCode, UsageError } from '../errors.js';

export const DEFAULT_REVISION = 'main';

/** A model of the hub, and a branch, tag or commit of it. */
export interface HubModel {
  /** `org/name`, or `name` of a few old models. */
  id: string;
  revision: string;
}

/**
 * Reads `org/name` or `org/name@revision`.
 *
 * @throws UsageError `E_HUB_ID`
 */
export function parseHubModel(text: string, revision?: string): HubModel {
  const at = text.indexOf('@');
  const id = at < 0 ? text : text.slice(0, at);
  const named = at < 0 ? undefined : text.slice(at + 1);
  if (!isHubId(id)) {
    throw new UsageError(`'${text}' is neither a folder nor a model of the Hugging Face hub`, {
      code: 'E_HUB_ID',
      cure: 'Name a folder that exists, or a model as org/name or org/name@revision, e.g. microsoft/wavlm-base-plus.',
    });
  }
  if (named !== undefined && revision !== undefined && named !== revision) {
    throw new UsageError(`'${text}' names revision ${named}, and --revision names ${revision}`, {
      code: 'E_HUB_ID',
      cure: 'Name one revision.',
    });
  }
  const chosen = named ?? revision ?? DEFAULT_REVISION;
  if (!isRevision(chosen)) {
    throw new UsageError(`'${chosen}' is no revision: a branch, a tag or a commit is expected`, {
      code: 'E_HUB_ID',
      cure: 'See the model page for its branches, or leave the revision out.',
    });
  }
  return { id, revision: chosen };
}

/** The hub's own rule; it also keeps an id from leading out of the cache. */
function isHubId(id: string): boolean {
  const part = '[A-Za-z0-9_](?:[A-Za-z0-9._-]*[A-Za-z0-9_])?';
  return (
    new RegExp(`^${part}(?:/${part})?$`).test(id) &&
    id.length <= 96 &&
    !/--|\.\./.test(id) &&
    !id.endsWith('.git')
  );
}

/** As git has it, e.g. `main`, `v1.0`, `refs/pr/3`; no part may lead out of `refs/`. */
function isRevision(revision: string): boolean {
  return (
    /^[\w.+-]+(?:\/[\w.+-]+)*$/.test(revision) && !revision.split('/').some((part) => /^\.+$/.test(part))
  );
}

/** `org/name`, with `@revision` unless that is `main`. */
export function formatHubModel({ id, revision }: HubModel): string {
  return revision === DEFAULT_REVISION ? id : `${id}@${revision}`;
}

export function isCommit(revision: string): boolean {
  return /^[0-9a-f]{40}$/.test(revision);
}

/** Whether a variable of the environment is on, as huggingface_hub reads them. */
export function isOn(value: string | undefined): boolean {
  return /^(1|on|yes|true)$/i.test(value ?? '');
}

/** Whether the environment forbids the network. */
export function isOffline(env: NodeJS.ProcessEnv): boolean {
  return isOn(env.HF_HUB_OFFLINE || env.TRANSFORMERS_OFFLINE);
}

/** `$HF_HOME`, else `huggingface` in `$XDG_CACHE_HOME`, else in `~/.cache`. */
export function hubHome(env: NodeJS.ProcessEnv = process.env): string {
  if (env.HF_HOME) return expandHome(env.HF_HOME);
  return join(env.XDG_CACHE_HOME ? expandHome(env.XDG_CACHE_HOME) : join(homedir(), '.cache'), 'huggingface');
}

/** `$HF_HUB_CACHE`, else `$HUGGINGFACE_HUB_CACHE`, else `hub` in the home above. */
export function hubCache(env: NodeJS.ProcessEnv = process.env): string {
  const named = env.HF_HUB_CACHE || env.HUGGINGFACE_HUB_CACHE;
  return named ? expandHome(named) : join(hubHome(env), 'hub');
}

function expandHome(path: string): string {
  return path === '~' || path.startsWith('~/') ? join(homedir(), path.slice(1)) : path;
}

/** Folders and files of one model in the cache; none need exist. */
export class CachedModel {
  readonly model: HubModel;
  readonly folderName: string;
  readonly folder: string;

  constructor(model: HubModel, cache: string) {
    this.model = model;
    this.folderName = `models--${model.id.replace('/', '--')}`;
    this.folder = join(cache, this.folderName);
  }

  blob(etag: string): string {
    return join(this.folder, 'blobs', etag);
  }

  snapshot(commit: string): string {
    return join(this.folder, 'snapshots', commit);
  }

  ref(): string {
    return join(this.folder, 'refs', this.model.revision);
  }

  /** The commit that the revision was when it was fetched last. */
  async commit(): Promise<string | undefined> {
    if (isCommit(this.model.revision)) return this.model.revision;
    try {
      const commit = (await readFile(this.ref(), 'utf8')).trim();
      return isCommit(commit) ? commit : undefined;
    } catch (error) {
      if (hasCode(error, 'ENOENT', 'ENOTDIR', 'EISDIR')) return undefined;
      throw error;
    }
  }

  /** The revision's snapshot, where there is one; it may hold some of the model's files only. */
  async find(): Promise<{ commit: string; directory: string } | undefined> {
    const commit = await this.commit();
    if (commit === undefined) return undefined;
    const directory = this.snapshot(commit);
    const info = await stat(directory).catch(() => undefined);
    return info?.isDirectory() ? { commit, directory } : undefined;
  }
}
