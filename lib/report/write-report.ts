/** Puts `report.json` and `report.html` into a run folder. */
import { join } from 'node:path';
import { writeTextAtomically } from '../train/atomic-file.js';
import { renderReportPage } from './page/page.js';
import type { ReportPageInput } from './types.js';

/**
 * Writes both files, each whole or not at all; the page first, so that a `report.json` always has its page beside it.
 *
 * @param folder the run folder, which must exist
 * @returns absolute or relative paths, as `folder` is
 * @throws DataError `E_DISK_FULL`, `E_READ_ONLY`
 */
export async function writeReport(
  folder: string,
  input: ReportPageInput,
): Promise<{ json: string; html: string }> {
  const paths = { json: join(folder, 'report.json'), html: join(folder, 'report.html') };
  await writeTextAtomically(paths.html, renderReportPage(input));
  await writeTextAtomically(paths.json, `${JSON.stringify(input.report, null, 2)}\n`);
  return paths;
}
