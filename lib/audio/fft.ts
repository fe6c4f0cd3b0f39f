/** Fast Fourier transform of a fixed length, with its tables made once. */

export class Fft {
  readonly length: number;
  readonly #cosine: Float64Array;
  readonly #sine: Float64Array;
  readonly #reversed: Uint32Array;

  /** @param length a power of two */
  constructor(length: number) {
    if (length < 2 || (length & (length - 1)) !== 0)
      throw new RangeError(`the length must be a power of two, got ${length}`);
    this.length = length;
    this.#cosine = Float64Array.from({ length: length / 2 }, (_, k) => Math.cos((2 * Math.PI * k) / length));
    this.#sine = Float64Array.from({ length: length / 2 }, (_, k) => -Math.sin((2 * Math.PI * k) / length));
    const bits = Math.log2(length);
    this.#reversed = new Uint32Array(length);
    for (let i = 0; i < length; i++) {
      let reversed = 0;
      for (let bit = 0; bit < bits; bit++) reversed |= ((i >> bit) & 1) << (bits - 1 - bit);
      this.#reversed[i] = reversed;
    }
  }

  /** In place, radix 2, unscaled. */
  transform(real: Float64Array, imaginary: Float64Array): void {
    const n = this.length;
    for (let i = 0; i < n; i++) {
      const j = this.#reversed[i]!;
      if (i >= j) continue;
      const re = real[i]!;
      const im = imaginary[i]!;
      real[i] = real[j]!;
      imaginary[i] = imaginary[j]!;
      real[j] = re;
      imaginary[j] = im;
    }
    for (let size = 2; size <= n; size <<= 1) {
      const half = size >> 1;
      const step = n / size;
      for (let start = 0; start < n; start += size) {
        for (let k = 0, table = 0; k < half; k++, table += step) {
          const a = start + k;
          const b = a + half;
          const cosine = this.#cosine[table]!;
          const sine = this.#sine[table]!;
          const re = real[b]! * cosine - imaginary[b]! * sine;
          const im = real[b]! * sine + imaginary[b]! * cosine;
          real[b] = real[a]! - re;
          imaginary[b] = imaginary[a]! - im;
          real[a] = real[a]! + re;
          imaginary[a] = imaginary[a]! + im;
        }
      }
    }
  }
}
