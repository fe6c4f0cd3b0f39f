/** One archive from which the program is set up on a machine without network. */
import { mkdir } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { InterruptedError, UsageError } from '../errors.js';
import { formatMiB } from '../format.js';
import { packageVersion } from '../runtime/version.js';
import { writeAtomically } from '../train/atomic-file.js';
import { type Compression, compressTo, hasXz } from './compress.js';
import { modulesPart, nodePart, type Part, packagePart, textEntry, weightsPart } from './contents.js';
import { bundleReadme, LAUNCHER } from './readme.js';
import { type TarEntry, tarBytes } from './tar.js';
import type { BundleOptions, BundlePart, BundleResult } from './types.js';

const MIB = 2 ** 20;

/**
 * Writes the archive: sources and CMake files of the addon, the compiled program, the packages that either needs, and on request
 * Node and encoders. It is there whole or not at all.
 *
 * @throws UsageError `E_BUNDLE_NAME`, `E_BUNDLE_LIMIT`, `E_BUNDLE_TOO_LARGE`, `E_BUNDLE_NODE`, `E_BUNDLE_WEIGHTS`; DataError
 *   `E_BUNDLE_DIST`, `E_BUNDLE_DEPENDENCY`, `E_BUNDLE_CHANGED` and those of the disk; what the search for an encoder throws;
 *   InterruptedError when the signal aborts
 */
export async function bundle(options: BundleOptions = {}): Promise<BundleResult> {
  const started = performance.now();
  const env = options.env ?? process.env;
  const { limitMiB, signal } = options;
  if (limitMiB !== undefined && !(limitMiB > 0)) {
    throw new UsageError(`a limit above 0 MiB is expected; found ${limitMiB}`, {
      code: 'E_BUNDLE_LIMIT',
      cure: 'Name the largest archive in MiB, e.g. --limit 60.',
    });
  }
  const { file, compression } = await chooseFile(options, env);
  const note = (text: string): void => options.onProgress?.({ type: 'note', text });
  const weights = await weightsPart(options.weights ?? [], env, signal, note);
  const contents: Part[] = [
    await packagePart(),
    await modulesPart(),
    ...(options.node ? [await nodePart()] : []),
    ...(weights.folders.length > 0 ? [weights] : []),
  ];
  const version = packageVersion();
  const folder = `ser-native-${version}`;
  const readme = bundleReadme({
    archive: basename(file),
    folder,
    version,
    node: options.node ? `${process.version} for ${process.platform}-${process.arch}` : undefined,
    weights: weights.folders,
  });
  const entries: TarEntry[] = [
    textEntry('README.md', readme),
    textEntry('ser-native', LAUNCHER, true),
    ...contents.flatMap((part) => part.entries),
  ].map((entry) => ({ ...entry, name: `${folder}/${entry.name}` }));
  const parts = contents.map(sizeOf);
  options.onProgress?.({ type: 'plan', file, parts });
  const total = parts.reduce((sum, part) => sum + part.bytes, 0);
  let done = 0;
  let written = 0;
  const tell = (): void =>
    options.onProgress?.({ type: 'progress', done: Math.min(done, total), total, written });
  let result = { bytes: 0, sha256: '' };
  await mkdir(dirname(file), { recursive: true });
  try {
    await writeAtomically(file, async (partial) => {
      result = await compressTo(partial, tarBytes(entries), compression, {
        signal,
        onTaken: (bytes) => {
          done += bytes;
          tell();
        },
        onWritten: (bytes) => {
          if (limitMiB !== undefined && bytes > limitMiB * MIB) throw tooLarge(limitMiB, parts);
          // xz takes in far more than it has compressed: what comes out shows that it goes on.
          written = bytes;
          tell();
        },
      });
    });
  } catch (error) {
    if (signal?.aborted)
      throw new InterruptedError('The bundle was not written.', { code: 'E_INTERRUPTED', cause: error });
    throw error;
  }
  const seconds = (performance.now() - started) / 1000;
  return { file, ...result, folder, parts, weights: weights.folders, seconds };
}

async function chooseFile(
  options: BundleOptions,
  env: NodeJS.ProcessEnv,
): Promise<{ file: string; compression: Compression }> {
  if (options.out === undefined) {
    const compression = (await hasXz(env)) ? 'xz' : 'gz';
    // Without Node and encoders the same archive does for every platform.
    const platform = options.node ? `-${process.platform}-${process.arch}` : '';
    return { file: resolve(`ser-native-${packageVersion()}${platform}.tar.${compression}`), compression };
  }
  const compression = options.out.match(/\.tar\.(xz|gz)$/)?.[1] as Compression | undefined;
  if (compression === undefined) {
    throw new UsageError(`${options.out} ends in neither .tar.xz nor .tar.gz`, {
      code: 'E_BUNDLE_NAME',
      cure: `Name it e.g. ${join(dirname(options.out), 'ser-native.tar.xz')}.`,
    });
  }
  if (compression === 'xz' && !(await hasXz(env))) {
    throw new UsageError('a .tar.xz needs the program xz, which was not found on PATH', {
      code: 'E_BUNDLE_NAME',
      cure: 'Install it (sudo apt-get install xz-utils), or name an archive that ends in .tar.gz.',
    });
  }
  return { file: resolve(options.out), compression };
}

function sizeOf({ name, entries }: Part): BundlePart {
  return { name, files: entries.length, bytes: entries.reduce((sum, entry) => sum + entry.size, 0) };
}

function tooLarge(limitMiB: number, parts: readonly BundlePart[]): UsageError {
  const list = parts.map(({ name, bytes }) => `${name} ${formatMiB(bytes)}`).join(', ');
  const optional = parts
    .filter(({ name }) => name === 'node' || name === 'weights')
    .map(({ name }) => `--${name}`);
  return new UsageError(`the archive would be larger than ${limitMiB} MiB; before compression: ${list}`, {
    code: 'E_BUNDLE_TOO_LARGE',
    cure:
      optional.length === 0
        ? 'Raise --limit.'
        : `Raise --limit, or leave ${optional.join(' and ')} out and carry that some other way.`,
    details: { parts },
  });
}
