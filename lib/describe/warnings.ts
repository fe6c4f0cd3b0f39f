/** What a user should know of a corpus before training on it, as sentences. */
import { listSome } from '../corpus/audio-files.js';
import type { Corpus } from '../corpus/types.js';
import { type Heard, rateOf } from './audio.js';
import { countBy, groupBy } from './count.js';
import { outvotedUtterances } from './labels.js';
import type {
  AudioDescription,
  ClassDescription,
  CorpusWarning,
  SpeakerDescription,
  WarningKind,
} from './types.js';
import { levelOf } from './words.js';

/** Where a figure becomes worth a sentence. Below each: why there. */
export const LIMITS = {
  /** dBFS of the root mean square; room tone of quiet studios lies there. */
  nearSilence: -60,
  /** Samples in flat tops. One such run can be chance, three are a limiter. */
  clipped: 9,
  /** Seconds; the shortest of acted corpora last about one, the longest of spontaneous ones half a minute. */
  short: 0.5,
  long: 30,
  /** Mean of the samples, of full scale: -40 dB. */
  offset: 0.01,
  /** Share of the audio before the first and after the last sound. */
  silence: 0.25,
  /** Hertz; sources below lack the upper part of what others have. */
  sourceRate: 16_000,
  /** Guessing from one number is worth a sentence from this multiple of chance on. */
  shortcut: 1.5,
  /** The largest class, as a multiple of the smallest. */
  imbalance: 5,
  /** Utterances; a recall over fewer tells next to nothing. */
  smallSpeaker: 10,
  /** Share of the utterances with votes. */
  outvoted: 0.01,
} as const;

const s = (n: number, noun: string) => `${n} ${noun}${n === 1 ? '' : 's'}`;
const percent = (share: number) => `${(100 * share).toFixed(share < 0.0995 ? 1 : 0)} %`;

/** Warnings that labels alone give. */
export function labelWarnings(
  corpus: Corpus,
  classes: readonly ClassDescription[],
  speakers: readonly SpeakerDescription[],
): CorpusWarning[] {
  const found: CorpusWarning[] = corpus.warnings.map((message) => ({ kind: 'reader', message }));
  const add = (kind: WarningKind, message: string, items?: string[]) =>
    found.push({ kind, message, ...(items ? { items } : {}) });

  const bySize = [...classes].sort((a, b) => a.utterances - b.utterances);
  const [smallest, largest] = [bySize[0]!, bySize.at(-1)!];
  if (largest.utterances >= LIMITS.imbalance * smallest.utterances) {
    add(
      'class-imbalance',
      `${largest.class} has ${largest.utterances} utterances, ${smallest.class} ${smallest.utterances}: WA mostly tells how well ` +
        'the large classes do, UA weighs all alike.',
    );
  }
  for (const one of classes.filter(({ speakers: n }) => n === 1)) {
    add(
      'class-of-one-speaker',
      `One speaker alone has ${one.class}: a fold that tests this speaker has none of it to train on.`,
    );
  }
  const lacking = speakers.filter((speaker) => Object.values(speaker.classes).includes(0));
  if (lacking.length > 0) {
    const named = lacking.slice(0, 3).map((speaker) => {
      const missing = Object.keys(speaker.classes).filter((name) => speaker.classes[name] === 0);
      return `${speaker.speaker} has no ${listSome(missing, 3)}`;
    });
    const rest = lacking.length > 3 ? `; and ${s(lacking.length - 3, 'more speaker')}` : '';
    add(
      'speaker-lacks-class',
      `${lacking.length} of ${speakers.length} speakers lack a class (${named.join('; ')}${rest}): UA is not defined for a fold ` +
        'that tests such speakers alone.',
      lacking.map(({ speaker }) => speaker),
    );
  }
  const small = speakers.filter(({ utterances }) => utterances < LIMITS.smallSpeaker);
  if (small.length > 0) {
    add(
      'small-speaker',
      `${s(small.length, 'speaker')} of ${speakers.length} ${small.length === 1 ? 'has' : 'have'} fewer than ${LIMITS.smallSpeaker} ` +
        `utterances (${listSome(
          small.map(({ speaker, utterances }) => `${speaker} ${utterances}`),
          4,
        )}): figures for such a speaker alone say little.`,
      small.map(({ speaker }) => speaker),
    );
  }
  const outvoted = outvotedUtterances(corpus.utterances);
  const judged = corpus.utterances.filter(({ votes }) => votes !== undefined).length;
  if (outvoted.length > LIMITS.outvoted * judged) {
    add(
      'outvoted-label',
      `${s(outvoted.length, 'utterance')} of ${judged} with votes ${outvoted.length === 1 ? 'carries' : 'carry'} a label that another class ` +
        `outvoted (${listSome(outvoted, 3)}).`,
      outvoted,
    );
  }
  return found;
}

