/** What the decoded samples say of a corpus: lengths, levels, silence, copies, shortcuts. */
import type { Measurements } from '../audio/measure.js';
import { SAMPLE_RATE, type SampleStore, type StoreEntry } from '../audio/types.js';
import { byCodeUnit } from '../corpus/audio-files.js';
import type { Corpus, Utterance } from '../corpus/types.js';
import { type Distribution, distribution, histogram, roundWidth } from '../metrics/distribution.js';
import { countBy, groupBy, inOrder } from './count.js';
import { guessFrom } from './shortcut.js';
import type { AudioDescription, ClassDescription, SpeakerDescription } from './types.js';

/** An utterance with what its samples say. */
export interface Heard {
  utterance: Utterance;
  entry: StoreEntry;
  measured: Measurements;
  seconds: number;
  /** Of the root mean square and of the peak, dB below full scale. */
  level: number;
  peak: number;
}

/** The utterances whose audio is in the store, in the corpus' order. */
export function hear(
  corpus: Corpus,
  store: SampleStore,
  measurements: ReadonlyMap<string, Measurements>,
): Heard[] {
  return corpus.utterances.flatMap((utterance) => {
    const entry = store.entries.get(utterance.id);
    if (entry === undefined) return [];
    return {
      utterance,
      entry,
      measured: measurements.get(utterance.id)!,
      seconds: entry.length / SAMPLE_RATE,
      level: decibels(entry.rms),
      peak: decibels(entry.peak),
    };
  });
}

/** dB of a share of full scale; the store holds no utterance of zeros alone. */
export function decibels(share: number): number {
  return 20 * Math.log10(share);
}

/** Bins of a histogram of lengths below its open end. */
const LENGTH_BINS = 24;
const LEVEL_BIN_DB = 3;

export function describeAudio(corpus: Corpus, store: SampleStore, heard: readonly Heard[]): AudioDescription {
  const seconds = heard.map((one) => one.seconds);
  const total = seconds.reduce((sum, value) => sum + value, 0);
  const lengths = distribution(seconds)!;
  // A few utterances of minutes must not squeeze the others into one bin.
  const end = lengths.p95 + 2 * (lengths.p95 - lengths.median);
  const width = roundWidth(Math.min(lengths.max, end) - lengths.min, LENGTH_BINS);
  const levels = (values: number[]) => ({
    ...distribution(values)!,
    histogram: histogram(values, LEVEL_BIN_DB),
  });
  const lost = (of: (measured: Measurements) => number) =>
    heard.reduce((sum, { measured }) => sum + of(measured), 0) / total;
  return {
    utterances: heard.length,
    bad: store.bad,
    seconds: {
      ...lengths,
      total,
      histogram: histogram(seconds, width, end < lengths.max ? Math.ceil(end / width) * width : Infinity),
    },
    level: { rms: levels(heard.map((one) => one.level)), peak: levels(heard.map((one) => one.peak)) },
    silence: { leading: lost(({ leading }) => leading), trailing: lost(({ trailing }) => trailing) },
    sourceRates: inOrder(countBy(heard, rateOf), (a, b) => Number(a) - Number(b) || byCodeUnit(a, b)),
    decoders: inOrder(
      countBy(heard, ({ entry }) => entry.decoder),
      byCodeUnit,
    ),
    duplicates: copies(heard),
    shortcuts: {
      level: guess(corpus, heard, ({ level }) => level),
      length: guess(corpus, heard, ({ seconds }) => Math.log(seconds)),
      chance: 1 / corpus.classes.length,
    },
    store: { path: store.path, bytes: store.samples * 2 },
  };
}

/** Hertz of an utterance's source, as text. */
export function rateOf({ entry }: Heard): string {
  return entry.sourceRate === undefined ? 'unknown' : String(entry.sourceRate);
}

function copies(heard: readonly Heard[]): string[][] {
  return [...groupBy(heard, ({ entry }) => entry.samplesSha256).values()]
    .filter((group) => group.length > 1)
    .map((group) => group.map(({ utterance }) => utterance.id));
}

function guess(corpus: Corpus, heard: readonly Heard[], pick: (one: Heard) => number): number | null {
  const observations = heard.map((one) => ({
    label: one.utterance.emotion,
    speaker: one.utterance.speaker,
    value: pick(one),
  }));
  return guessFrom(observations, corpus.classes);
}

/** Adds lengths and levels to the classes. */
export function hearClasses(
  classes: readonly ClassDescription[],
  heard: readonly Heard[],
): ClassDescription[] {
  const groups = groupBy(heard, ({ utterance }) => utterance.emotion);
  return classes.map((description) => {
    const own = groups.get(description.class) ?? [];
    const of = (pick: (one: Heard) => number): Distribution | undefined => distribution(own.map(pick));
    const seconds = of((one) => one.seconds);
    const level = of((one) => one.level);
    return { ...description, ...(seconds ? { seconds } : {}), ...(level ? { level } : {}) };
  });
}

/** Adds seconds of audio and mean levels to the speakers. */
export function hearSpeakers(
  speakers: readonly SpeakerDescription[],
  heard: readonly Heard[],
): SpeakerDescription[] {
  const groups = groupBy(heard, ({ utterance }) => utterance.speaker);
  return speakers.map((description) => {
    const own = groups.get(description.speaker);
    if (own === undefined) return description;
    const seconds = own.reduce((sum, one) => sum + one.seconds, 0);
    const level = own.reduce((sum, one) => sum + one.level, 0) / own.length;
    return { ...description, seconds, level };
  });
}
