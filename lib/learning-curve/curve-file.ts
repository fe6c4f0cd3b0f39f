/** `learning-curve.json` of a folder. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DataError, hasCode } from '../errors.js';
import type { LearningCurve } from './types.js';

export const CURVE_FILE = 'learning-curve.json';

/**
 * Reads the curve of a folder; null where it has none.
 *
 * @throws DataError `E_CURVE` where the file cannot be used
 */
export async function readLearningCurve(folder: string): Promise<LearningCurve | null> {
  const path = join(folder, CURVE_FILE);
  let curve: LearningCurve;
  try {
    curve = JSON.parse(await readFile(path, 'utf8')) as LearningCurve;
  } catch (error) {
    if (hasCode(error, 'ENOENT', 'ENOTDIR')) return null;
    throw unusable(path, 'cannot be read', error);
  }
  if (curve.schema !== 'ser-native/learning-curve@1')
    throw unusable(path, `has the schema ${String(curve.schema)}`);
  return curve;
}

function unusable(path: string, problem: string, cause?: unknown): DataError {
  return new DataError(`${path} ${problem}`, {
    code: 'E_CURVE',
    cure: 'Make it again by the same command: finished runs are kept.',
    cause,
  });
}
