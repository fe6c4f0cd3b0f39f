/**
 * MSP-IMPROV: 6 sessions of two actors each, 8438 turns, of which 7798 have a consensus for one of four classes.
 *
 * Audio is named `MSP-IMPROV-..`, the label file names the videos, `UTD-IMPROV-...avi`; the rest of the names is the same.
 */

import type { Dirent } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';

import { DataError } from '../../errors.js';
import { byCodeUnit, type FoundFile, findMedia, isAudio, resolveData, unreadable } from '../audio-files.js';
import { DropList } from '../drop-list.js';
import { emotionOf } from '../emotion-labels.js';
import { settlePartial } from '../partial-copy.js';
import { selectFiles, type Verdict } from '../select-files.js';
import type { Corpus, CorpusOptions, CorpusReader, KnownEmotion, Utterance } from '../types.js';
import { describeDifference } from './completeness.js';
import {
  type Evaluation,
  parseEvaluations,
  parseName,
  SCENARIOS,
  type ScenarioCode,
} from './evaluation-file.js';

/** Consensus codes that are classes; also the class order. */
const CLASSES: Record<string, KnownEmotion> = { N: 'neutral', H: 'happiness', S: 'sadness', A: 'anger' };

/** Codes of the scenarios that each value of the choice takes. */
const CHOSEN: Record<string, readonly ScenarioCode[]> = {
  all: ['P', 'R', 'S', 'T'],
  natural: ['P'],
  read: ['R'],
  improvised: ['S', 'T'],
  'other-improvised': ['S'],
  'target-improvised': ['T'],
};

interface Labels {
  /** By utterance id. */
  evaluations: Map<string, Evaluation>;
  file: string;
}

/** Names of the files and folders in a folder, sorted. */
async function list(folder: string): Promise<Dirent[]> {
  const entries = await readdir(folder, { withFileTypes: true }).catch((error: unknown) => {
    throw unreadable(folder, error);
  });
  return entries.sort((a, b) => byCodeUnit(a.name, b.name));
}

/** The label file, in a folder or one below it: `Evalution.txt`, as it is published, or the spelling that it is often given. */
async function findEvaluationFile(root: string, drops: DropList): Promise<string> {
  const folders = [root];
  for (const entry of await list(root)) if (entry.isDirectory()) folders.push(path.join(root, entry.name));
  const found: string[] = [];
  for (const folder of folders) {
    for (const { name } of await list(folder)) {
      const match = /^(\._)?evalua?tion\.txt$/i.exec(name);
      if (match === null) continue;
      if (match[1] === undefined) found.push(path.join(folder, name));
      else drops.add('macOS metadata (AppleDouble), not a label file', path.join(folder, name));
    }
  }
  const first = found.find((file) => /^evalution/i.test(path.basename(file))) ?? found[0];
  for (const other of found)
    if (other !== first) drops.add('another label file beside the one that is read', other);
  if (first !== undefined) return first;
  throw new DataError(
    `No MSP-IMPROV below ${root}: expected its label file Evalution.txt (or Evaluation.txt), found none.`,
    {
      code: 'E_CORPUS_EMPTY',
      cure: 'Point --data at the folder that holds Evalution.txt and Audio (or session1 .. session6).',
    },
  );
}

async function readLabels(root: string, drops: DropList): Promise<Labels> {
  const file = await findEvaluationFile(root, drops);
  const text = await readFile(file, 'latin1').catch((error: unknown) => {
    throw unreadable(file, error);
  });
  const parsed = parseEvaluations(text);
  for (const line of parsed.unreadable) drops.add('a label line that cannot be read', `${file}:${line}`);
  const byId = new Map<string, Evaluation>();
  for (const evaluation of parsed.evaluations) {
    if (byId.has(evaluation.id)) drops.add('a second label of an utterance', `${file}:${evaluation.line}`);
    else byId.set(evaluation.id, evaluation);
  }
  return { evaluations: byId, file };
}

/** The utterance that a file holds, or why it holds none. */
function judge(file: FoundFile): Verdict {
  if (!isAudio(file.extension)) return { drop: 'video, not audio' };
  if (parseName(file.stem) === undefined)
    return { drop: 'the name is not an MSP-IMPROV one (such as MSP-IMPROV-S01A-F01-S-FM01)' };
  return { id: file.stem.replace(/^UTD/, 'MSP') };
}

