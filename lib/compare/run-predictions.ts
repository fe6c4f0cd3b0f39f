/** What a comparison needs of a run folder: its held-out predictions, and of which corpus they are. */
import { readFile } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import { DataError, hasCode } from '../errors.js';
import type { PredictionLine, RunReport, Selection } from '../report/types.js';

export interface RunPredictions {
  /** As it was asked for. */
  path: string;
  name: string;
  report: RunReport;
  /** Lines of one selection. */
  lines: PredictionLine[];
}

/**
 * Reads `report.json` and `predictions.jsonl` of a run folder.
 *
 * @throws DataError `E_NO_REPORT`, `E_PREDICTIONS`
 */
export async function readRunPredictions(path: string, selection: Selection): Promise<RunPredictions> {
  const report = JSON.parse(await text(path, 'report.json')) as RunReport;
  const file = await text(path, 'predictions.jsonl');
  const lines: PredictionLine[] = [];
  for (const [index, line] of file.split('\n').entries()) {
    if (line === '') continue;
    let parsed: PredictionLine;
    try {
      parsed = JSON.parse(line) as PredictionLine;
    } catch (error) {
      throw new DataError(`line ${index + 1} of ${join(path, 'predictions.jsonl')} is no JSON`, {
        code: 'E_PREDICTIONS',
        cure: 'The file was cut off or edited; `ser-native train --resume DIR` writes it again.',
        cause: error,
      });
    }
    if (parsed.selection === selection) lines.push(parsed);
  }
  if (lines.length === 0) {
    throw new DataError(`${path} holds no prediction of the selection ${selection}`, {
      code: 'E_PREDICTIONS',
      cure: 'Name a run in which at least one fold has finished.',
    });
  }
  return { path, name: basename(resolve(path)), report, lines };
}

async function text(folder: string, name: string): Promise<string> {
  return readFile(join(folder, name), 'utf8').catch((error: unknown) => {
    throw new DataError(
      hasCode(error, 'ENOENT', 'ENOTDIR')
        ? `${folder} holds no results: there is no ${name} in it`
        : `${join(folder, name)} cannot be read`,
      {
        code: 'E_NO_REPORT',
        cure: 'Name a run folder in which at least one fold has finished.',
        cause: error,
      },
    );
  });
}