/** Warnings that need the samples. */
export function audioWarnings(
  corpus: Corpus,
  audio: AudioDescription,
  classes: readonly ClassDescription[],
  heard: readonly Heard[],
): CorpusWarning[] {
  const found: CorpusWarning[] = [];
  const add = (kind: WarningKind, message: string, items?: string[]) =>
    found.push({ kind, message, ...(items ? { items } : {}) });
  /** A warning about the utterances that a test picks, if any; `what` follows their number and names. */
  const each = (kind: WarningKind, picks: (one: Heard) => boolean, what: (picked: Heard[]) => string) => {
    const picked = heard.filter(picks);
    if (picked.length === 0) return;
    const ids = picked.map(({ utterance }) => utterance.id);
    add(kind, `${s(picked.length, 'utterance')} (${listSome(ids, 3)}) ${what(picked)}`, ids);
  };
  const are = (picked: readonly unknown[]) => (picked.length === 1 ? 'is' : 'are');

  if (audio.bad.length > 0) {
    const named = audio.bad.slice(0, 3).map(({ id, reason }) => `${id}: ${reason}`);
    const rest = audio.bad.length > 3 ? `; and ${audio.bad.length - 3} more` : '';
    add(
      'bad-audio',
      `${s(audio.bad.length, 'file')} cannot be used (${named.join('; ')}${rest}). Training ends with this list, or leaves them ` +
        'out with --on-bad-audio skip.',
      audio.bad.map(({ id }) => id),
    );
  }
  const complaints = (one: Heard) =>
    (one.entry.warnings ?? []).filter((warning) => !warning.startsWith('clipped'));
  each(
    'decoded-with-complaint',
    (one) => complaints(one).length > 0,
    (picked) =>
      `${picked.length === 1 ? 'was' : 'were'} decoded with a complaint: ${complaints(picked[0]!)[0]}.`,
  );
  each(
    'near-silence',
    ({ level }) => level < LIMITS.nearSilence,
    (picked) => `${are(picked)} near silence: below ${levelOf(LIMITS.nearSilence)} dBFS.`,
  );
  each(
    'clipping',
    ({ measured }) => measured.clipped >= LIMITS.clipped,
    (picked) => {
      const shared = picked.length / heard.length;
      return `${are(picked)} clipped: the wave stays at its extreme for three samples or more${shared >= 0.01 ? `. That is ${percent(shared)} of the corpus` : ''}.`;
    },
  );
  each(
    'short',
    ({ seconds }) => seconds < LIMITS.short,
    (picked) => `last${picked.length === 1 ? 's' : ''} less than ${LIMITS.short} s.`,
  );
  each(
    'long',
    ({ seconds }) => seconds > LIMITS.long,
    (picked) =>
      `last${picked.length === 1 ? 's' : ''} more than ${LIMITS.long} s: more than one emotion has room there.`,
  );
  each(
    'offset',
    ({ measured }) => Math.abs(measured.offset) > LIMITS.offset,
    (picked) =>
      `${picked.length === 1 ? 'has' : 'have'} a DC offset above ${percent(LIMITS.offset)} of full scale, which adds to the measured energy.`,
  );
  const silent = audio.silence.leading + audio.silence.trailing;
  if (silent > LIMITS.silence) {
    add(
      'silence',
      `${percent(silent)} of the audio lies before the first sound (${percent(audio.silence.leading)}) or after the last ` +
        `(${percent(audio.silence.trailing)}). The setting trim leaves it out of training.`,
    );
  }
  if (audio.duplicates.length > 0) found.push(duplicateWarning(corpus, audio.duplicates));
  found.push(...rateWarnings(audio, heard), ...shortcutWarnings(audio, classes));
  return found;
}

