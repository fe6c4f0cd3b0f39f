/**
 * Recordings that are alike without being equal. Fingerprints are indexed by parts of their words; utterances that share
 * several of these at one shift are compared bit by bit there, so that thousands of utterances cost no comparison of all pairs.
 */

import { compareAt, type Fingerprint, fingerprint, SECONDS_PER_FRAME } from './fingerprint.js';
import type { NearDuplicate } from './types.js';

/** Share of the clear bits that may differ; docs/audit.md has the measurements. */
export const MAX_DISTANCE = 0.125;
/** Frames with sound in common, 0.4 s, and clear bits in them: below, agreement may be chance. */
const MIN_OVERLAP = 24;
const MIN_BITS = 200;
/** Of the shorter one's frames with sound: less is a phrase in common, not a recording. */
const MIN_SHARE = 0.6;
/** Equal keys at one shift before a pair is compared. */
const MIN_VOTES = 2;
/** A key is so many neighbouring bits of a word, from each of these bits on. */
const KEY_BITS = 20;
const KEY_STARTS = [0, 4, 8, 12] as const;
/** Of a key that many places have (a hum, a codec's silence), each looks at so many others. */
const MAX_PLACES = 400;
/** Shifts are counted from here, to be positive: half of more frames than any utterance has. */
const ZERO_SHIFT = 2 ** 19;

/** All frames with sound, sorted by one part of their words: the places of a key are neighbours. */
interface KeyIndex {
  start: number;
  /** First of each key in `sorted`; one more, for the end. */
  first: Uint32Array;
  /** Numbers of places. */
  sorted: Uint32Array;
}

interface Places {
  /** Number of the utterance, and frame in it, of each place. */
  owner: Uint32Array;
  frame: Uint32Array;
}

const keyOf = (word: number, start: number): number => (word >>> start) & (2 ** KEY_BITS - 1);

function placesOf(prints: readonly Fingerprint[]): Places {
  let count = 0;
  for (const { active } of prints) for (const one of active) count += one;
  const owner = new Uint32Array(count);
  const frame = new Uint32Array(count);
  let place = 0;
  for (const [number, { active }] of prints.entries()) {
    for (let i = 0; i < active.length; i++) {
      if (active[i] === 0) continue;
      owner[place] = number;
      frame[place] = i;
      place++;
    }
  }
  return { owner, frame };
}

/** A counting sort by the key that starts at one bit; places of a key stay in order. */
function indexBy(start: number, prints: readonly Fingerprint[], { owner, frame }: Places): KeyIndex {
  const first = new Uint32Array(2 ** KEY_BITS + 1);
  const sorted = new Uint32Array(owner.length);
  const keyAt = (place: number): number => keyOf(prints[owner[place]!]!.words[frame[place]!]!, start);
  for (let place = 0; place < owner.length; place++) first[keyAt(place) + 1]!++;
  for (let key = 0; key < 2 ** KEY_BITS; key++) first[key + 1]! += first[key]!;
  const next = first.slice();
  for (let place = 0; place < owner.length; place++) sorted[next[keyAt(place)]!++] = place;
  return { start, first, sorted };
}

/**
 * Pairs of recordings that hold the same sound.
 *
 * A copy is found at any level and shift, in any common format, resampled to 8 kHz and back, or cut to 60 % of its sound; not
 * played faster or slower, nor under other speech. Recordings of less than about half a second are not compared.
 *
 * @param sounds mono, at 16 kHz
 * @param onProgress told how many have been read
 */
export function findNearDuplicates(
  sounds: Iterable<{ id: string; samples: Int16Array }>,
  onProgress?: (done: number) => void,
): NearDuplicate[] {
  const ids: string[] = [];
  const prints: Fingerprint[] = [];
  for (const { id, samples } of sounds) {
    ids.push(id);
    prints.push(fingerprint(samples));
    onProgress?.(ids.length);
  }
  const places = placesOf(prints);
  const indexes = KEY_STARTS.map((start) => indexBy(start, prints, places));
  const sounding = prints.map(({ active }) => active.reduce((sum, one) => sum + one, 0));
  return prints.flatMap((print, number) =>
    [...candidates(number, print, indexes, places)].flatMap(([other, shifts]) => {
      const needed = Math.max(MIN_OVERLAP, MIN_SHARE * Math.min(sounding[number]!, sounding[other]!));
      const found = closest(print, prints[other]!, shifts, needed);
      return found ? [{ ids: [ids[number]!, ids[other]!] as [string, string], ...found }] : [];
    }),
  );
}

/** Later utterances that share keys with this one, and the shifts at which they share several. */
function candidates(
  number: number,
  { words, active }: Fingerprint,
  indexes: readonly KeyIndex[],
  { owner, frame }: Places,
): Map<number, Set<number>> {
  const votes = new Map<number, number>();
  for (let i = 0; i < words.length; i++) {
    if (active[i] === 0) continue;
    for (const { start, first, sorted } of indexes) {
      const key = keyOf(words[i]!, start);
      let place = after(sorted, first[key]!, first[key + 1]!, owner, number);
      const end = Math.min(first[key + 1]!, place + MAX_PLACES);
      for (; place < end; place++) {
        const at = sorted[place]!;
        const vote = owner[at]! * 2 * ZERO_SHIFT + frame[at]! - i + ZERO_SHIFT;
        votes.set(vote, (votes.get(vote) ?? 0) + 1);
      }
    }
  }
  const found = new Map<number, Set<number>>();
  for (const [vote, count] of votes) {
    // A shift of half a frame votes for both of its neighbours.
    if (count + Math.max(votes.get(vote - 1) ?? 0, votes.get(vote + 1) ?? 0) < MIN_VOTES) continue;
    const other = Math.floor(vote / (2 * ZERO_SHIFT));
    const shift = (vote % (2 * ZERO_SHIFT)) - ZERO_SHIFT;
    const shifts = found.get(other);
    if (shifts) shifts.add(shift);
    else found.set(other, new Set([shift]));
  }
  return found;
}

/** The first place of a key that belongs to a later utterance; places of a key are in the utterances' order. */
function after(sorted: Uint32Array, from: number, end: number, owner: Uint32Array, number: number): number {
  let low = from;
  let high = end;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (owner[sorted[middle]!]! > number) high = middle;
    else low = middle + 1;
  }
  return low;
}

/** The shift at which two agree best, where they agree at all. */
function closest(
  a: Fingerprint,
  b: Fingerprint,
  shifts: ReadonlySet<number>,
  needed: number,
): Omit<NearDuplicate, 'ids'> | undefined {
  let best: Omit<NearDuplicate, 'ids'> | undefined;
  for (const shift of shifts) {
    const { distance, bits, overlap } = compareAt(a, b, shift);
    if (overlap < needed || bits < MIN_BITS || distance > MAX_DISTANCE) continue;
    if (best === undefined || distance < best.distance)
      best = { distance, offset: shift * SECONDS_PER_FRAME, overlap: overlap * SECONDS_PER_FRAME };
  }
  return best;
}
