/** The files of a run folder that an audit reads. */

import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

import { DataError, hasCode } from '../errors.js';
import type { EpochLine, PredictionLine, RunReport } from '../report/types.js';
import { type RunFile, readRunFile } from '../train/run-folder.js';

export interface RunRecord {
  path: string;
  run: RunFile;
  /** Empty where the run has not got that far. */
  predictions: PredictionLine[];
  epochs: EpochLine[];
  /** undefined before the first fold has finished. */
  report: RunReport | undefined;
}

/** @throws DataError where the folder holds no run, or a file of it is damaged */
export async function readRunRecord(path: string): Promise<RunRecord> {
  const report = await readText(join(path, 'report.json'));
  return {
    path,
    run: await readRunFile(path),
    predictions: await readLines<PredictionLine>(join(path, 'predictions.jsonl')),
    epochs: (await readLines<EpochLine>(join(path, 'metrics.jsonl'))).filter(({ type }) => type === 'epoch'),
    report: report === undefined ? undefined : parse<RunReport>(report, join(path, 'report.json')),
  };
}

async function readText(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return undefined;
    throw error;
  }
}

async function readLines<T>(path: string): Promise<T[]> {
  const text = await readText(path);
  if (text === undefined) return [];
  const lines = text.split('\n').filter((line) => line.trim() !== '');
  return lines.map((line, index) => parse<T>(line, `line ${index + 1} of ${path}`));
}

function parse<T>(text: string, where: string): T {
  try {
    return JSON.parse(text) as T;
  } catch (error) {
    throw new DataError(`${where} is not JSON: truncated?`, {
      code: 'E_RUN_DAMAGED',
      cure: 'Resume the run (ser-native train --resume DIR), which writes the file again.',
      cause: error,
    });
  }
}
