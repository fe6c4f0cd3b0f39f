/**
 * Philox 4x32-10, a counter-based random generator (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011).
 *
 * Every random choice of a run is drawn from a stream that is named by what the choice is *about* (seed, fold, epoch,
 * stream, item), never by the order in which choices are made. Resuming a run, changing the number of workers or looking
 * at one utterance alone therefore repeats exactly the same draws.
 */

const M0 = 0xd2511f53;
const M1 = 0xcd9e8d57;
const W0 = 0x9e3779b9;
const W1 = 0xbb67ae85;

/** Taken out once: in a test's sandbox, a look-up of a global costs far more than the multiplication. */
const { floor, imul } = Math;

/** High and low 32 bits of the product of two unsigned 32-bit integers. */
function mulhilo(a: number, b: number): [high: number, low: number] {
  const aLow = a & 0xffff;
  const aHigh = a >>> 16;
  const bLow = b & 0xffff;
  const bHigh = b >>> 16;
  const lowLow = aLow * bLow;
  const cross = aHigh * bLow + (lowLow >>> 16);
  const cross2 = aLow * bHigh + (cross & 0xffff);
  const high = aHigh * bHigh + floor(cross / 0x10000) + floor(cross2 / 0x10000);
  return [high >>> 0, imul(a, b) >>> 0];
}

/** One block of Philox 4x32-10: four 32-bit words from a 128-bit counter and a 64-bit key. */
export function philox4x32(
  counter: readonly [number, number, number, number],
  key: readonly [number, number],
): [number, number, number, number] {
  let [c0, c1, c2, c3] = counter;
  let [k0, k1] = key;
  for (let round = 0; round < 10; round++) {
    const [high0, low0] = mulhilo(M0, c0);
    const [high1, low1] = mulhilo(M1, c2);
    c0 = (high1 ^ c1 ^ k0) >>> 0;
    c1 = low1;
    c2 = (high0 ^ c3 ^ k1) >>> 0;
    c3 = low0;
    k0 = (k0 + W0) >>> 0;
    k1 = (k1 + W1) >>> 0;
  }
  return [c0 >>> 0, c1 >>> 0, c2 >>> 0, c3 >>> 0];
}

/** 32-bit FNV-1a of a string's UTF-16 code units: turns stream names and utterance ids into counter words. */
export function hash32(text: string): number {
  let hash = 0x811c9dc5;
  for (let index = 0; index < text.length; index++) {
    const unit = text.charCodeAt(index);
    hash = imul(hash ^ (unit & 0xff), 0x01000193);
    hash = imul(hash ^ (unit >>> 8), 0x01000193);
  }
  return hash >>> 0;
}

/** What a stream of draws is about. */
export interface StreamKey {
  seed: number;
  /** What is drawn, e.g. `mix`, `shuffle`, `specaugment`. */
  stream: string;
  fold?: number;
  epoch?: number;
  /** Usually an utterance id. */
  item?: string;
}

/** A stream of draws; two streams with equal keys give equal draws. */
export class Random {
  readonly #key: [number, number];
  readonly #counter: [number, number, number, number];
  #block: number[] = [];

  constructor(key: StreamKey) {
    if (!Number.isSafeInteger(key.seed) || key.seed < 0) {
      throw new RangeError(`seed must be a non-negative safe integer, got ${key.seed}`);
    }
    const seedLow = key.seed >>> 0;
    const seedHigh = Math.floor(key.seed / 0x1_0000_0000) >>> 0;
    this.#key = [seedLow, (seedHigh ^ hash32(key.stream)) >>> 0];
    const place = (((key.fold ?? 0) & 0xffff) << 16) | ((key.epoch ?? 0) & 0xffff);
    this.#counter = [0, place >>> 0, hash32(key.item ?? ''), hash32(`${key.stream}/${key.item ?? ''}`)];
  }

  /** Uniform in [0, 2^32). */
  uint32(): number {
    if (this.#block.length === 0) {
      this.#block = philox4x32(this.#counter, this.#key);
      this.#counter[0] = (this.#counter[0] + 1) >>> 0;
    }
    return this.#block.shift()!;
  }

  /** Uniform in [0, 1) with 53 random bits. */
  uniform(): number {
    const high = this.uint32() >>> 5;
    const low = this.uint32() >>> 6;
    return (high * 0x4000000 + low) / 0x20000000000000;
  }

  /** Uniform in [low, high). */
  range(low: number, high: number): number {
    return low + (high - low) * this.uniform();
  }

  /** Uniform integer in {0, ..., n - 1}, n at most 2^32; without modulo bias. */
  below(n: number): number {
    if (!Number.isInteger(n) || n < 1 || n > 0x1_0000_0000)
      throw new RangeError(`n must be in 1..2^32, got ${n}`);
    const limit = 0x1_0000_0000 - (0x1_0000_0000 % n);
    for (;;) {
      const draw = this.uint32();
      if (draw < limit) return draw % n;
    }
  }

  /** Standard normal draw (Box-Muller; one of the pair is dropped so that every draw costs the same). */
  normal(): number {
    const radius = Math.sqrt(-2 * Math.log(1 - this.uniform()));
    return radius * Math.cos(2 * Math.PI * this.uniform());
  }

  /** A shuffled copy (Fisher-Yates). */
  shuffled<T>(items: readonly T[]): T[] {
    const result = items.slice();
    for (let index = result.length - 1; index > 0; index--) {
      const other = this.below(index + 1);
      [result[index], result[other]] = [result[other]!, result[index]!];
    }
    return result;
  }
}
