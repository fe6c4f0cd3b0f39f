/** Files that a flag names: their folder is made, and what cannot be written is told in a sentence. */
import { mkdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import { DataError } from '../errors.js';
import { writeTextAtomically } from '../train/atomic-file.js';

/** @throws DataError `E_WRITE` naming the file and the system's reason */
export async function writeOutput(path: string, text: string): Promise<void> {
  try {
    await mkdir(dirname(path), { recursive: true });
    await writeTextAtomically(path, text);
  } catch (cause) {
    throw new DataError(
      `${path} cannot be written: ${cause instanceof Error ? cause.message : String(cause)}`,
      {
        code: 'E_WRITE',
        cure: 'Name a file in a folder that you may write to.',
        cause,
      },
    );
  }
}
