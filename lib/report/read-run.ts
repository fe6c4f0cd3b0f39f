/** A run's report read back from its folder: without addon, models or corpus. */
import { readFile } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import { DataError, hasCode } from '../errors.js';
import { readRunFile, rerunCommand } from '../train/run-folder.js';
import type { EpochLine, PageFile, PredictionLine, ReportPageInput, RunReport } from './types.js';

/**
 * `report.json` of a run.
 *
 * @throws DataError `E_NO_REPORT` where there is none, `E_REPORT` where it cannot be read as one
 */
export async function readReport(folder: string): Promise<RunReport> {
  const path = join(folder, 'report.json');
  const text = await readFile(path, 'utf8').catch((error: unknown) => {
    throw new DataError(
      hasCode(error, 'ENOENT', 'ENOTDIR')
        ? `${folder} holds no report: no fold has finished, or it is no run folder`
        : `${path} cannot be read`,
      {
        code: 'E_NO_REPORT',
        cure: 'Name a run folder; an unfinished one goes on by `ser-native train --resume DIR`.',
        cause: error,
      },
    );
  });
  const report = parse<RunReport>(path, text);
  if (report?.schema !== 'ser-native/report@1') {
    throw new DataError(
      `${path} has the schema ${String(report?.schema)}, this version reads ser-native/report@1`,
      {
        code: 'E_REPORT',
        cure: 'Finish the run with this version: `ser-native train --resume DIR`.',
      },
    );
  }
  return report;
}

/** Both selections' lines of `predictions.jsonl`; none where the file is gone. */
export async function readPredictions(folder: string): Promise<PredictionLine[]> {
  return readLines<PredictionLine>(join(folder, 'predictions.jsonl'));
}

/**
 * Everything that the page of a run shows. What is drawn from models (`page.json`) is left out where a run has none.
 *
 * @throws DataError as `readReport`, `E_NO_RUN`, `E_RUN_SCHEMA`, `E_REPORT` for a damaged file
 */
export async function readPageInput(folder: string): Promise<ReportPageInput> {
  const report = await readReport(folder);
  const run = await readRunFile(folder);
  const pagePath = join(folder, 'page.json');
  const pageText = await readFile(pagePath, 'utf8').catch((error: unknown) => {
    if (hasCode(error, 'ENOENT')) return null;
    throw error;
  });
  const page = pageText === null ? null : parse<PageFile>(pagePath, pageText);
  const known = new Set(report.folds.map(({ seed, fold }) => `${seed}/${fold}`));
  const epochs = await readLines<EpochLine>(join(folder, 'metrics.jsonl'));
  return {
    report,
    epochs: epochs.filter(({ seed, fold }) => known.has(`${seed}/${fold}`)),
    predictions: await readPredictions(folder),
    spotlights: page?.spotlights ?? [],
    maps: page?.maps ?? [],
    deletion: page?.deletion ?? null,
    config: run.config,
    command: rerunCommand(run, basename(resolve(folder))),
    environment: run.environment,
  };
}

async function readLines<T>(path: string): Promise<T[]> {
  const text = await readFile(path, 'utf8').catch((error: unknown) => {
    if (hasCode(error, 'ENOENT')) return '';
    throw error;
  });
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => parse<T>(path, line));
}

function parse<T>(path: string, text: string): T {
  try {
    return JSON.parse(text) as T;
  } catch (error) {
    throw new DataError(`${path} is damaged: ${(error as Error).message}`, {
      code: 'E_REPORT',
      cure: 'Write it again by `ser-native train --resume DIR`, which trains nothing that is finished.',
      cause: error,
    });
  }
}
