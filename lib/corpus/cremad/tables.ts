/** The tables that CREMA-D publishes beside its recordings: who the actors are, and what listeners heard. */

import { readFile } from 'node:fs/promises';
import path from 'node:path';

import { parse } from 'csv-parse/sync';

import { sniffFormat } from '../../audio/sniff.js';
import { DataError, hasCode } from '../../errors.js';
import type { KnownEmotion } from '../types.js';
import { CREMAD_EMOTIONS } from './stems.js';

export const LFS_CURE =
  'Fetch the files themselves: in a git clone of the corpus run `git lfs install`, then `git lfs pull`. ' +
  'The zip that GitHub offers holds pointers only.';

/** Where the summary of the votes stands: in the repository, in its later layout, or beside the recordings. */
const SUMMARY = [
  'processedResults/summaryTable.csv',
  'data/InfoAndStats/processedResults/summaryTable.csv',
  'summaryTable.csv',
];
/** Of `queryType`: what the rater was given. 2 is the face alone, 3 both. */
const VOICE_ONLY = '1';
/** The authors count no response whose first click took longer. */
const MAX_RESPONSE_MS = 10_000;

/** A letter, or several with colons where they tie. */
const VOTE = /^[ADFHNS](:[ADFHNS])*$/;

/** Emotions by the letters of the vote tables: A D F H N S. */
const BY_LETTER = new Map<string, KnownEmotion>(
  Object.entries(CREMAD_EMOTIONS).map(([code, emotion]) => [code[0]!, emotion]),
);

type Row = Record<string, string>;

/**
 * The rows of a table, from the first place where it exists: below the root, or beside it where the root is the folder of the
 * recordings itself. Undefined where there is none.
 */
async function readTable(
  root: string,
  names: readonly string[],
  columns: readonly string[],
): Promise<Row[] | undefined> {
  for (const folder of [root, path.dirname(root)]) {
    for (const name of names) {
      const file = path.join(folder, name);
      let bytes: Buffer;
      try {
        bytes = await readFile(file);
      } catch (error) {
        if (hasCode(error, 'ENOENT', 'ENOTDIR')) continue;
        throw unusable(file, (error as Error).message, 'Check that you may read the file.', error);
      }
      const { notAudio } = sniffFormat(bytes);
      if (notAudio !== undefined) throw unusable(file, notAudio.reason, LFS_CURE);
      return parseTable(file, bytes, columns);
    }
  }
  return undefined;
}

function unusable(file: string, reason: string, cure: string, cause?: unknown): DataError {
  return new DataError(`${file} cannot be used: ${reason}.`, { code: 'E_CORPUS_LABELS', cure, cause });
}

const RESTORE = 'Restore it from the corpus, as published.';

/** Columns are found by name, in any case: the documentation says `fileName`, the file `FileName`. */
function parseTable(file: string, bytes: Buffer, columns: readonly string[]): Row[] {
  let rows: Row[];
  try {
    rows = parse(bytes, {
      bom: true,
      columns: (header: string[]) => header.map((name) => name.toLowerCase()),
      skip_empty_lines: true,
    }) as Row[];
  } catch (error) {
    throw unusable(file, (error as Error).message, RESTORE, error);
  }
  const missing = columns.filter((column) => rows[0]?.[column] === undefined);
  if (missing.length > 0) {
    const present = Object.keys(rows[0] ?? {}).join(', ') || 'none';
    throw unusable(file, `columns ${missing.join(', ')} are missing; found ${present}`, RESTORE);
  }
  return rows;
}

/** The stem of a recording as the tables name it; some copies carry the video's extension. */
const stemOf = (name: string): string => name.replace(/\.(flv|mp4|mp3|wav)$/i, '');

