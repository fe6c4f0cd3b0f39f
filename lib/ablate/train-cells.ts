/** Trains cells side by side with other processes: each takes the next one that is free. */
import { setTimeout as sleep } from 'node:timers/promises';
import { DivergedError, InterruptedError } from '../errors.js';
import type { CellFolder } from './cell-folder.js';
import { finishedCells } from './finished-cells.js';
import type { Agreement } from './settings.js';
import type { CellTrainer } from './train-cell.js';
import { type AblateEvent, type Cell, cellName } from './types.js';

/** How often cells that others work on are looked at. */
const POLL_MS = 1000;

export interface CellsToTrain {
  folder: CellFolder;
  agreement: Agreement;
  trainer: CellTrainer;
  todo: readonly Cell[];
  keepModels: boolean;
  emit: (event: AblateEvent) => void;
  signal?: AbortSignal;
}

/**
 * Trains what nobody else trains, then waits for the rest, and takes over what a process that died has left. Returns the names of
 * cells that diverged: one row that does not train must not cost the others.
 */
export async function trainCells(work: CellsToTrain): Promise<string[]> {
  const { folder, emit, signal } = work;
  const failed: string[] = [];
  const told = new Set<string>();
  let open = [...work.todo];
  while (open.length > 0) {
    const busy: { cell: Cell; holder: string }[] = [];
    for (const [at, cell] of open.entries()) {
      stopIfAborted(signal);
      const claim = await folder.claim(cell);
      if ('holder' in claim) {
        busy.push({ cell, holder: claim.holder });
        continue;
      }
      try {
        await finish(work, cell, open.length - at - 1);
      } catch (error) {
        if (error instanceof InterruptedError) throw interrupted(`${cellName(cell)}: ${error.message}`);
        if (!(error instanceof DivergedError)) throw error;
        failed.push(cellName(cell));
        emit({ type: 'cell-failed', cell: cellName(cell), message: error.message });
      } finally {
        await claim.release();
      }
    }
    open = busy.map(({ cell }) => cell);
    const waiting = busy
      .map(({ cell, holder }) => ({ cell: cellName(cell), holder }))
      .filter(({ cell }) => !told.has(cell));
    for (const { cell } of waiting) told.add(cell);
    if (waiting.length > 0) emit({ type: 'cells-waiting', cells: waiting });
    if (open.length > 0) await sleep(POLL_MS, undefined, { signal }).catch(() => {});
  }
  return failed;
}

async function finish(work: CellsToTrain, cell: Cell, left: number): Promise<void> {
  const { folder, agreement, trainer, keepModels, emit } = work;
  // Another process may have finished it since it was last looked at.
  if ((await finishedCells(folder, [cell], agreement, emit)).size > 0) return;
  const name = cellName(cell);
  emit({ type: 'cell-start', cell: name, ...cell, left });
  const file = await trainer.train(cell, left);
  if (keepModels) await folder.keepModel(cell);
  await folder.write(file);
  await folder.clearWork(cell);
  const { selected, bestOnTest, seconds } = file;
  emit({ type: 'cell-end', cell: name, selected, bestOnTest, seconds });
}

function stopIfAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted) throw interrupted('stopped between two cells');
}

function interrupted(message: string): InterruptedError {
  return new InterruptedError(message, {
    code: 'E_INTERRUPTED',
    cure: 'Run the same command again to go on.',
  });
}
