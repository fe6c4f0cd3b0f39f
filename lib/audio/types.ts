/** The decoded sample store: one packed int16 file at 16 kHz and its index. */

export const SAMPLE_RATE = 16_000;
/** The receptive field of a wav2vec2-style extractor; shorter audio yields no frame. */
export const MIN_SAMPLES = 400;

export interface StoreEntry {
  id: string;
  /** First sample in the packed file. */
  offset: number;
  /** Samples at 16 kHz. */
  length: number;
  /** Of the source file's bytes. */
  fileSha256: string;
  /** Of the decoded int16 samples: equal hash, same recording. */
  samplesSha256: string;
  /** Decoder and its version, e.g. `wav@1`, `ffmpeg@7.0`, `synth@1`. */
  decoder: string;
  /** Largest absolute sample, of full scale. */
  peak: number;
  /** Root mean square, of full scale. */
  rms: number;
  /** Hertz of the source file; absent in stores of an earlier version. */
  sourceRate?: number;
  warnings?: string[];
}

export interface BadAudio {
  id: string;
  path: string;
  /** A clear sentence: what is wrong with it. */
  reason: string;
}

export interface SampleStore {
  /** The packed int16 little-endian file. */
  path: string;
  /** Samples in it. */
  samples: number;
  entries: Map<string, StoreEntry>;
  /** Files left out under `onBadAudio: 'skip'`. */
  bad: BadAudio[];
}
