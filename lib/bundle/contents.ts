/** The files of a bundle. */
import { readdir, readFile, stat } from 'node:fs/promises';
import { basename, join, sep } from 'node:path';
import { resolveEncoder } from '../encoder/resolve.js';
import { DataError, UsageError } from '../errors.js';
import { PACKAGE_ROOT } from '../runtime/sources.js';
import { placeDependencies } from './dependencies.js';
import type { TarEntry } from './tar.js';
import type { BundlePart } from './types.js';

export interface Part {
  name: BundlePart['name'];
  entries: TarEntry[];
}

/** Of a dependency: what only people and compilers of TypeScript read. Headers, licences and code stay. */
const NOT_RUN =
  /(\.(d\.[cm]?ts|map|md|markdown|flow|tsbuildinfo)|(^|\/)(tests?|docs|examples?|\.github)\/.*)$/i;

/**
 * The package itself: what npm would publish, the compiled program and the README among it.
 *
 * @throws DataError `E_BUNDLE_DIST` where it has not been compiled
 */
export async function packagePart(): Promise<Part> {
  const manifest = JSON.parse(await readFile(join(PACKAGE_ROOT, 'package.json'), 'utf8')) as {
    files: string[];
  };
  const entries: TarEntry[] = [];
  for (const name of ['package.json', 'docs/gpu.md', 'docs/setup.md', ...manifest.files].sort()) {
    const path = join(PACKAGE_ROOT, name);
    const info = await stat(path).catch(() => undefined);
    if (info?.isDirectory())
      entries.push(...(await folderEntries(path, name, (file) => !file.endsWith('.map'))));
    else if (info?.isFile()) entries.push(fileEntry(path, name, info));
  }
  if (!entries.some(({ name }) => name === 'dist/cli/main.js')) {
    throw new DataError(`the program is not compiled: ${join(PACKAGE_ROOT, 'dist')} has no cli/main.js`, {
      code: 'E_BUNDLE_DIST',
      cure: 'Run `npm run build` in the checkout first.',
    });
  }
  return { name: 'package', entries };
}

/** What the program and the compilation of the addon need of other packages. */
export async function modulesPart(): Promise<Part> {
  const packages = await placeDependencies(PACKAGE_ROOT);
  const entries: TarEntry[] = [];
  for (const { path, directory } of packages) {
    const kept = (file: string): boolean => /(^|\/)package\.json$/.test(file) || !NOT_RUN.test(file);
    entries.push(...(await folderEntries(directory, path.split(sep).join('/'), kept)));
  }
  return { name: 'node_modules', entries };
}

/**
 * This process' own Node.
 *
 * @throws UsageError `E_BUNDLE_NODE` for a Node that is no program of its own
 */
export async function nodePart(): Promise<Part> {
  const variables = process.config.variables as unknown as Record<string, unknown>;
  if (variables.node_shared === true || variables.node_shared === 'true') {
    throw new UsageError(
      `${process.execPath} is a small program that loads Node from libraries of this system, which a bundle cannot carry.`,
      {
        code: 'E_BUNDLE_NODE',
        cure: 'Run it with a Node from nodejs.org, or leave --node out and use the Node of the other machine.',
      },
    );
  }
  const info = await stat(process.execPath);
  const windows = process.platform === 'win32';
  return {
    name: 'node',
    entries: [
      { ...fileEntry(process.execPath, windows ? 'bin/node.exe' : 'bin/node', info), executable: true },
    ],
  };
}

/**
 * An encoder's configuration and weights, in a folder that `--encoder` takes.
 *
 * @throws what `resolveEncoder` throws; UsageError `E_BUNDLE_WEIGHTS` for two of one name
 */
export async function weightsPart(
  sources: readonly string[],
  env: NodeJS.ProcessEnv,
  signal: AbortSignal | undefined,
  onMessage: (text: string) => void,
): Promise<Part & { folders: string[] }> {
  const entries: TarEntry[] = [];
  const folders: string[] = [];
  for (const source of sources) {
    const found = await resolveEncoder(source, { signal, onMessage, hub: { env } });
    const folder = `weights/${found.source === found.directory ? basename(found.directory) : found.source.replace(/[@/]/g, '--')}`;
    if (folders.includes(folder)) {
      throw new UsageError(`--weights names two encoders that would both be ${folder}`, {
        code: 'E_BUNDLE_WEIGHTS',
        cure: 'Name each once, or rename the folder of one.',
      });
    }
    folders.push(folder);
    const present = await readdir(found.directory);
    const settings = present.filter((name) => /^(config|preprocessor_config|.+\.index)\.json$/.test(name));
    const paths = [...settings.map((name) => join(found.directory, name)), ...found.files];
    for (const path of paths) entries.push(fileEntry(path, `${folder}/${basename(path)}`, await stat(path)));
  }
  return { name: 'weights', entries, folders };
}

/** Text that is made for the bundle. */
export function textEntry(name: string, text: string, executable = false): TarEntry {
  const content = Buffer.from(text);
  return { name, size: content.length, executable, content };
}

function fileEntry(path: string, name: string, info: { size: number; mode: number }): TarEntry {
  return { name, size: info.size, executable: (info.mode & 0o111) !== 0, content: path };
}

/** The files below a folder, sorted; packages in it are somebody else's entries. */
async function folderEntries(
  folder: string,
  name: string,
  wanted: (path: string) => boolean,
  below = '',
): Promise<TarEntry[]> {
  const entries: TarEntry[] = [];
  const found = await readdir(join(folder, below));
  for (const file of found.sort()) {
    if (file === 'node_modules' || file === '.git') continue;
    const inside = below === '' ? file : `${below}/${file}`;
    const path = join(folder, inside);
    const info = await stat(path);
    if (info.isDirectory()) entries.push(...(await folderEntries(folder, name, wanted, inside)));
    else if (info.isFile() && wanted(inside)) entries.push(fileEntry(path, `${name}/${inside}`, info));
  }
  return entries;
}
