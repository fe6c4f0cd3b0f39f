/** Power of a signal, as signal-to-noise ratios compare it. */
import type { Span } from './types.js';

/** Mean square over a span; 0 for an empty one. */
export function meanSquare(samples: ArrayLike<number>, [start, end]: Span): number {
  let sum = 0;
  for (let index = start; index < end; index++) sum += samples[index]! * samples[index]!;
  return end > start ? sum / (end - start) : 0;
}
