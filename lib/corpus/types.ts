/** What an utterance is, and what every corpus reader returns. */

/** The vocabulary that all corpora share; the source's own label is kept beside it. */
export const EMOTIONS = [
  'neutral',
  'calm',
  'happiness',
  'sadness',
  'anger',
  'fear',
  'disgust',
  'surprise',
  'boredom',
  'excitement',
  'frustration',
  'contempt',
  'other',
] as const;
export type KnownEmotion = (typeof EMOTIONS)[number];
/** A known emotion, or a user's own class name from a manifest or folder. */
export type Emotion = KnownEmotion | (string & {});

export interface Utterance {
  /** The corpus' own stem, without folder or extension (`03-01-05-01-02-01-12`), so FLAC and WAV copies share a plan. */
  id: string;
  /** Absolute path of the audio file. For the demo corpus, a `demo:` URI that the synthesiser answers. */
  path: string;
  emotion: Emotion;
  speaker: string;
  session?: string;
  gender?: 'male' | 'female';
  /** The sentence spoken, or a code for it: utterances with the same text share it. */
  text?: string;
  /**
   * How many raters chose each of the corpus' classes, where the corpus has several: the soft label is this, divided by its sum.
   * Votes for anything else are left out.
   */
  votes?: Record<string, number>;
  /** Split named by a manifest, if any. */
  split?: 'train' | 'validation' | 'test';
  /** The source's own labels, untouched. */
  source?: Record<string, string>;
}

/** Files or rows that a reader left out, with why. */
export interface Dropped {
  reason: string;
  paths: string[];
}

export interface Corpus {
  name: string;
  /** Folder, or manifest file, that it was read from; absent for `demo`. */
  root?: string;
  /** True where the speech is computed, not recorded: said wherever results are shown. */
  synthetic: boolean;
  /** Class order; index = class id of labels, logits and confusion matrices. */
  classes: Emotion[];
  /** Sorted by id. */
  utterances: Utterance[];
  dropped: Dropped[];
  /** Sentences a user should read: a partial copy, odd counts. */
  warnings: string[];
  /** The copy lacks files that the corpus is known to have: its figures compare with no published ones. */
  partial?: boolean;
  /** What was chosen where the corpus leaves a choice, every choice with its value; for `emobox`, which corpus its lists are of. */
  choices?: Record<string, string>;
}

/** A real choice that a corpus leaves, such as which classes count: `--choice name=value`. */
export interface CorpusChoice {
  name: string;
  /** The first is the default. */
  values: readonly string[];
  /** One line for `--help`. */
  summary: string;
}

export interface CorpusOptions {
  /** Folder, or manifest file for `manifest`. */
  data?: string;
  /** Seed of a synthetic corpus (default 0); recorded corpora ignore it. */
  seed?: number;
  /** Accept a copy that lacks files which the corpus is known to have; each gap becomes a warning. Default false. */
  allowPartial?: boolean;
  /** `folder`: a regular expression on the path below the root (`/` separators); its group `speaker`, else group 1, names the speaker. */
  speakerPattern?: string;
  /** `folder`: `per-file` declares every file a speaker of its own. Honest only where no voice occurs twice. */
  speakers?: 'per-file';
  /** Values of the reader's choices by name; the default of each where absent. */
  choices?: Record<string, string>;
}

export interface CorpusReader {
  name: string;
  /** One line for `--help`. */
  summary: string;
  /** Protocol used when the user names none. */
  defaultProtocol: string;
  /** Choices that the corpus leaves; none where absent. */
  choices?: readonly CorpusChoice[];
  read(options: CorpusOptions): Promise<Corpus>;
}
