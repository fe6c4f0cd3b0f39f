/** What is in a corpus, as data: `ser-native corpus --json`, `describeCorpus`, and `statistics.json` beside a store. */
import type { DecodeProgress, VerifyProgress } from '../audio/store-options.js';
import type { BadAudio } from '../audio/types.js';
import type { Distribution, Histogram } from '../metrics/distribution.js';

export interface CorpusDescription {
  schema: 'ser-native/corpus@1';
  corpus: string;
  /** Folder or manifest; absent for the demo corpus. */
  root?: string;
  /** The speech is computed, not recorded. */
  synthetic: boolean;
  /** The copy lacks files that the corpus is known to have. */
  partial?: boolean;
  choices?: Record<string, string>;
  /** Kept by the reader, whether or not their audio can be decoded. */
  utterances: number;
  /** Utterances by class, in class order. */
  classes: Record<string, number>;
  /** Utterances by speaker, in natural order. */
  speakers: Record<string, number>;
  /** Utterances by session, where the corpus names them. */
  sessions?: Record<string, number>;
  /** Files that the reader left out, by reason. */
  dropped: Record<string, number>;
  /** The same, with the first few paths of each. */
  droppedFiles: { reason: string; files: number; examples: string[] }[];
  genders?: { male: number; female: number; unknown: number };
  /** Utterances by the manifest's own split. */
  splits?: Record<string, number>;
  perClass: ClassDescription[];
  perSpeaker: SpeakerDescription[];
  texts?: TextDescription;
  votes?: VoteDescription;
  /** Absent where only labels were read. */
  audio?: AudioDescription;
  protocols: ProtocolDescription[];
  warnings: CorpusWarning[];
}

export interface ClassDescription {
  class: string;
  utterances: number;
  /** Speakers who have it. */
  speakers: number;
  /** The corpus' own labels behind it, with their counts. */
  sources: Record<string, number>;
  /** Lengths in seconds. */
  seconds?: Distribution;
  /** Levels in dBFS. */
  level?: Distribution;
  /** Mean share of the votes that each class got from raters of these utterances. */
  votes?: Record<string, number>;
}

export interface SpeakerDescription {
  speaker: string;
  gender?: 'male' | 'female';
  sessions?: string[];
  utterances: number;
  /** By class, in class order; classes without an utterance are 0. */
  classes: Record<string, number>;
  /** Seconds of audio. */
  seconds?: number;
  /** Mean level in dBFS. */
  level?: number;
}

export interface TextDescription {
  /** Utterances whose text is known. */
  utterances: number;
  distinct: number;
  /** Utterances whose text, spoken more than once, is spoken in one class only: words alone tell their class. */
  inOneClass: number;
  /** The most frequent first. */
  frequent: { text: string; utterances: number; classes: number }[];
}

export interface VoteDescription {
  /** Utterances with votes on the corpus' classes. */
  utterances: number;
  /** Votes per such utterance, on the corpus' classes. */
  perUtterance: number;
  /** Mean share of the votes that agree with the label. */
  agreement: number;
  /** Share of utterances of which all votes agree with the label. */
  unanimous: number;
  /** Utterances of which another class got more votes than the label's. */
  outvoted: number;
}

export interface AudioDescription {
  /** Decoded utterances; all figures below are of these. */
  utterances: number;
  bad: BadAudio[];
  seconds: Distribution & { total: number; histogram: Histogram };
  /** dB below full scale; a sine at full scale has a peak of 0 and a root mean square of -3. */
  level: { rms: Distribution & { histogram: Histogram }; peak: Distribution & { histogram: Histogram } };
  /** Shares of all audio before the first and after the last sound. */
  silence: { leading: number; trailing: number };
  /** Utterances by sampling rate of the source; `unknown` where an earlier version decoded them. */
  sourceRates: Record<string, number>;
  /** Utterances by decoder. */
  decoders: Record<string, number>;
  /** Ids with the same decoded samples, each group sorted. */
  duplicates: string[][];
  /** UA of guessing the class from one number, speakers held out one at a time; null where it is not defined. */
  shortcuts: { level: number | null; length: number | null; chance: number };
  store: { path: string; bytes: number };
}

export interface ProtocolDescription {
  name: string;
  summary: string;
  /** Used where none is named. */
  default: boolean;
  /** Folds that it makes of this corpus; absent where planning them fails or would take long. */
  folds?: number;
  /** Why it cannot be planned after all: a leak, a class that a training part lacks. */
  problem?: string;
}

/** Every kind of warning there is; scripts may filter by it. */
export type WarningKind =
  | 'reader'
  | 'bad-audio'
  | 'decoded-with-complaint'
  | 'near-silence'
  | 'clipping'
  | 'short'
  | 'long'
  | 'offset'
  | 'silence'
  | 'duplicate'
  | 'sampling-rate'
  | 'level-tells-class'
  | 'length-tells-class'
  | 'class-imbalance'
  | 'class-of-one-speaker'
  | 'speaker-lacks-class'
  | 'small-speaker'
  | 'outvoted-label';

export interface CorpusWarning {
  kind: WarningKind;
  /** A sentence. */
  message: string;
  /** What it is about: utterance ids, or speakers; all of them. */
  items?: string[];
}

/** Told while a corpus is read, decoded and measured. */
export type DescribeEvent =
  | { type: 'corpus'; corpus: string; utterances: number; speakers: number; classes: string[] }
  | { type: 'plan'; decode: number; reused: number; bad: number; damaged: number }
  | VerifyProgress
  | Omit<DecodeProgress, 'file'>
  | { type: 'measure'; done: number; total: number }
  | { type: 'warning'; message: string };