/** Gender of each actor, from `VideoDemographics.csv`; empty where the copy lacks the table. */
export async function readGenders(root: string): Promise<Map<string, 'male' | 'female'>> {
  const rows = await readTable(root, ['VideoDemographics.csv'], ['actorid', 'sex']);
  const genders = new Map<string, 'male' | 'female'>();
  for (const row of rows ?? []) {
    const sex = row.sex!.trim().toLowerCase();
    if (sex === 'male' || sex === 'female') genders.set(row.actorid!.trim(), sex);
  }
  return genders;
}

/** What the majority of those who heard a recording, without seeing it, chose. */
export interface VoiceVote {
  /** As published: a letter, or several with colons where they tie. */
  label: string;
  /** Undefined where several emotions tie. */
  emotion?: KnownEmotion;
  /** Mean level, 0 to 100, as published. */
  level?: string;
}

/** The published audio-only votes by stem, from `summaryTable.csv`. @throws DataError where the copy lacks it, or a vote is none */
export async function readVoiceVotes(root: string): Promise<Map<string, VoiceVote>> {
  const rows = await readTable(root, SUMMARY, ['filename', 'voicevote']);
  if (rows === undefined) {
    throw new DataError(`Perceived labels need ${SUMMARY[0]} of CREMA-D, and ${root} has none.`, {
      code: 'E_CORPUS_LABELS',
      cure: 'Copy it from the corpus, or train on the intended emotions: --choice labels=intended.',
    });
  }
  const odd = rows.find((row) => !VOTE.test(row.voicevote!.trim()));
  if (odd !== undefined)
    throw unusable('summaryTable.csv', `the vote on ${odd.filename} is "${odd.voicevote}"`, RESTORE);
  return new Map(
    rows.map((row) => {
      const label = row.voicevote!.trim();
      const emotion = BY_LETTER.get(label);
      const level = row.voicelevel?.trim();
      return [
        stemOf(row.filename!.trim()),
        { label, ...(emotion ? { emotion } : {}), ...(level ? { level } : {}) },
      ];
    }),
  );
}

/**
 * How many raters who heard a recording without seeing it chose each emotion, by stem, from `finishedResponses.csv`. A rater's
 * last answer to a recording counts. As in the published votes, responses whose first click came after ten seconds are left
 * out where `finishedEmoResponses.csv` tells them. Undefined where the copy lacks the responses.
 */
export async function readRaterVotes(root: string): Promise<Map<string, Record<string, number>> | undefined> {
  const rows = await readTable(
    root,
    ['finishedResponses.csv'],
    ['localid', 'pos', 'querytype', 'questnum', 'clipname', 'sessionnums', 'respemo'],
  );
  if (rows === undefined) return undefined;
  const late = await lateResponses(root);
  const answers = new Map<string, { stem: string; emotion: KnownEmotion; pos: number }>();
  for (const row of rows) {
    if (row.querytype !== VOICE_ONLY || late.has(responseKey(row))) continue;
    const emotion = BY_LETTER.get(row.respemo!.trim().toUpperCase());
    if (emotion === undefined) continue;
    const stem = stemOf(row.clipname!.trim());
    const key = `${row.localid} ${stem}`;
    const pos = Number(row.pos);
    if (pos >= (answers.get(key)?.pos ?? Number.NEGATIVE_INFINITY)) answers.set(key, { stem, emotion, pos });
  }
  const votes = new Map<string, Record<string, number>>();
  for (const { stem, emotion } of answers.values()) {
    const counts = votes.get(stem) ?? {};
    counts[emotion] = (counts[emotion] ?? 0) + 1;
    votes.set(stem, counts);
  }
  return votes;
}

/** Names a response in both tables of responses. */
const responseKey = (row: Row): string => `${row.sessionnums} ${row.querytype} ${row.questnum}`;

async function lateResponses(root: string): Promise<Set<string>> {
  const rows = await readTable(
    root,
    ['finishedEmoResponses.csv'],
    ['sessionnums', 'querytype', 'questnum', 'ttr'],
  );
  return new Set((rows ?? []).filter((row) => Number(row.ttr) > MAX_RESPONSE_MS).map(responseKey));
}
