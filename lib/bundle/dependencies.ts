/** The packages that the installed program needs, found as Node finds them, and where each goes in a folder of its own. */
import { existsSync } from 'node:fs';
import { readFile, realpath } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { DataError } from '../errors.js';

export interface PlacedPackage {
  /** e.g. `node_modules/a/node_modules/b`. */
  path: string;
  /** Where it is now. */
  directory: string;
}

interface Manifest {
  dependencies?: Record<string, string>;
  optionalDependencies?: Record<string, string>;
}

/**
 * All packages that `root` depends on, directly or not; development packages and those that are optional and not installed are
 * left out. npm may have put them beside `root` or above it, and several versions of one: each is placed at the top where that
 * is free, else below the package that needs it, so that every package finds the very ones that it finds now.
 *
 * @param optional whether to follow the root's own optional packages (conveniences of hundreds of megabytes)
 * @throws DataError `E_BUNDLE_DEPENDENCY` for one that is not installed
 */
export async function placeDependencies(root: string, optional = false): Promise<PlacedPackage[]> {
  const placed = new Map<string, string>();
  const queue: { path: string; directory: string }[] = [{ path: '', directory: await realpath(root) }];
  for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
    const { path, directory } = next;
    const manifest = JSON.parse(await readFile(join(directory, 'package.json'), 'utf8')) as Manifest;
    const needed = Object.keys(manifest.dependencies ?? {});
    const wished = path === '' && !optional ? [] : Object.keys(manifest.optionalDependencies ?? {});
    for (const name of [...new Set([...needed, ...wished])].sort()) {
      const found = await findPackage(name, directory);
      if (found === undefined) {
        if (wished.includes(name)) continue;
        throw new DataError(`${name}, which ${path || 'ser-native'} needs, is not installed`, {
          code: 'E_BUNDLE_DEPENDENCY',
          cure: 'Install the package whole (`npm ci` in a checkout), then run it again.',
        });
      }
      const seen = visible(name, path, placed);
      if (seen === found) continue;
      const place = join(seen === undefined ? '' : path, 'node_modules', name);
      placed.set(place, found);
      queue.push({ path: place, directory: found });
    }
  }
  return [...placed].map(([path, directory]) => ({ path, directory }));
}

/** As `require.resolve` walks, but for the package's folder: `exports` may hide its package.json. */
async function findPackage(name: string, from: string): Promise<string | undefined> {
  for (let folder = from; ; folder = dirname(folder)) {
    const candidate = join(folder, 'node_modules', name);
    if (existsSync(join(candidate, 'package.json'))) return await realpath(candidate);
    if (dirname(folder) === folder) return undefined;
  }
}

/** What a package placed at `path` finds under this name so far. */
function visible(name: string, path: string, placed: ReadonlyMap<string, string>): string | undefined {
  for (let folder = path; ; ) {
    const found = placed.get(join(folder, 'node_modules', name));
    if (found !== undefined || folder === '') return found;
    const cut = folder.lastIndexOf('node_modules');
    folder = folder.slice(0, Math.max(0, cut - 1));
  }
}
