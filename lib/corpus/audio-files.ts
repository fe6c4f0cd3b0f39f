/** Finds the audio files below a folder, and names what it leaves out. */

import { readdir, realpath, stat } from 'node:fs/promises';
import path from 'node:path';

import { DataError, hasCode, UsageError } from '../errors.js';
import type { Dropped } from './types.js';

/** File extensions taken for audio. The order is the preference among copies of one utterance: lossless first. */
export const AUDIO_EXTENSIONS = [
  '.wav',
  '.flac',
  '.aiff',
  '.aif',
  '.au',
  '.sph',
  '.m4a',
  '.ogg',
  '.opus',
  '.mp3',
  '.aac',
  '.wma',
  '.webm',
] as const;
export const VIDEO_EXTENSIONS = ['.mp4', '.avi', '.mov', '.mkv', '.flv'] as const;

/** Deeper than any published corpus; a bound against a folder given by mistake, such as `/`. */
const MAX_DEPTH = 8;

export interface FoundFile {
  /** Absolute path. */
  path: string;
  /** Path below the root, with `/` separators on every platform. */
  relative: string;
  /** File name without extension. */
  stem: string;
  /** Lower case, with the dot. */
  extension: string;
}

export function isAudio(extension: string): boolean {
  return (AUDIO_EXTENSIONS as readonly string[]).includes(extension);
}

export function isVideo(extension: string): boolean {
  return (VIDEO_EXTENSIONS as readonly string[]).includes(extension);
}

/** Orders copies of one recording, the one to keep first: lossless before lossy, then the shallower path, then by path. */
export function byPreference(a: FoundFile, b: FoundFile): number {
  const rank = (file: FoundFile): number =>
    (AUDIO_EXTENSIONS as readonly string[]).indexOf(file.extension) * 100 + file.relative.split('/').length;
  return rank(a) - rank(b) || byCodeUnit(a.relative, b.relative);
}

/** Sorts by code unit: the same order on every machine, unlike the locale's. */
export function byCodeUnit(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/**
 * The absolute path of a corpus' data.
 *
 * @throws UsageError where none was given; DataError where it does not exist or is not the expected kind.
 */
export async function resolveData(
  corpus: string,
  data: string | undefined,
  kind: 'folder' | 'any',
): Promise<string> {
  if (data === undefined || data === '') {
    throw new UsageError(
      `Corpus "${corpus}" needs to know where its files are, but no data path was given.`,
      {
        code: 'E_NO_DATA',
        cure: `Name it: --corpus ${corpus} --data PATH`,
      },
    );
  }
  const absolute = path.resolve(data);
  try {
    const found = await stat(absolute);
    if (kind === 'folder' && !found.isDirectory()) {
      throw new DataError(`Corpus "${corpus}" expects a folder, but ${absolute} is a file.`, {
        code: 'E_DATA_PATH',
        cure: 'Give the folder that holds the audio; a CSV or JSONL list is read with --corpus manifest.',
      });
    }
  } catch (error) {
    if (hasCode(error, 'ENOENT', 'ENOTDIR')) {
      throw new DataError(`Corpus "${corpus}": ${absolute} does not exist.`, {
        code: 'E_DATA_PATH',
        cure: 'Check --data; relative paths start at the current folder.',
        cause: error,
      });
    }
    throw error instanceof DataError ? error : unreadable(absolute, error);
  }
  return absolute;
}

/** What a walk found: media files (audio and video) by relative path, and the macOS companions that it left out. */
export interface MediaTree {
  files: FoundFile[];
  dropped: Dropped[];
}

/**
 * Lists media files below `root`, sorted by relative path; links are followed, each folder once. macOS' AppleDouble
 * companions (`._name`, `__MACOSX/`) carry an audio extension without being audio: they are dropped, with the reason.
 */
export async function findMedia(root: string): Promise<MediaTree> {
  const files: FoundFile[] = [];
  const companions: string[] = [];
  const tooDeep: string[] = [];
  const visited = new Set<string>();

  async function walk(folder: string, relative: string, depth: number): Promise<void> {
    const real = await realpath(folder);
    if (visited.has(real)) return;
    if (depth > MAX_DEPTH) {
      tooDeep.push(folder);
      return;
    }
    visited.add(real);
    const entries = await readdir(folder, { withFileTypes: true });
    entries.sort((a, b) => byCodeUnit(a.name, b.name));
    for (const entry of entries) {
      const full = path.join(folder, entry.name);
      const below = relative === '' ? entry.name : `${relative}/${entry.name}`;
      const extension = path.extname(entry.name).toLowerCase();
      let isFolder = entry.isDirectory();
      let isFile = entry.isFile();
      if (entry.isSymbolicLink()) {
        const target = await stat(full).catch(() => undefined); // a dangling link is nobody's file
        isFolder = target?.isDirectory() ?? false;
        isFile = target?.isFile() ?? false;
      }
      if (isFolder && entry.name !== '__MACOSX') {
        if (!entry.name.startsWith('.')) await walk(full, below, depth + 1);
      } else if (isFolder) {
        companions.push(full);
      } else if (isFile && (isAudio(extension) || isVideo(extension))) {
        if (entry.name.startsWith('._')) companions.push(full);
        else
          files.push({
            path: full,
            relative: below,
            stem: entry.name.slice(0, -extension.length),
            extension,
          });
      }
    }
  }

  try {
    await walk(root, '', 0);
  } catch (error) {
    throw unreadable(root, error);
  }
  files.sort((a, b) => byCodeUnit(a.relative, b.relative));
  const dropped: Dropped[] = [
    { reason: 'macOS metadata (AppleDouble), not audio', paths: companions },
    { reason: `folders more than ${MAX_DEPTH} deep are not searched`, paths: tooDeep },
  ].filter(({ paths }) => paths.length > 0);
  return { files, dropped };
}

/** The error for a file or folder that the system does not let us read. */
export function unreadable(location: string, error: unknown): DataError {
  return new DataError(
    `${location} cannot be read: ${error instanceof Error ? error.message : String(error)}`,
    {
      code: 'E_DATA_PATH',
      cure: 'Check that it exists and that you may read it.',
      cause: error,
    },
  );
}

/** `a, b, c and 7 more`: names enough to act on, in a sentence that still fits a screen. */
export function listSome(items: readonly string[], shown = 5): string {
  if (items.length <= shown) return items.join(', ');
  return `${items.slice(0, shown).join(', ')} and ${items.length - shown} more`;
}

/**
 * Ids for files of a corpus that has none of its own: the stems where they are unique (so FLAC and WAV copies share a
 * plan), else the paths below the root without extension, for all of them.
 */
export function fileIds(relativePaths: readonly string[]): string[] {
  const withoutExtension = relativePaths.map((relative) => {
    const slashed = relative.replaceAll('\\', '/');
    return slashed.slice(0, slashed.length - path.posix.extname(slashed).length);
  });
  const stems = withoutExtension.map((relative) => path.posix.basename(relative));
  return new Set(stems).size === stems.length ? stems : withoutExtension;
}
