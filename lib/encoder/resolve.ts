/** From what a user calls an encoder to its files: a folder, the hub's cache on this machine, or the hub itself. */
import { realpath, stat } from 'node:fs/promises';
import { basename, resolve } from 'node:path';
import type { PretrainedEncoderConfig } from '../../bindings.js';
import { DataError, RuntimeError } from '../errors.js';
import { checkpointFiles, readEncoderConfig } from './hf-config.js';
import { type HubOptions, pullModel } from './hub.js';
import { CachedModel, formatHubModel, hubCache, isOffline, parseHubModel } from './hub-cache.js';
import { describePullEvent } from './pull-text.js';
import type { PullListener } from './types.js';

export interface ResolveEncoderOptions {
  /** Never use the network. Default: whether `HF_HUB_OFFLINE` is set. */
  offline?: boolean;
  /** Hears of a download. */
  onProgress?: PullListener;
  /** The same in sentences, without the progress. */
  onMessage?: (message: string) => void;
  signal?: AbortSignal;
  /** Whisper only: pad to 30 s as transformers does. Default false. */
  window30?: boolean;
  /** How the hub is spoken to; the environment says where it is. */
  hub?: HubOptions;
}

export interface ResolvedEncoder {
  /** The folder's absolute path, or `org/name` (`org/name@revision` for another than main). */
  source: string;
  directory: string;
  /** The weights, each a file in `directory`. */
  files: string[];
  config: PretrainedEncoderConfig;
  /** Commit of the hub's repository. */
  revision?: string;
  /** Of the weights, where they are one file that the hub keeps by its digest. */
  sha256?: string;
}

/**
 * Finds an encoder. A folder that exists wins; then a model in the hub's cache, which is not compared with the hub; else it is
 * fetched.
 *
 * @param source folder, `org/name` or `org/name@revision`
 * @throws UsageError `E_HUB_ID`, `E_ENCODER_UNSUPPORTED`; DataError for a checkpoint that is incomplete or damaged; RuntimeError
 *   where it cannot be fetched
 */
export async function resolveEncoder(
  source: string,
  options: ResolveEncoderOptions = {},
): Promise<ResolvedEncoder> {
  const folder = resolve(source);
  const info = await stat(folder).catch(() => undefined);
  if (info?.isDirectory()) return await readFolder(folder, folder, options);
  if (info !== undefined || looksLikePath(source)) {
    throw new DataError(
      info === undefined ? `the folder ${source} does not exist` : `${source} is a file, not a folder`,
      {
        code: 'E_ENCODER_FOLDER',
        cure: 'Name the folder that holds config.json and the weights, or a model of the hub as org/name.',
      },
    );
  }
  return await resolveModel(source, options);
}

async function resolveModel(source: string, options: ResolveEncoderOptions): Promise<ResolvedEncoder> {
  const env = options.hub?.env ?? process.env;
  const model = parseHubModel(source);
  const name = formatHubModel(model);
  const cached = new CachedModel(model, hubCache(env));
  const found = await cached.find();
  let incomplete: DataError | undefined;
  if (found !== undefined) {
    try {
      return { ...(await readFolder(name, found.directory, options)), revision: found.commit };
    } catch (error) {
      // Python fetches file by file, so a snapshot may lack some.
      if (!(error instanceof DataError)) throw error;
      incomplete = error;
    }
  }
  if (options.offline ?? isOffline(env)) throw notCached(name, cached.folder, incomplete);
  const { onProgress, onMessage } = options;
  const pulled = await pullModel(model, {
    ...options.hub,
    signal: options.signal,
    onEvent: (event) => {
      onProgress?.(event);
      const text = onMessage && describePullEvent(event);
      if (text) onMessage(text);
    },
  });
  return { ...(await readFolder(name, pulled.directory, options)), revision: pulled.commit };
}

async function readFolder(
  source: string,
  directory: string,
  { window30 }: ResolveEncoderOptions,
): Promise<ResolvedEncoder> {
  const config = await readEncoderConfig(directory, { window30 });
  const { files } = await checkpointFiles(directory);
  const sha256 = files.length === 1 ? await digestInCache(files[0] as string) : undefined;
  return { source, directory, files, config, ...(sha256 && { sha256 }) };
}

/** The cache names large files by their SHA-256; elsewhere hashing gigabytes would cost seconds that few ask for. */
async function digestInCache(file: string): Promise<string | undefined> {
  const name = basename(await realpath(file));
  return /^[0-9a-f]{64}$/.test(name) ? name : undefined;
}

/** What can be no id of the hub: `./x`, `/x`, `~/x`, `a/b/c`, `C:\x`. */
function looksLikePath(source: string): boolean {
  const beforeRevision = source.split('@')[0] as string;
  return /^[./~]|\\/.test(source) || beforeRevision.split('/').length > 2 || beforeRevision.endsWith('/');
}

function notCached(name: string, folder: string, incomplete: DataError | undefined): RuntimeError {
  const why = incomplete === undefined ? 'is not on this machine' : `is incomplete (${incomplete.message})`;
  return new RuntimeError(`${name} ${why}, and the network is not to be used; looked in ${folder}`, {
    code: 'E_HUB_OFFLINE',
    cure: `Unset HF_HUB_OFFLINE; or run \`ser-native pull ${name}\` on a machine with network and copy its HF_HOME; or name a folder that holds the checkpoint.`,
    cause: incomplete,
  });
}