function duplicateWarning(corpus: Corpus, duplicates: readonly string[][]): CorpusWarning {
  const byId = new Map(corpus.utterances.map((utterance) => [utterance.id, utterance]));
  const distinct = (ids: readonly string[], key: 'speaker' | 'emotion') =>
    new Set(ids.map((id) => byId.get(id)![key])).size;
  const speakers = duplicates.filter((ids) => distinct(ids, 'speaker') > 1).length;
  const labels = duplicates.filter((ids) => distinct(ids, 'emotion') > 1).length;
  const more = [
    ...(speakers > 0 ? [`${speakers} under several speakers, which a fold must not part`] : []),
    ...(labels > 0 ? [`${labels} under several labels`] : []),
  ];
  return {
    kind: 'duplicate',
    message:
      `${duplicates.length === 1 ? 'One recording occurs' : `${duplicates.length} recordings occur`} more than once, equal sample for sample ` +
      `(${listSome(
        duplicates.map((ids) => ids.join(' = ')),
        2,
      )})${more.length > 0 ? `; ${more.join(', ')}` : ''}.`,
    items: duplicates.flat(),
  };
}

/** Several rates are harmless by themselves; a class or speaker that has a rate of its own can be told by it. */
function rateWarnings(audio: AudioDescription, heard: readonly Heard[]): CorpusWarning[] {
  const rates = Object.entries(audio.sourceRates).filter(([rate]) => rate !== 'unknown');
  const low = heard.filter(({ entry }) => (entry.sourceRate ?? Infinity) < LIMITS.sourceRate);
  if (rates.length < 2 && low.length === 0) return [];
  const hertz = (rate: string | number) => `${Number(rate) / 1000} kHz`;
  const parts: string[] = [];
  if (rates.length > 1) {
    parts.push(
      `The sources have ${rates.length} sampling rates: ${rates.map(([rate, n]) => `${hertz(rate)} ${n}`).join(', ')}.`,
    );
    const byClass = [...groupBy(heard, ({ utterance }) => utterance.emotion)].map(([name, own]) => {
      const shares = countBy(own, rateOf);
      return { name, shares: rates.map(([rate]) => (shares.get(rate) ?? 0) / own.length) };
    });
    const apart = Math.max(
      ...rates.map((_, r) => {
        const shares = byClass.map(({ shares }) => shares[r]!);
        return Math.max(...shares) - Math.min(...shares);
      }),
    );
    if (apart > 0.2) {
      parts.push(
        `Classes differ in them by up to ${percent(apart)}, so a model may tell classes by the missing upper band alone.`,
      );
    }
  }
  if (low.length > 0) {
    parts.push(
      `${s(low.length, 'utterance')} ${low.length === 1 ? 'comes' : 'come'} from less than ${hertz(LIMITS.sourceRate)} and ` +
        `${low.length === 1 ? 'has' : 'have'} no sound in the upper part of the band (${listSome(
          low.map(({ utterance }) => utterance.id),
          3,
        )}).`,
    );
  }
  return [
    {
      kind: 'sampling-rate',
      message: parts.join(' '),
      ...(low.length > 0 ? { items: low.map(({ utterance }) => utterance.id) } : {}),
    },
  ];
}

function shortcutWarnings(
  { shortcuts }: AudioDescription,
  classes: readonly ClassDescription[],
): CorpusWarning[] {
  const { level, length, chance } = shortcuts;
  const found: CorpusWarning[] = [];
  const range = (of: (one: ClassDescription) => number | undefined) => {
    const sorted = classes
      .flatMap((one) => {
        const value = of(one);
        return value === undefined ? [] : { name: one.class, value };
      })
      .sort((a, b) => a.value - b.value);
    return { low: sorted[0]!, high: sorted.at(-1)! };
  };
  const guessed = (ua: number) =>
    `guessing the class of an unheard speaker from it alone gives a UA of ${percent(ua)} (chance ${percent(chance)})`;
  if (level !== null && level >= LIMITS.shortcut * chance) {
    const { low, high } = range((one) => one.level?.mean);
    found.push({
      kind: 'level-tells-class',
      message:
        `Level differs by class, from ${levelOf(low.value)} dBFS (${low.name}) to ${levelOf(high.value)} (${high.name}): ` +
        `${guessed(level)}. A model that learns this fails where the distance to the microphone changes.`,
    });
  }
  if (length !== null && length >= LIMITS.shortcut * chance) {
    const { low, high } = range((one) => one.seconds?.mean);
    found.push({
      kind: 'length-tells-class',
      message:
        `Length differs by class, from ${low.value.toFixed(2)} s (${low.name}) to ${high.value.toFixed(2)} s (${high.name}): ` +
        `${guessed(length)}.`,
    });
  }
  return found;
}
