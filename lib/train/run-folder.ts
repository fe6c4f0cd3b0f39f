/** The folder of a run: what lies in it, how it is found again, and who may write to it. */
import { createHash } from 'node:crypto';
import { mkdir, open, readdir, readFile, rename, rm } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { canonicalJson, configHash, mergeConfig } from '../config/resolve.js';
import type { TrainConfig } from '../config/schema.js';
import { joinSeeds, seedsOf } from '../config/seeds.js';
import { DataError, hasCode, UsageError } from '../errors.js';
import { writeTextAtomically } from './atomic-file.js';
import type { FoldOutcome } from './types.js';

/** What `run.json` holds. */
export interface RunFile {
  schema: 'ser-native/run@1';
  version: string;
  status: 'running' | 'interrupted' | 'failed' | 'finished';
  created: string;
  updated: string;
  preset: string;
  config: TrainConfig;
  /** Names the settings that decide a run's numbers; see `runHash`. */
  configHash: string;
  planHash: string | null;
  command: string | null;
  environment: Record<string, string>;
}

export type DecidingSettings = Omit<TrainConfig, 'folds' | 'seeds' | 'final' | 'device' | 'data' | 'plan'>;

/**
 * The settings that decide a fold's numbers. Left out: which folds and further seeds are run in this sitting, whether a final
 * model is fitted, the device, and where data and fold plan lie (the plan's hash and the store's stand for them).
 */
export function decidingSettings(config: TrainConfig): DecidingSettings {
  const {
    folds: _folds,
    seeds: _seeds,
    final: _final,
    device: _device,
    data: _data,
    plan: _plan,
    ...rest
  } = config;
  return rest;
}

/** Hash over the settings that decide a fold's numbers. */
export function runHash(config: TrainConfig): string {
  return configHash(decidingSettings(config) as TrainConfig);
}

/** Names of the settings that decide a fold's numbers and differ. */
export function changedSettings(before: DecidingSettings, after: DecidingSettings): string[] {
  const keys = new Set([...Object.keys(before), ...Object.keys(after)]) as Set<keyof DecidingSettings>;
  return [...keys].filter((key) => canonicalJson(before[key] ?? null) !== canonicalJson(after[key] ?? null));
}

/** How a run is made again: the command it was started by, or, for a run of the API, its own configuration. */
export function rerunCommand(file: Pick<RunFile, 'command'>, name: string): string {
  return file.command ?? `ser-native train --config ${name}/run.json`;
}

export class RunFolder {
  readonly path: string;
  #file: RunFile;

  private constructor(path: string, file: RunFile) {
    this.path = path;
    this.#file = file;
  }

  get name(): string {
    return basename(this.path);
  }

  get file(): Readonly<RunFile> {
    return this.#file;
  }

  /** A new run folder; refuses one that already holds a run. */
  static async create(path: string, file: RunFile): Promise<RunFolder> {
    const target = resolve(path);
    if (await readRunFile(target).catch(() => null)) {
      throw new UsageError(`${path} already holds a run`, {
        code: 'E_RUN_EXISTS',
        cure: `Go on with it by --resume ${path}, or name another folder with --out.`,
      });
    }
    try {
      await mkdir(target, { recursive: true });
    } catch (error) {
      throw new DataError(`the run folder ${path} cannot be made: ${(error as Error).message}`, {
        code: 'E_RUN_FOLDER',
        cure: 'Name a folder you may write to with --out.',
        cause: error,
      });
    }
    const run = new RunFolder(target, file);
    await run.#lock();
    await run.update({});
    return run;
  }

  /** An existing run folder, to be continued. */
  static async open(path: string): Promise<RunFolder> {
    const target = resolve(path);
    const run = new RunFolder(target, await readRunFile(target));
    await run.#lock();
    return run;
  }

  async update(change: Partial<RunFile>): Promise<void> {
    this.#file = { ...this.#file, ...change, updated: new Date().toISOString() };
    await writeTextAtomically(join(this.path, 'run.json'), `${JSON.stringify(this.#file, null, 2)}\n`);
  }

