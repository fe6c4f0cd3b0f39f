/** FLAM as docs/method.md states it, in plain loops over doubles; values only. */

export interface FlamInput {
  frames: Float64Array;
  lengths: number[];
  width: number;
  heads: number;
  inputWeight: Float64Array;
  inputBias: Float64Array;
  outputWeight: Float64Array;
  outputBias: Float64Array;
  score: Float64Array;
}

/** z (B x D) and w (all frames) of H = F + MSA(F), w = softmax_T(H v), z = sum_t w_t H_t. */
export function flamReference(input: FlamInput): { pooled: Float64Array; weights: Float64Array } {
  const { width, lengths } = input;
  const pooled: number[] = [];
  const weights: number[] = [];
  let first = 0;
  for (const length of lengths) {
    const frames = rowsOf(input.frames.subarray(first * width, (first + length) * width), width);
    first += length;
    const attended = selfAttention(frames, input);
    const hidden = frames.map((frame, t) => frame.map((value, d) => value + attended[t]![d]!));
    const w = softmax(hidden.map((h) => dot(h, input.score)));
    weights.push(...w);
    for (let d = 0; d < width; d++)
      pooled.push(w.reduce((sum, weight, t) => sum + weight * hidden[t]![d]!, 0));
  }
  return { pooled: Float64Array.from(pooled), weights: Float64Array.from(weights) };
}

/** Multi-head self-attention of Vaswani et al. 2017 with one fused input projection. */
function selfAttention(frames: number[][], input: FlamInput): number[][] {
  const { width, heads } = input;
  const projected = frames.map((frame) => affine(frame, input.inputWeight, input.inputBias));
  const size = width / heads;
  const concatenated: number[][] = frames.map(() => []);
  for (let head = 0; head < heads; head++) {
    const part = (t: number, which: 0 | 1 | 2) =>
      projected[t]!.slice(which * width + head * size, which * width + (head + 1) * size);
    frames.forEach((_, t) => {
      const attention = softmax(frames.map((_, s) => dot(part(t, 0), part(s, 1)) / Math.sqrt(size)));
      for (let d = 0; d < size; d++) {
        concatenated[t]!.push(attention.reduce((sum, weight, s) => sum + weight * part(s, 2)[d]!, 0));
      }
    });
  }
  return concatenated.map((row) => affine(row, input.outputWeight, input.outputBias));
}

function affine(x: number[], weight: Float64Array, bias: Float64Array): number[] {
  return Array.from(bias, (b, row) => b + dot(x, weight.subarray(row * x.length, (row + 1) * x.length)));
}

function dot(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let sum = 0;
  for (let index = 0; index < a.length; index++) sum += a[index]! * b[index]!;
  return sum;
}

function softmax(values: number[]): number[] {
  const largest = Math.max(...values);
  const powers = values.map((value) => Math.exp(value - largest));
  const sum = powers.reduce((total, value) => total + value, 0);
  return powers.map((value) => value / sum);
}

function rowsOf(values: Float64Array, width: number): number[][] {
  return Array.from({ length: values.length / width }, (_, row) =>
    Array.from(values.subarray(row * width, (row + 1) * width)),
  );
}
