/** What lies beside the weights of an exported encoder, and a folder that is there whole or not at all. */
import { randomUUID } from 'node:crypto';
import { mkdir, readdir, rename, rm, rmdir, writeFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { DataError, hasCode, UsageError } from '../errors.js';
import { readJson } from './read-json.js';

/** Class of transformers that holds the encoder alone, where there is one. */
const BARE_CLASSES: Record<string, string> = {
  wavlm: 'WavLMModel',
  hubert: 'HubertModel',
  wav2vec2: 'Wav2Vec2Model',
};

/**
 * `config.json` and `preprocessor_config.json` for float32 weights without a head, from those in `directory`; the latter only
 * where there is one (Whisper may do without).
 */
export async function exportedConfigs(directory: string): Promise<Map<string, string>> {
  const files = new Map<string, string>();
  const config = await readObject(join(directory, 'config.json'));
  if (config === undefined) throw lacksConfig(directory);
  // transformers loads in the type that is written here, and says on loading which tensors of the named class are missing.
  for (const name of ['dtype', 'torch_dtype']) if (name in config) config[name] = 'float32';
  const bare = BARE_CLASSES[String(config.model_type)];
  if (bare !== undefined) config.architectures = [bare];
  files.set('config.json', json(config));
  const input =
    (await readObject(join(directory, 'preprocessor_config.json'))) ??
    // Where transformers 5 wrote a whole processor, the feature extractor is a part of its file.
    (await readObject(join(directory, 'processor_config.json')))?.feature_extractor;
  if (input !== undefined) files.set('preprocessor_config.json', json(input));
  return files;
}

const json = (value: unknown) => `${JSON.stringify(value, null, 2)}\n`;

async function readObject(path: string): Promise<Record<string, unknown> | undefined> {
  return (await readJson(path)) as Record<string, unknown> | undefined;
}

function lacksConfig(directory: string): DataError {
  return new DataError(`${directory} has no config.json any more`, {
    code: 'E_EXPORT_ORIGIN',
    cure: 'Put the checkpoint that the encoder was trained from back in its place.',
  });
}

/**
 * Refuses a folder that holds something, before any work is done.
 *
 * @throws UsageError `E_EXPORT_EXISTS`; DataError `E_EXPORT_FOLDER`
 */
export async function refuseNonEmpty(directory: string): Promise<void> {
  const names = await readdir(directory).catch((error: unknown) => {
    if (hasCode(error, 'ENOENT')) return [];
    if (hasCode(error, 'ENOTDIR')) {
      throw new UsageError(`${directory} is a file, not a folder`, {
        code: 'E_EXPORT_EXISTS',
        cure: 'Name a folder that does not exist yet, or an empty one.',
      });
    }
    throw cannotWrite(directory, error);
  });
  if (names.length === 0) return;
  throw new UsageError(`${directory} is not empty`, {
    code: 'E_EXPORT_EXISTS',
    cure: 'Name a folder that does not exist yet, or an empty one; nothing is overwritten.',
  });
}

/**
 * Lets `fill` write into a folder beside `directory` and renames that onto it. On any failure nothing is left behind.
 *
 * @throws UsageError `E_EXPORT_EXISTS`; DataError `E_EXPORT_FOLDER`, `E_DISK_FULL`; what `fill` throws
 */
export async function writeFolder(
  directory: string,
  fill: (partial: string) => Promise<void>,
): Promise<void> {
  const target = resolve(directory);
  await refuseNonEmpty(target);
  const partial = `${target}.tmp-${randomUUID()}`;
  try {
    await mkdir(dirname(target), { recursive: true });
    await mkdir(partial);
    await fill(partial);
    // An empty folder gives way; not every system renames onto one.
    await rmdir(target).catch((error: unknown) => {
      if (!hasCode(error, 'ENOENT')) throw error;
    });
    await rename(partial, target);
  } catch (error) {
    await rm(partial, { recursive: true, force: true });
    throw cannotWrite(directory, error);
  }
}

/** Writes text files into `directory`, flushed to disk. */
export async function writeFiles(directory: string, files: ReadonlyMap<string, string>): Promise<void> {
  for (const [name, text] of files) await writeFile(join(directory, name), text, { flush: true });
}

/** The system's reasons in this package's words; other errors as they are. */
function cannotWrite(directory: string, error: unknown): unknown {
  if (hasCode(error, 'ENOSPC', 'EFBIG', 'EDQUOT')) {
    return new DataError(`no room left to write ${directory}`, {
      code: 'E_DISK_FULL',
      cure: 'Free some space, or name a folder on another disk.',
      cause: error,
    });
  }
  if (hasCode(error, 'EACCES', 'EPERM', 'EROFS', 'ENOTDIR', 'EEXIST', 'ENOTEMPTY')) {
    return new DataError(`the folder ${directory} cannot be made: ${(error as Error).message}`, {
      code: 'E_EXPORT_FOLDER',
      cure: 'Name a folder that you may write to.',
      cause: error,
    });
  }
  return error;
}
