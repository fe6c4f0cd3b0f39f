/** Bootstrap resamples of speakers: how often each is drawn. */
import { Random } from '../random/philox.js';

export interface Resamples {
  count: number;
  /** count x G, row-major: how often resample b holds speaker g; a row sums to G. */
  weights: Uint16Array;
}

/** `count` draws of `speakers` speakers with replacement; equal seeds give equal draws. */
export function drawResamples(speakers: number, count: number, seed: number): Resamples {
  const random = new Random({ seed, stream: 'speaker-bootstrap' });
  const weights = new Uint16Array(count * speakers);
  for (let b = 0; b < count; ++b) {
    for (let draw = 0; draw < speakers; ++draw) weights[b * speakers + random.below(speakers)]! += 1;
  }
  return { count, weights };
}
