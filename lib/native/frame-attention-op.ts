/** Frame-level attention pooling (FLAM). */
import type { Floats, FrameAttentionResult } from '../../bindings.js';
import { argumentError, checkFloats, checkInteger, checkObject, checkSize } from './op-arguments.js';
import { type OpOptions, withEngine } from './op-engine.js';

/** Shapes: B utterances, T_i frames each, width D. All float arrays are of one type, which decides the precision. */
export interface FrameAttentionArguments<T extends Floats = Floats> {
  /** F, frames of all utterances one after the other, sum(T) x D. */
  frames: T;
  /** Frames of each utterance. B. */
  lengths: Int32Array | readonly number[];
  /** Self-attention heads; must divide D. Default: the largest divisor of D up to 16. */
  heads?: number;
  /** Rows for q, k, v in this order, 3D x D. */
  inputWeight: T;
  /** 3D. */
  inputBias: T;
  /** D x D. */
  outputWeight: T;
  /** D. */
  outputBias: T;
  /** v, D. */
  score: T;
  /** Gradient of an objective with respect to `pooled`, B x D. Default: ones, the gradient of its sum. */
  upstream?: T;
}

/**
 * H = F + MSA(F); w = softmax_T(H v); z = sum_t w_t H_t, within each utterance (Wang et al., arXiv 2512.04551).
 *
 * @returns z (`pooled`, B x D), w (`weights`, sum(T)) and the gradients of sum(upstream * z), in the precision of the arrays
 * @throws UsageError (`E_ARGUMENT`) that names the argument
 */
export async function frameAttention<T extends Floats>(
  request: FrameAttentionArguments<T>,
  options: OpOptions = {},
): Promise<FrameAttentionResult> {
  checkObject('the argument of frameAttention', request);
  const { frames, inputWeight, inputBias, outputWeight, outputBias, score, upstream } = request;
  checkFloats({ frames, inputWeight, inputBias, outputWeight, outputBias, score, upstream }, ['upstream']);
  const width = score.length;
  if (width === 0) throw argumentError('score', 'of D elements', score);
  const lengths = toLengths(request.lengths);
  const total = lengths.reduce((sum, length) => sum + length, 0);
  checkSize('frames', frames, 'sum(lengths) x D', total * width);
  checkSize('inputWeight', inputWeight, '3D x D', 3 * width * width);
  checkSize('inputBias', inputBias, '3D', 3 * width);
  checkSize('outputWeight', outputWeight, 'D x D', width * width);
  checkSize('outputBias', outputBias, 'D', width);
  if (upstream) checkSize('upstream', upstream, 'B x D', lengths.length * width);
  const heads = request.heads ?? defaultHeads(width);
  checkInteger('heads', heads, 1, width);
  if (width % heads !== 0) throw argumentError('heads', `a divisor of D = ${width}`, heads);
  return withEngine(options, (engine) =>
    engine.frameAttention(
      { frames, lengths, width, heads, inputWeight, inputBias, outputWeight, outputBias, score, upstream },
      options,
    ),
  );
}

function toLengths(lengths: Int32Array | readonly number[]): Int32Array {
  const known: unknown = lengths;
  if (!Array.isArray(known) && Object.prototype.toString.call(known) !== '[object Int32Array]') {
    throw argumentError('lengths', 'an Int32Array or an array of integers', known);
  }
  if (lengths.length === 0) throw argumentError('lengths', 'of at least one utterance', lengths);
  lengths.forEach((length, row) => {
    checkInteger(`lengths[${row}]`, length, 1, 0x7fffffff);
  });
  return Int32Array.from(lengths);
}

/** The largest divisor of `width` up to 16. */
function defaultHeads(width: number): number {
  let heads = Math.min(16, width);
  while (width % heads !== 0) heads--;
  return heads;
}