  /** Folds lie side by side where the run has one seed, and below a folder for each seed where it has several. */
  foldDirectory(fold: number, seed: number): string {
    const name = fold === 0 ? 'final' : `fold-${fold}`;
    return seedsOf(this.#file.config).length > 1
      ? join(this.path, `seed-${seed}`, name)
      : join(this.path, name);
  }

  /**
   * Moves the folds of a run that had one seed, and has several now, below the folder of that seed. Stopped half-way it
   * does the rest the next time.
   */
  async makeRoomForSeeds(): Promise<void> {
    const { config } = this.#file;
    if (seedsOf(config).length === 1) return;
    const folds = (await readdir(this.path)).filter((name) => /^(fold-\d+|final)$/.test(name));
    if (folds.length === 0) return;
    // Event files are written anew from results and checkpoints.
    await rm(join(this.path, 'tensorboard'), { recursive: true, force: true });
    await mkdir(join(this.path, `seed-${config.seed}`), { recursive: true });
    for (const name of folds)
      await rename(join(this.path, name), join(this.path, `seed-${config.seed}`, name));
  }

  /** Names the settings of one seed's folds, so that results and checkpoints of another seed are not taken for them. */
  settingsHash(seed: number): string {
    const { config, configHash } = this.#file;
    return seed === config.seed
      ? configHash
      : createHash('sha256').update(`${configHash} seed ${seed}`).digest('hex');
  }

  /** The result of a finished fold, or null where it is not finished under these settings. */
  async readOutcome(fold: number, seed: number, planHash: string): Promise<FoldOutcome | null> {
    try {
      const path = join(this.foldDirectory(fold, seed), 'result.json');
      const stored = JSON.parse(await readFile(path, 'utf8')) as {
        configHash: string;
        planHash: string;
        outcome: FoldOutcome;
      };
      return stored.configHash === this.settingsHash(seed) && stored.planHash === planHash
        ? stored.outcome
        : null;
    } catch (error) {
      if (hasCode(error, 'ENOENT') || error instanceof SyntaxError) return null;
      throw error;
    }
  }

  async writeOutcome(outcome: FoldOutcome, planHash: string): Promise<void> {
    const { fold, seed } = outcome;
    const text = JSON.stringify({ configHash: this.settingsHash(seed), planHash, outcome });
    await writeTextAtomically(join(this.foldDirectory(fold, seed), 'result.json'), `${text}\n`);
  }

  async #lock(): Promise<void> {
    const path = join(this.path, 'run.lock');
    for (let attempt = 0; attempt < 2; attempt++) {
      try {
        const file = await open(path, 'wx');
        await file.writeFile(`${process.pid}\n`);
        await file.close();
        return;
      } catch (error) {
        if (!hasCode(error, 'EEXIST')) throw error;
        const owner = Number.parseInt(await readFile(path, 'utf8').catch(() => ''), 10);
        if (owner !== process.pid && isAlive(owner)) {
          throw new UsageError(`the run ${this.path} is being trained by process ${owner}`, {
            code: 'E_RUN_BUSY',
            cure: 'Wait for it to end, or name another folder with --out.',
          });
        }
        await rm(path, { force: true }); // left by a process that was killed
      }
    }
  }

  async unlock(): Promise<void> {
    await rm(join(this.path, 'run.lock'), { force: true });
  }
}

function isAlive(pid: number): boolean {
  if (!Number.isInteger(pid) || pid <= 0) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return hasCode(error, 'EPERM');
  }
}

async function readRunFile(path: string): Promise<RunFile> {
  const file = join(path, 'run.json');
  let parsed: RunFile;
  try {
    parsed = JSON.parse(await readFile(file, 'utf8')) as RunFile;
  } catch (error) {
    throw new DataError(
      hasCode(error, 'ENOENT')
        ? `${path} holds no run: there is no run.json in it`
        : `${file} cannot be read`,
      { code: 'E_NO_RUN', cure: 'Name a folder that `ser-native train` wrote.', cause: error },
    );
  }
  if (parsed.schema !== 'ser-native/run@1') {
    throw new DataError(
      `${file} has the schema ${String(parsed.schema)}, this version reads ser-native/run@1`,
      {
        code: 'E_RUN_SCHEMA',
        cure: 'Train it again with this version.',
      },
    );
  }
  return parsed;
}

/** `run.json` of a folder. */
export { readRunFile };

/** The newest run in `parent` that is not finished and was made with the same settings and data. */
export async function findUnfinished(parent: string, config: TrainConfig): Promise<string | null> {
  const hash = runHash(config);
  const names = await readdir(parent).catch(() => []);
  const runs: { path: string; created: string }[] = [];
  for (const name of names) {
    const path = join(parent, name);
    const file = await readRunFile(path).catch(() => null);
    if (file && file.status !== 'finished' && file.configHash === hash && file.config.data === config.data) {
      runs.push({ path, created: file.created });
    }
  }
  runs.sort((a, b) => (a.created < b.created ? 1 : -1));
  return runs[0]?.path ?? null;
}

/** Default folder of a new run: `runs/<corpus and protocol>-<time>`. */
export function defaultOut(corpus: string, protocol: string, now: Date): string {
  const stamp = now.toISOString().replace(/[-:]/g, '').replace('T', '-').slice(0, 15);
  const stem = protocol.startsWith(corpus) ? protocol : `${corpus}-${protocol}`;
  // A protocol's name may come from a plan file: no path of its own.
  return join('runs', `${stem.replace(/[^A-Za-z0-9._-]+/g, '-')}-${stamp}`);
}

/**
 * The configuration with which a run goes on: its own, with what the user may change between sittings (folds, final,
 * device, data, plan) and the seeds that are added to its own. Any other difference is refused by name, since half a run
 * under other settings is no run.
 */
export function continuedConfig(stored: TrainConfig, asked: Record<string, unknown>): TrainConfig {
  const merged = mergeConfig(stored as Record<string, unknown>, asked) as unknown as TrainConfig;
  if (asked.seeds !== undefined) merged.seeds = joinSeeds(stored, asked.seeds as TrainConfig['seeds']);
  if (runHash(merged) !== runHash(stored)) {
    const changed = changedSettings(decidingSettings(stored), decidingSettings(merged));
    throw new UsageError(`the run was made with other settings of: ${changed.join(', ')}`, {
      code: 'E_RESUME_CONFIG',
      cure: 'Leave them out to go on with the run as it was, or start a new one without --resume.',
    });
  }
  return merged;
}

/** The folder in which a run's siblings lie. */
export function siblings(out: string | undefined): string {
  return out ? dirname(resolve(out)) : resolve('runs');
}
