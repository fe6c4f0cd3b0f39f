/** `ablate`: the paper's ablation as one command, a cell at a time, by as many processes as there are. */
import { join } from 'node:path';
import { seedsOf } from '../config/seeds.js';
import { UsageError } from '../errors.js';
import { writePlan } from '../folds/index.js';
import { openEngine } from '../native/engine.js';
import type { SettledConfig } from '../train/precision.js';
import type { Prepared } from '../train/prepare.js';
import { readData, readEncoder } from '../train/workshop.js';
import { CellFolder } from './cell-folder.js';
import { finishedCells } from './finished-cells.js';
import { chosenCells, estimateSeconds, gridCells } from './grid.js';
import { type Agreement, fullMethod, newSettings, refuseOtherData } from './settings.js';
import { type AblationTable, ablationTable } from './table.js';
import { CellTrainer } from './train-cell.js';
import { trainCells } from './train-cells.js';
import {
  type AblateEvent,
  type AblateOptions,
  type AblateResult,
  type AblationFile,
  type Cell,
  type CellFile,
  cellName,
  type PlannedCell,
} from './types.js';
import { writeTable } from './write-table.js';

/**
 * Trains the cells of an ablation that are not finished yet, and writes the table of all that are.
 *
 * Several processes may work on one folder, on one machine or on several that share it: each takes the next cell that is free.
 * On `options.signal` the running step ends, a checkpoint is kept and the promise rejects with InterruptedError.
 *
 * @throws UsageError, DataError, RuntimeError, InterruptedError; a cell that diverges is left out and named in the result
 */
export async function ablate(options: AblateOptions): Promise<AblateResult> {
  const emit = (event: AblateEvent) => options.onEvent?.(event);
  const ablation = await openAblation(options, emit);
  const { folder, grid } = ablation;
  const todo = ablation.chosen.filter((cell) => !ablation.finished.has(cellName(cell)));
  emit({
    type: 'grid',
    out: folder.path,
    resumed: ablation.resumed,
    cells: grid.length,
    finished: ablation.finished.size,
    training: todo.length,
  });
  const failed = todo.length > 0 ? await trainAll(ablation, todo, options, emit) : [];
  // Other processes may have finished cells meanwhile that this one was not asked for.
  const finished = await finishedCells(folder, grid, ablation.agreement, emit);
  const table = ablationTable(ablation.settings, [...finished.values()]);
  await writeTable(folder.path, table, options.command);
  emit({ type: 'ablation-done', out: folder.path, table, failed });
  return { out: folder.path, table, failed };
}

/** Data, encoder and engine, then the cells; returns those that diverged. */
async function trainAll(
  { folder, settings, agreement, prepared: known }: Ablation,
  todo: readonly Cell[],
  { keepModels, signal }: AblateOptions,
  emit: (event: AblateEvent) => void,
): Promise<string[]> {
  const prepared = known ?? (await readData(agreement.base, emit, signal));
  refuseOtherData(prepared, settings);
  const encoder = await readEncoder(agreement.base, emit, signal);
  await using engine = await openEngine({ device: agreement.base.device });
  const { store } = prepared;
  const native = await engine.openStore(store.path, store.samples);
  const material = { prepared, encoder };
  const trainer = new CellTrainer({ material, engine, native, folder, agreement, emit, signal });
  return await trainCells({
    folder,
    agreement,
    trainer,
    todo,
    keepModels: keepModels === true,
    emit,
    signal,
  });
}

/** The cells of the grid and how long they take, without training any. */
export async function planAblation(options: AblateOptions): Promise<PlannedCell[]> {
  const emit = (event: AblateEvent) => options.onEvent?.(event);
  const { folder, grid, chosen, finished } = await openAblation(options, emit, { write: false });
  const asked = new Set(chosen.map(cellName));
  const estimate = estimateSeconds(finished.values());
  const planned: PlannedCell[] = [];
  for (const cell of grid) {
    const name = cellName(cell);
    const done = finished.get(name);
    planned.push({
      ...cell,
      cell: name,
      state: done ? 'finished' : await stateOf(folder, cell),
      asked: asked.has(name),
      seconds: done ? done.seconds : estimate(cell.variant),
    });
  }
  return planned;
}

/** The table of the cells that a folder has, without training any. */
export async function readAblation(options: Pick<AblateOptions, 'out' | 'config'>): Promise<AblationTable> {
  const settings = await new CellFolder(options.out).readSettings();
  if (!settings) {
    throw new UsageError(`${options.out} holds no ablation: there is no ablation.json in it`, {
      code: 'E_ABLATION',
      cure: 'Name the folder that `ser-native ablate --out` wrote.',
    });
  }
  const opened = await openAblation(options, () => {}, { write: false });
  const table = ablationTable(opened.settings, [...opened.finished.values()]);
  await writeTable(opened.folder.path, table);
  return table;
}

async function stateOf(folder: CellFolder, cell: Cell): Promise<PlannedCell['state']> {
  if (await folder.isClaimed(cell)) return 'running';
  return (await folder.hasBegun(cell)) ? 'begun' : 'open';
}

interface Ablation {
  folder: CellFolder;
  settings: AblationFile;
  agreement: Agreement;
  grid: Cell[];
  /** Those of it that this call is to train. */
  chosen: Cell[];
  finished: Map<string, CellFile>;
  resumed: boolean;
  /** What was read to find the folds out; absent where the folder says them. */
  prepared?: Prepared;
}

/** Settings, grid and finished cells; reads the corpus only where the folder does not say what is in it. */
async function openAblation(
  options: AblateOptions,
  emit: (event: AblateEvent) => void,
  { write } = { write: true },
): Promise<Ablation> {
  const folder = new CellFolder(options.out);
  const stored = await folder.readSettings();
  const { base, preset } = await fullMethod(options, stored);
  const prepared = stored ? undefined : await readData(base, emit, options.signal);
  const settings = stored
    ? { ...stored, grid: askedGrid(base, stored) }
    : newSettings(base, preset, prepared!);
  const agreement = { base, planHash: settings.planHash, storeHash: settings.storeHash };
  const grid = gridCells(settings.grid.folds, settings.grid.seeds);
  const chosen = chosenCells(grid, options.cells);
  const finished = await finishedCells(folder, grid, agreement, emit);
  if (write) {
    await folder.create();
    if (prepared && settings.ownPlan) await writePlan(join(folder.path, 'folds.json'), prepared.plan);
    await folder.writeSettings(settings);
    // A process that was killed after its last write leaves the checkpoints of a finished cell behind.
    for (const cell of finished.values()) await folder.clearWork(cell);
  }
  return { folder, settings, agreement, grid, chosen, finished, resumed: stored !== null, prepared };
}

function askedGrid(base: SettledConfig, { protocol, protocolFolds }: AblationFile): AblationFile['grid'] {
  const all = Array.from({ length: protocolFolds }, (_, index) => index + 1);
  const asked = base.folds === 'all' ? all : base.folds;
  const unknown = asked.filter((fold) => !all.includes(fold));
  if (unknown.length > 0) {
    throw new UsageError(`protocol ${protocol} has folds 1 to ${protocolFolds}, not ${unknown.join(', ')}`, {
      code: 'E_FOLDS',
      cure: `Name folds of 1 to ${protocolFolds}, e.g. --folds 1,2, or --folds all.`,
    });
  }
  return { folds: all.filter((fold) => asked.includes(fold)), seeds: seedsOf(base) };
}
