/** The finished cells of a folder, each checked against what the ablation is made with. */
import type { CellFolder } from './cell-folder.js';
import { type Agreement, misfits, refuseMisfits } from './settings.js';
import { type AblateEvent, type Cell, type CellFile, cellName } from './types.js';

/**
 * The finished cells of the grid, by name.
 *
 * @throws UsageError `E_ABLATION_CELLS` naming those that were made with other settings or data
 */
export async function finishedCells(
  folder: CellFolder,
  grid: readonly Cell[],
  agreement: Agreement,
  emit: (event: AblateEvent) => void,
): Promise<Map<string, CellFile>> {
  const finished = new Map<string, CellFile>();
  const odd: { cell: Cell; reasons: string[] }[] = [];
  for (const cell of grid) {
    const file = await folder.read(cell, (message) => emit({ type: 'warning', message }));
    if (!file) continue;
    const reasons = misfits(file, agreement);
    if (reasons.length > 0) odd.push({ cell, reasons });
    else finished.set(cellName(cell), file);
  }
  refuseMisfits(odd);
  return finished;
}
