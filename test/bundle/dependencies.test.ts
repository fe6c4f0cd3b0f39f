import { mkdir, mkdtemp, realpath, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { placeDependencies } from '../../lib/bundle/dependencies.js';

let folder: string;
beforeEach(async () => {
  folder = await realpath(await mkdtemp(join(tmpdir(), 'ser-deps-')));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

async function install(path: string, manifest: object): Promise<void> {
  await mkdir(join(folder, path), { recursive: true });
  await writeFile(join(folder, path, 'package.json'), JSON.stringify(manifest));
}

async function placesOf(root: string, optional?: boolean): Promise<Record<string, string>> {
  const placed = await placeDependencies(join(folder, root), optional);
  return Object.fromEntries(placed.map(({ path, directory }) => [path, directory.slice(folder.length + 1)]));
}

test('packages beside and below the program, and two versions of one', async () => {
  // As npm lays it out in a project: the program is a dependency, and what it needs lies beside it.
  await install('node_modules/prog', {
    dependencies: { a: '1', b: '1', c: '2' },
    devDependencies: { unused: '1' },
  });
  await install('node_modules/a', { dependencies: { c: '1' } });
  await install('node_modules/b', { dependencies: { '@scope/d': '1' } });
  await install('node_modules/c', {});
  await install('node_modules/prog/node_modules/c', {});
  await install('node_modules/@scope/d', { dependencies: { a: '1' } });
  expect(await placesOf('node_modules/prog')).toEqual({
    'node_modules/a': 'node_modules/a',
    'node_modules/b': 'node_modules/b',
    'node_modules/c': 'node_modules/prog/node_modules/c',
    'node_modules/a/node_modules/c': 'node_modules/c',
    'node_modules/@scope/d': 'node_modules/@scope/d',
  });
});

test("optional packages: the program's own are left out, a dependency's are taken where they are installed", async () => {
  await install('prog', { dependencies: { a: '1' }, optionalDependencies: { huge: '1' } });
  await install('prog/node_modules/a', { optionalDependencies: { there: '1', missing: '1' } });
  await install('prog/node_modules/there', {});
  await install('prog/node_modules/huge', {});
  expect(Object.keys(await placesOf('prog'))).toEqual(['node_modules/a', 'node_modules/there']);
  expect(Object.keys(await placesOf('prog', true))).toContain('node_modules/huge');
});

test('a package that is not installed is named, with who needs it', async () => {
  await install('prog', { dependencies: { a: '1' } });
  await install('prog/node_modules/a', { dependencies: { gone: '1' } });
  await expect(placesOf('prog')).rejects.toMatchObject({
    code: 'E_BUNDLE_DEPENDENCY',
    message: expect.stringMatching(/gone, which node_modules\/a needs/),
  });
});