/** How many raters chose each class; `Other` and the like are left out. */
function votesOf(raters: readonly string[]): Record<string, number> | undefined {
  const votes: Record<string, number> = {};
  for (const word of raters) {
    const emotion = emotionOf(word);
    if ((Object.values(CLASSES) as string[]).includes(emotion)) votes[emotion] = (votes[emotion] ?? 0) + 1;
  }
  return Object.keys(votes).length > 0 ? votes : undefined;
}

function utteranceOf(evaluation: Evaluation, file: FoundFile): Utterance {
  const parts = parseName(evaluation.id)!;
  const votes = votesOf(evaluation.raters);
  return {
    id: evaluation.id,
    path: file.path,
    emotion: CLASSES[evaluation.consensus]!,
    speaker: parts.speaker,
    session: parts.session,
    gender: parts.gender,
    // Only there the actor speaks the target sentence; the other turns are the actor's own words.
    ...(parts.scenario === 'R' || parts.scenario === 'T' ? { text: `S${parts.sentence}` } : {}),
    ...(votes === undefined ? {} : { votes }),
    source: {
      emotion: evaluation.consensus,
      intended: CLASSES[parts.intended]!,
      sentence: parts.sentence,
      scenario: SCENARIOS[parts.scenario],
      turn: parts.turn,
      activation: evaluation.activation,
      valence: evaluation.valence,
      dominance: evaluation.dominance,
      naturalness: evaluation.naturalness,
    },
  };
}

function labelReason(consensus: string): string {
  if (consensus === 'X') return 'label X: the raters do not agree';
  return consensus === 'O'
    ? 'label O: another emotion than the four classes'
    : `label ${consensus}: not a known one`;
}

async function read(options: CorpusOptions): Promise<Corpus> {
  const { scenario = 'all' } = options.choices ?? {};
  const scenarios = CHOSEN[scenario]!;
  const root = await resolveData('msp-improv', options.data, 'folder');
  const drops = new DropList();
  const { evaluations, file: labelFile } = await readLabels(root, drops);
  const media = await findMedia(root);
  drops.addAll(media.dropped);
  const { kept: audio, drops: unused } = selectFiles(media.files, judge);
  drops.addAll(unused.list());

  const labelled: Evaluation[] = [];
  const silent: string[] = [];
  const utterances: Utterance[] = [];
  for (const evaluation of [...evaluations.values()].sort((a, b) => byCodeUnit(a.id, b.id))) {
    const { id, consensus, line } = evaluation;
    const code = parseName(id)!.scenario;
    const file = audio.get(id);
    const where = file?.path ?? `${labelFile}:${line}`;
    if (!scenarios.includes(code)) drops.add(`${SCENARIOS[code]}, not the chosen scenario`, where);
    else if (CLASSES[consensus] === undefined) drops.add(labelReason(consensus), where);
    else {
      labelled.push(evaluation);
      if (file !== undefined) utterances.push(utteranceOf(evaluation, file));
      else {
        silent.push(id);
        drops.add('a label without audio', where);
      }
    }
  }
  for (const [id, file] of audio) if (!evaluations.has(id)) drops.add('audio without a label', file.path);

  const difference = describeDifference(root, labelled, { choice: scenario, codes: scenarios }, silent);
  const settled = settlePartial(options, difference?.sentence, difference?.details);
  if (utterances.length === 0) {
    throw new DataError(
      `MSP-IMPROV below ${root} has no utterance of the chosen scenarios with label and audio.`,
      {
        code: 'E_CORPUS_EMPTY',
        cure: 'Its audio belongs in Audio/session1/S01A/S/MSP-IMPROV-S01A-F01-S-FM01.wav, and so on.',
      },
    );
  }
  const present = new Set(utterances.map(({ emotion }) => emotion));
  return {
    name: 'msp-improv',
    root,
    synthetic: false,
    classes: Object.values(CLASSES).filter((emotion) => present.has(emotion)),
    utterances,
    dropped: drops.list(),
    choices: { scenario },
    ...settled,
  };
}

export const mspImprov: CorpusReader = {
  name: 'msp-improv',
  summary:
    'MSP-IMPROV: 6 sessions, 12 speakers, 7798 utterances in four classes (folder with Evalution.txt and Audio)',
  defaultProtocol: 'msp-improv-6fold',
  choices: [
    {
      name: 'scenario',
      values: ['all', 'natural', 'read', 'improvised', 'other-improvised', 'target-improvised'],
      summary: 'which recordings; improvised: the other and the target turns',
    },
  ],
  read,
};
