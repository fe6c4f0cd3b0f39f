/** `describeCorpus`: what a corpus holds. `prepareCorpus`: its audio decoded ahead of training, with the same description. */
import { dirname, join } from 'node:path';
import { writeStoreFile } from '../audio/store-files.js';
import { measureStore } from '../audio/store-measurements.js';
import type { StorePlan } from '../audio/store-options.js';
import type { BadAudio, SampleStore } from '../audio/types.js';
import { openCorpusStore } from '../corpus/decoded-corpus.js';
import { readCorpus } from '../corpus/index.js';
import type { Corpus, CorpusOptions } from '../corpus/types.js';
import { descriptionOf } from './description.js';
import type { CorpusDescription, DescribeEvent } from './types.js';

/** Beside the sample store: the description that `prepareCorpus` made of it last. */
export const STATISTICS_FILE = 'statistics.json';

export interface DescribeCorpusOptions extends CorpusOptions {
  /** Name of a corpus reader, e.g. `ravdess`. */
  corpus: string;
  /** Decode the audio into the store and describe it too; default true. Without, only labels are read. */
  audio?: boolean;
  signal?: AbortSignal;
  onEvent?: (event: DescribeEvent) => void;
}

/**
 * Counts, speakers, lengths, levels and quality warnings of a corpus. Files that cannot be decoded are listed in
 * `audio.bad`; what was decoded stays in the store for training.
 *
 * @throws UsageError, DataError for a corpus that cannot be read or of which no file can be decoded; InterruptedError
 */
export async function describeCorpus(options: DescribeCorpusOptions): Promise<CorpusDescription> {
  const corpus = await read(options);
  if (options.audio === false) return descriptionOf(corpus);
  const { store } = await decode(corpus, { ...options, onBadAudio: 'skip' });
  return listen(corpus, store, options);
}

export interface PrepareCorpusOptions extends Omit<DescribeCorpusOptions, 'audio'> {
  /** What a file that cannot be decoded does: `fail` (default) ends with a list of all, `skip` leaves them out. */
  onBadAudio?: 'fail' | 'skip';
  /** Compare all stored samples with their hashes first, and decode again what differs. */
  verify?: boolean;
}

export interface PreparedCorpus {
  corpus: string;
  /** In the store, ready for training. */
  utterances: number;
  decoded: number;
  /** Taken from the store as it was. */
  reused: number;
  bad: BadAudio[];
  /** Whether the stored samples were compared with their hashes. */
  verified: boolean;
  /** Ids whose stored samples differed from their hash; they were decoded again. */
  damaged: string[];
  /** Seconds of audio. */
  seconds: number;
  /** Packed samples, int16 at 16 kHz. */
  path: string;
  bytes: number;
  /** The description as a JSON file beside the store. */
  statistics: string;
  description: CorpusDescription;
}

/**
 * Decodes a corpus into its sample store, so that training starts at once, and keeps its description beside it. What the
 * store has already is not decoded again. Stopped by `signal`, it keeps what was decoded.
 *
 * @throws as `describeCorpus`; DataError `E_BAD_AUDIO` under `onBadAudio: 'fail'`, after storing the good files
 */
export async function prepareCorpus(options: PrepareCorpusOptions): Promise<PreparedCorpus> {
  const corpus = await read(options);
  const { store, plan } = await decode(corpus, { ...options, onBadAudio: options.onBadAudio ?? 'fail' });
  const description = await listen(corpus, store, options);
  const { path, bytes } = description.audio!.store;
  await writeStoreFile(dirname(path), STATISTICS_FILE, `${JSON.stringify(description, null, 2)}\n`);
  return {
    corpus: corpus.name,
    utterances: store.entries.size,
    decoded: store.entries.size - plan.reused,
    reused: plan.reused,
    bad: store.bad,
    verified: options.verify === true,
    damaged: plan.damaged,
    seconds: description.audio!.seconds.total,
    path,
    bytes,
    statistics: join(dirname(path), STATISTICS_FILE),
    description,
  };
}

async function read(options: DescribeCorpusOptions): Promise<Corpus> {
  // The reader's own options alone.
  const { data, seed, allowPartial, speakerPattern, speakers, choices } = options;
  const corpus = await readCorpus(options.corpus, {
    data,
    seed,
    allowPartial,
    speakerPattern,
    speakers,
    choices,
  });
  options.onEvent?.({
    type: 'corpus',
    corpus: corpus.name,
    utterances: corpus.utterances.length,
    speakers: new Set(corpus.utterances.map(({ speaker }) => speaker)).size,
    classes: corpus.classes,
  });
  return corpus;
}

async function decode(
  corpus: Corpus,
  { onBadAudio, verify, signal, onEvent }: PrepareCorpusOptions,
): Promise<{ store: SampleStore; plan: StorePlan }> {
  let plan: StorePlan = { reused: 0, decode: 0, bad: 0, damaged: [] };
  const store = await openCorpusStore(corpus, {
    onBadAudio: onBadAudio ?? 'fail',
    verify,
    signal,
    onWarning: (message) => onEvent?.({ type: 'warning', message }),
    onVerify: (event) => onEvent?.(event),
    onPlan(made) {
      plan = made;
      onEvent?.({ type: 'plan', ...made, damaged: made.damaged.length });
    },
    onProgress: ({ file: _, ...event }) => onEvent?.(event),
  });
  return { store, plan };
}

async function listen(
  corpus: Corpus,
  store: SampleStore,
  { signal, onEvent }: DescribeCorpusOptions,
): Promise<CorpusDescription> {
  const measurements = await measureStore(store, { signal, onProgress: onEvent });
  return descriptionOf(corpus, { store, measurements });
}
