/** Files that list utterances, one a line: reading them as text, and telling all problems with their lines at once. */

import { readFile, stat } from 'node:fs/promises';

import { DataError } from '../errors.js';

const MAX_PROBLEMS = 10;

export interface Row {
  line: number;
  /** By column or key, in lower case; values trimmed. */
  fields: Record<string, string>;
}

/** @param code of the error, such as `E_MANIFEST` */
export function invalidList(
  file: string,
  problems: readonly string[],
  { code, cure, cause }: { code: string; cure: string; cause?: unknown },
): DataError {
  const shown = problems.slice(0, MAX_PROBLEMS);
  if (problems.length > shown.length) shown.push(`and ${problems.length - shown.length} more problems`);
  const text =
    shown.length === 1 ? `: ${shown[0]}` : `:\n${shown.map((problem) => `  ${problem}`).join('\n')}`;
  return new DataError(`${file} cannot be used${text}`, { code, cure, details: { problems }, cause });
}

export async function isFile(location: string): Promise<boolean> {
  const found = await stat(location).catch(() => undefined); // for whatever reason: it cannot be read as a file
  return found?.isFile() ?? false;
}

/** The text of a list: UTF-8, or UTF-16 as spreadsheets export it, told by the byte order mark. */
export async function readListText(file: string, code: string): Promise<string> {
  let bytes: Buffer;
  try {
    bytes = await readFile(file);
  } catch (error) {
    throw invalidList(file, [(error as Error).message], {
      code: 'E_DATA_PATH',
      cure: 'Check that you may read the file.',
    });
  }
  const encoding =
    bytes[0] === 0xff && bytes[1] === 0xfe
      ? 'utf-16le'
      : bytes[0] === 0xfe && bytes[1] === 0xff
        ? 'utf-16be'
        : 'utf-8';
  try {
    return new TextDecoder(encoding, { fatal: true }).decode(bytes); // drops the mark
  } catch (error) {
    throw invalidList(file, [`it is not ${encoding.toUpperCase()} text`], {
      code,
      cure: 'Save it as UTF-8.',
      cause: error,
    });
  }
}

/** The rows of a JSON Lines text: one object a line, empty lines left out. */
export function jsonRows(file: string, content: string, code: string): Row[] {
  const rows: Row[] = [];
  const problems: string[] = [];
  content.split(/\r?\n/).forEach((text, index) => {
    if (text.trim() === '') return;
    const line = index + 1;
    let value: unknown;
    try {
      value = JSON.parse(text);
    } catch (error) {
      problems.push(`line ${line}: not JSON (${error instanceof Error ? error.message : String(error)})`);
      return;
    }
    if (typeof value !== 'object' || value === null || Array.isArray(value)) {
      problems.push(`line ${line}: expected a JSON object, found ${JSON.stringify(value).slice(0, 40)}`);
      return;
    }
    const fields: Record<string, string> = {};
    for (const [key, field] of Object.entries(value)) {
      if (field === null || field === undefined) continue;
      fields[key.toLowerCase()] = (typeof field === 'object' ? JSON.stringify(field) : String(field)).trim();
    }
    rows.push({ line, fields });
  });
  if (problems.length > 0)
    throw invalidList(file, problems, { code, cure: 'JSON Lines holds one JSON object per line.' });
  return rows;
}
