/** One channel of a FLAC frame (RFC 9639, 9.2): constant, verbatim, or predicted with a Rice-coded residual. */
import type { BitReader } from './bit-reader.js';

// Bound once: where globals are looked up through a sandbox, as in a test runner, each call would cost a microsecond.
const { floor } = Math;

/**
 * Reads one channel of a frame into `samples`, whose length is the block's.
 * @param depth bits of a sample, one more for a side channel
 * @returns false for codes that the format reserves: the data is damaged
 */
export function readSubframe(reader: BitReader, samples: Float64Array, depth: number): boolean {
  if (reader.bits(1) !== 0) return false;
  const type = reader.bits(6);
  const wasted = reader.bits(1) === 1 ? reader.unary() + 1 : 0;
  const bits = depth - wasted;
  if (bits <= 0) return false;
  if (type === 0) {
    samples.fill(reader.signed(bits));
  } else if (type === 1) {
    for (let i = 0; i < samples.length; i++) samples[i] = reader.signed(bits);
  } else if (type >= 8 && type <= 12) {
    if (!readPredicted(reader, samples, bits, type - 8)) return false;
  } else if (type >= 32) {
    if (!readPredicted(reader, samples, bits, type - 31, true)) return false;
  } else {
    return false;
  }
  if (wasted > 0) for (let i = 0; i < samples.length; i++) samples[i]! *= 2 ** wasted;
  return true;
}

/** The polynomial predictors of order 0 to 4, most recent sample first. */
const FIXED = [[], [1], [2, -1], [3, -3, 1], [4, -6, 4, -1]];

function readPredicted(
  reader: BitReader,
  samples: Float64Array,
  bits: number,
  order: number,
  lpc = false,
): boolean {
  if (order > samples.length) return false;
  for (let i = 0; i < order; i++) samples[i] = reader.signed(bits);
  let coefficients = FIXED[order]!;
  let scale = 1;
  if (lpc) {
    const precision = reader.bits(4) + 1;
    const shift = reader.signed(5);
    if (precision === 16 || shift < 0) return false;
    coefficients = [];
    for (let i = 0; i < order; i++) coefficients.push(reader.signed(precision));
    scale = 2 ** -shift;
  }
  if (!readResidual(reader, samples, order)) return false;
  const taps = Float64Array.from(coefficients);
  for (let i = order; i < samples.length; i++) {
    let sum = 0;
    for (let k = 0; k < order; k++) sum += taps[k]! * samples[i - 1 - k]!;
    samples[i]! += floor(sum * scale);
  }
  return true;
}

/** Rice-coded partitions, into `samples` from `order` on. */
function readResidual(reader: BitReader, samples: Float64Array, order: number): boolean {
  const method = reader.bits(2);
  if (method > 1) return false;
  const parameterBits = method === 0 ? 4 : 5;
  const escapeCode = (1 << parameterBits) - 1;
  const partitionOrder = reader.bits(4);
  const partitionSize = samples.length >> partitionOrder;
  if (partitionSize << partitionOrder !== samples.length || partitionSize < order) return false;
  for (let start = 0; start < samples.length; start += partitionSize) {
    const from = Math.max(order, start);
    const to = start + partitionSize;
    const parameter = reader.bits(parameterBits);
    if (parameter === escapeCode) {
      const width = reader.bits(5);
      for (let i = from; i < to; i++) samples[i] = width === 0 ? 0 : reader.signed(width);
    } else {
      reader.rice(samples, from, to, parameter);
    }
    if (reader.exhausted) return false;
  }
  return true;
}
