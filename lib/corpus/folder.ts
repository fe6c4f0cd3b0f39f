/**
 * Any corpus sorted into a folder per class: `class/speaker/file`, or `class/file` with a pattern that tells the speaker.
 *
 * Speakers decide whether a result is honest: with a voice in both training and test, a model is judged on people it knows.
 * Where no speaker can be told, the reader refuses instead of guessing.
 */

import { DataError, UsageError } from '../errors.js';
import {
  byCodeUnit,
  type FoundFile,
  fileIds,
  findMedia,
  isAudio,
  listSome,
  resolveData,
} from './audio-files.js';
import { classOrder, emotionOf } from './emotion-labels.js';
import { compileSpeakerPattern } from './speaker-pattern.js';
import type { Corpus, CorpusOptions, CorpusReader, Dropped } from './types.js';

const SPEAKER_CURE =
  'Sort the files as class/speaker/file, or give a regular expression on the path with a group for the speaker, such as ' +
  "--speaker-pattern '/([^/_]+)_[^/]*$'. If every file truly is another person, say so: --speakers per-file.";

type SpeakerOf = (file: FoundFile) => string | undefined;

function speakerRule(options: CorpusOptions): SpeakerOf {
  if (options.speakers !== undefined && options.speakers !== 'per-file') {
    throw new UsageError(`speakers can only be per-file, found ${JSON.stringify(options.speakers)}.`, {
      code: 'E_SPEAKERS',
      cure: SPEAKER_CURE,
    });
  }
  if (options.speakers === 'per-file') return (file) => file.relative.slice(0, -file.extension.length);
  if (options.speakerPattern !== undefined) {
    const speakerOf = compileSpeakerPattern(options.speakerPattern);
    return (file) => speakerOf(file.relative);
  }
  return (file) => {
    const parts = file.relative.split('/');
    return parts.length >= 3 ? parts[1] : undefined;
  };
}

/** One file per path without extension: a WAV and a FLAC of the same name are one utterance. */
function withoutCopies(files: readonly FoundFile[]): { kept: FoundFile[]; copies: string[] } {
  const kept = new Map<string, FoundFile>();
  const copies: string[] = [];
  const lossless = (file: FoundFile): number =>
    file.extension === '.wav' ? 0 : file.extension === '.flac' ? 1 : 2;
  for (const file of [...files].sort((a, b) => lossless(a) - lossless(b))) {
    const name = file.relative.slice(0, -file.extension.length);
    if (kept.has(name)) copies.push(file.path);
    else kept.set(name, file);
  }
  return { kept: [...kept.values()].sort((a, b) => byCodeUnit(a.relative, b.relative)), copies };
}

async function read(options: CorpusOptions): Promise<Corpus> {
  const speakerOf = speakerRule(options);
  const root = await resolveData('folder', options.data, 'folder');
  const tree = await findMedia(root);
  const audio = tree.files.filter((file) => isAudio(file.extension));
  const dropped: Dropped[] = [...tree.dropped];
  const note = (reason: string, paths: string[]): void => {
    if (paths.length > 0) dropped.push({ reason, paths });
  };
  note(
    'video, not audio',
    tree.files.filter((file) => !isAudio(file.extension)).map((file) => file.path),
  );
  note(
    'outside any class folder',
    audio.filter((file) => !file.relative.includes('/')).map((file) => file.path),
  );
  const { kept, copies } = withoutCopies(audio.filter((file) => file.relative.includes('/')));
  note('another copy of a file that is kept', copies);
  if (kept.length === 0) {
    throw new DataError(
      `No audio below ${root} in folders named after emotions; found ${audio.length} audio files in all.`,
      {
        code: 'E_CORPUS_EMPTY',
        cure: 'Expected class/speaker/file, for instance anger/anna/01.wav.',
      },
    );
  }
  const unknown = kept.filter((file) => speakerOf(file) === undefined).map((file) => file.relative);
  if (unknown.length > 0) {
    throw new DataError(
      `The speaker cannot be told for ${unknown.length} of ${kept.length} files below ${root} (${listSome(unknown, 3)}); ` +
        'without speakers no honest fold exists, since the same voice could be trained on and tested.',
      { code: 'E_NO_SPEAKER', cure: SPEAKER_CURE, details: { files: unknown } },
    );
  }

  const ids = fileIds(kept.map((file) => file.relative));
  const utterances = kept.map((file, index) => {
    const label = file.relative.split('/')[0]!;
    return {
      id: ids[index]!,
      path: file.path,
      emotion: emotionOf(label),
      speaker: speakerOf(file)!,
      source: { emotion: label },
    };
  });
  utterances.sort((a, b) => byCodeUnit(a.id, b.id));
  const classes = classOrder(utterances.map((utterance) => utterance.emotion));
  if (classes.length < 2) {
    throw new DataError(`Only one class below ${root}: ${classes[0]}.`, {
      code: 'E_ONE_CLASS',
      cure: 'Point --data at the folder that holds the class folders; a classifier needs two or more.',
    });
  }
  return {
    name: 'folder',
    root,
    synthetic: false,
    classes,
    utterances,
    dropped,
    warnings: warningsOf(options, utterances),
  };
}

function warningsOf(
  options: CorpusOptions,
  utterances: readonly { emotion: string; source: { emotion: string } }[],
): string[] {
  const warnings: string[] = [];
  if (options.speakers === 'per-file') {
    warnings.push(
      'Every file counts as another speaker, as asked: if voices recur, the figures are too good to be true.',
    );
  }
  const labels = new Map<string, Set<string>>();
  for (const { emotion, source } of utterances) {
    labels.set(emotion, (labels.get(emotion) ?? new Set()).add(source.emotion));
  }
  for (const [emotion, spellings] of labels) {
    if (spellings.size > 1)
      warnings.push(`Folders ${[...spellings].sort().join(', ')} are one class: ${emotion}.`);
  }
  return warnings;
}

export const folder: CorpusReader = {
  name: 'folder',
  summary: 'a folder per class: class/speaker/file, or class/file with a speakerPattern',
  defaultProtocol: 'group-5',
  read,
};
