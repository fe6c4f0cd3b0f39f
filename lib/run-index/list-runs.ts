/** The index of runs: what lies in a folder, filtered and sorted. */
import { readdir, stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { DataError, hasCode, SerError, UsageError } from '../errors.js';
import { readRun } from './read-run.js';
import type { ListRunsOptions, RunIndex, RunOrder, RunSummary, SkippedFolder } from './types.js';

/** Folders read at a time. */
const AT_ONCE = 16;

/** Fields of the index that a filter may name; any other key is one of the configuration. */
const FIELDS = [
  'name',
  'status',
  'corpus',
  'protocol',
  'preset',
  'encoder',
  'mix',
  'pooling',
  'losses',
  'epochs',
  'seeds',
] as const;

/**
 * The runs that lie in a folder. Folders that hold none, or one that cannot be read, are passed over and named in `skipped`.
 *
 * @param directory default `runs`; a run folder itself is an index of one
 * @throws DataError `E_NO_RUNS` where there is no such folder; UsageError `E_FILTER`
 */
export async function listRuns(directory = 'runs', options: ListRunsOptions = {}): Promise<RunIndex> {
  const root = resolve(directory);
  const names = await folderNames(root, directory);
  const runs: RunSummary[] = [];
  const skipped: SkippedFolder[] = [];
  const queue = [...names];
  const work = async () => {
    for (let name = queue.shift(); name !== undefined; name = queue.shift()) {
      try {
        runs.push(await readRun(name === '.' ? root : join(root, name)));
      } catch (error) {
        skipped.push({ name, reason: await reasonOf(error, join(root, name)) });
      }
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  const kept = filtered(runs, options.filter ?? []);
  return {
    runs: sorted(kept, options.sort ?? 'date'),
    skipped: skipped.sort((a, b) => (a.name < b.name ? -1 : 1)),
  };
}

async function folderNames(root: string, directory: string): Promise<string[]> {
  const entries = await readdir(root, { withFileTypes: true }).catch((error: unknown) => {
    throw new DataError(
      hasCode(error, 'ENOENT', 'ENOTDIR')
        ? `there is no folder ${directory}`
        : `${directory} cannot be read: ${(error as Error).message}`,
      {
        code: 'E_NO_RUNS',
        cure: 'Name the folder that holds the run folders, or train a first run.',
        cause: error,
      },
    );
  });
  if (entries.some((entry) => entry.name === 'run.json')) return ['.'];
  return entries.filter((entry) => entry.isDirectory() || entry.isSymbolicLink()).map(({ name }) => name);
}

async function reasonOf(error: unknown, path: string): Promise<string> {
  const has = (name: string) =>
    stat(join(path, name)).then(
      () => true,
      () => false,
    );
  if (await has('ablation.json')) return 'an ablation: ser-native ablate --table';
  if (!(await has('run.json'))) return 'no run';
  return error instanceof SerError || error instanceof Error ? error.message : String(error);
}

function filtered(runs: readonly RunSummary[], filters: readonly string[]): RunSummary[] {
  const wanted = filters.map((filter) => {
    const at = filter.indexOf('=');
    if (at < 1) {
      throw new UsageError(`a filter is key=value, e.g. corpus=ravdess, got "${filter}"`, {
        code: 'E_FILTER',
      });
    }
    return { key: filter.slice(0, at).trim(), value: filter.slice(at + 1).trim() };
  });
  for (const { key } of wanted) {
    if (runs.length > 0 && runs.every((run) => valuesOf(run, key).length === 0)) {
      throw new UsageError(`no run has "${key}"`, {
        code: 'E_FILTER',
        cure: `Filter by ${FIELDS.join(', ')}, or a key of the configuration such as optimiser.learningRate.`,
      });
    }
  }
  return runs.filter((run) => wanted.every(({ key, value }) => valuesOf(run, key).includes(value)));
}

/** What a key stands for, as text; a list counts as a whole (`losses=kl,focal`) and in its parts (`losses=kl`). */
function valuesOf(run: RunSummary, key: string): string[] {
  const field = FIELDS.find((name) => name === key);
  const value = field ? run[field] : inConfig(run.config, key);
  if (value === undefined || value === null) return [];
  if (Array.isArray(value)) return [value.join(','), ...value.map(String)];
  return [typeof value === 'object' ? JSON.stringify(value) : String(value)];
}

function inConfig(config: unknown, key: string): unknown {
  return key
    .split('.')
    .reduce<unknown>(
      (inner, part) =>
        typeof inner === 'object' && inner !== null ? (inner as Record<string, unknown>)[part] : undefined,
      config,
    );
}

function sorted(runs: readonly RunSummary[], order: RunOrder): RunSummary[] {
  const byName = (a: RunSummary, b: RunSummary) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0);
  const newest = (a: RunSummary, b: RunSummary) =>
    a.created === b.created ? byName(a, b) : a.created < b.created ? 1 : -1;
  const figure = ({ ua, wa }: RunSummary) => {
    const figures = order === 'wa' ? wa : ua;
    return figures?.mean.mean ?? figures?.pooled ?? Number.NEGATIVE_INFINITY;
  };
  const compare = {
    date: newest,
    name: byName,
    status: (a: RunSummary, b: RunSummary) =>
      a.status === b.status ? newest(a, b) : a.status < b.status ? -1 : 1,
    ua: (a: RunSummary, b: RunSummary) => (figure(a) === figure(b) ? newest(a, b) : figure(b) - figure(a)),
    wa: (a: RunSummary, b: RunSummary) => (figure(a) === figure(b) ? newest(a, b) : figure(b) - figure(a)),
  }[order];
  return [...runs].sort(compare);
}
