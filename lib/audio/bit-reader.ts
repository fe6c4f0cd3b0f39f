// Bound once: where globals are looked up through a sandbox, as in a test runner, each call would cost a microsecond.
const { clz32 } = Math;

/** Big-endian bits of a byte array, as FLAC packs them. Past the end it reads zeros and says so in `exhausted`. */
export class BitReader {
  readonly #bytes: Uint8Array;
  /** Byte and bit apart: a bit index alone would leave 32 bits, and V8's fast integers, at 512 MiB. */
  #byte: number;
  #bit = 0;

  constructor(bytes: Uint8Array, byte: number) {
    this.#bytes = bytes;
    this.#byte = byte;
  }

  /** Bytes begun so far. */
  get byte(): number {
    return this.#bit > 0 ? this.#byte + 1 : this.#byte;
  }

  get exhausted(): boolean {
    return this.#byte > this.#bytes.length;
  }

  /** Skips to the next whole byte. */
  align(): void {
    if (this.#bit > 0) this.#byte++;
    this.#bit = 0;
  }

  /** Unsigned; 0 to 32 bits. */
  bits(count: number): number {
    if (count === 0) return 0;
    const value = peek(this.#bytes, this.#byte, this.#bit) >>> (32 - count);
    this.#skip(count);
    return value;
  }

  /** Two's complement; 1 to 33 bits. */
  signed(count: number): number {
    if (count > 32) {
      const high = this.signed(count - 32);
      return high * 2 ** 32 + this.bits(32);
    }
    const value = peek(this.#bytes, this.#byte, this.#bit) >> (32 - count);
    this.#skip(count);
    return value;
  }

  /** Zeros before the next one. */
  unary(): number {
    let zeros = 0;
    while (!this.exhausted) {
      const word = peek(this.#bytes, this.#byte, this.#bit);
      if (word !== 0) {
        const run = clz32(word);
        this.#skip(run + 1);
        return zeros + run;
      }
      zeros += 32;
      this.#skip(32);
    }
    return zeros;
  }

  /**
   * Rice codes: a quotient in unary, `parameter` bits of remainder, the sign in the lowest bit. One loop on local
   * variables, since nearly all of a file's bits pass through here.
   */
  rice(output: Float64Array, from: number, to: number, parameter: number): void {
    const bytes = this.#bytes;
    const divisor = 2 ** parameter;
    let byte = this.#byte;
    let bit = this.#bit;
    for (let i = from; i < to; i++) {
      let word = peek(bytes, byte, bit);
      let quotient = 0;
      while (word === 0) {
        byte += 4;
        quotient += 32;
        if (byte > bytes.length) {
          this.#byte = byte;
          return;
        }
        word = peek(bytes, byte, bit);
      }
      const run = clz32(word);
      quotient += run;
      bit += run + 1;
      byte += bit >> 3;
      bit &= 7;
      let remainder = 0;
      if (parameter > 0) {
        remainder = peek(bytes, byte, bit) >>> (32 - parameter);
        bit += parameter;
        byte += bit >> 3;
        bit &= 7;
      }
      // In doubles: the folded value of a 32-bit source needs more than 32 bits.
      const folded = quotient * divisor + remainder;
      output[i] = remainderIsOdd(folded) ? -(folded + 1) / 2 : folded / 2;
    }
    this.#byte = byte;
    this.#bit = bit;
  }

  #skip(count: number): void {
    const bit = this.#bit + count;
    this.#byte += bit >> 3;
    this.#bit = bit & 7;
  }
}

function remainderIsOdd(value: number): boolean {
  return value % 2 === 1;
}

/** The 32 bits from a position on, as a signed integer; bits beyond the array are zero (`undefined` shifts as 0). */
function peek(bytes: Uint8Array, byte: number, bit: number): number {
  const word = (bytes[byte]! << 24) | (bytes[byte + 1]! << 16) | (bytes[byte + 2]! << 8) | bytes[byte + 3]!;
  return bit === 0 ? word : (word << bit) | (bytes[byte + 4]! >> (8 - bit));
}
