/** Every operation that has an implementation of ours, timed beside its plain composite on the engine's device. */
import type { SerEngine } from '../native/engine.js';
import { median, quartiles } from './quartiles.js';
import type { BenchPrecision, KernelTime, KernelTiming } from './types.js';

/** Of one operation and direction, unless it needs more for three samples. */
const SECONDS = 2;

/**
 * @param lengths samples of the utterances that the operations are given, at least three
 * @returns the timings; what an operation failed with is told to `onFailure` and leaves it out
 */
export async function timeKernels(
  engine: SerEngine,
  options: {
    lengths: readonly number[];
    precisions: readonly BenchPrecision[];
    repeats: number;
    signal?: AbortSignal;
    onOp?: (name: string, done: number, total: number) => void;
    onFailure: (name: string, error: Error) => void;
  },
): Promise<KernelTiming[]> {
  const { lengths, repeats, signal } = options;
  const timings: KernelTiming[] = [];
  const names = await engine.opNames({ signal });
  const all = options.precisions.flatMap((precision) => names.map((name) => ({ name, precision })));
  for (const [index, { name, precision }] of all.entries()) {
    options.onOp?.(`${name} ${precision}`, index, all.length);
    try {
      const timing = await engine.timeOp(
        { name, lengths: Int32Array.from(lengths), precision, repeats, seconds: SECONDS },
        { signal },
      );
      timings.push({
        name,
        shape: timing.shape,
        precision,
        forward: timed(timing.ownForward, timing.plainForward),
        backward: timing.ownBackward.length > 0 ? timed(timing.ownBackward, timing.plainBackward) : null,
        difference: Number.isNaN(timing.difference) ? null : timing.difference,
      });
    } catch (error) {
      if (signal?.aborted) throw error;
      options.onFailure(`${name} ${precision}`, error as Error);
    }
  }
  return timings;
}

function timed(own: Float64Array, plain: Float64Array): KernelTime {
  return {
    own: quartiles([...own]),
    plain: quartiles([...plain]),
    speedUp: median(Array.from(own, (seconds, turn) => plain[turn]! / seconds)),
  };
}
