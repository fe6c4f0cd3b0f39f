/** Puts the table beside its cells, in every form. */
import { join } from 'node:path';
import { writeTextAtomically } from '../train/atomic-file.js';
import type { AblationTable } from './table.js';
import { renderAblationMarkdown } from './table-markdown.js';
import { renderAblationPage } from './table-page.js';

/** Writes `ablation.html`, `ablation.md` and `ablation-table.json`, each whole or not at all. */
export async function writeTable(folder: string, table: AblationTable, command?: string): Promise<void> {
  await writeTextAtomically(join(folder, 'ablation.html'), renderAblationPage(table, command));
  await writeTextAtomically(join(folder, 'ablation.md'), renderAblationMarkdown(table));
  await writeTextAtomically(join(folder, 'ablation-table.json'), `${JSON.stringify(table, null, 2)}\n`);
}
