/** Asks at a terminal before gigabytes are fetched. */

import { createInterface } from 'node:readline/promises';
import { formatBytes } from '../format.js';

export async function confirmDownload(bytes: number): Promise<boolean> {
  const questions = createInterface({ input: process.stdin, output: process.stderr });
  try {
    return /^y(es)?$/i.test(
      (await questions.question(`This fetches about ${formatBytes(bytes)}. Go on? [y/N] `)).trim(),
    );
  } finally {
    questions.close();
  }
}
