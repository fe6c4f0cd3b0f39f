/** JSON files of a checkpoint. */
import { readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { DataError, hasCode } from '../errors.js';

/**
 * Undefined where the file does not exist.
 *
 * @throws DataError `E_ENCODER_CONFIG` where it cannot be read or is no JSON
 */
export async function readJson(path: string): Promise<unknown> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    if (hasCode(error, 'ENOENT', 'ENOTDIR')) return undefined;
    throw new DataError(`${path} cannot be read`, {
      code: 'E_ENCODER_CONFIG',
      cure: `Check the rights of ${basename(path)}.`,
      cause: error,
    });
  }
  try {
    return JSON.parse(text) as unknown;
  } catch (error) {
    throw new DataError(`${path} is no JSON`, {
      code: 'E_ENCODER_CONFIG',
      cure: 'The file is damaged; fetch it anew.',
      cause: error,
    });
  }
}
