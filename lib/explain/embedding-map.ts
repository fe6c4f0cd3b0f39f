/** Held-out utterances as points in the plane: UMAP of the embeddings that one fold's model gives them. */
import { UMAP } from 'umap-js';
import { Random } from '../random/philox.js';

/** UMAP's own default; smaller sets have fewer to offer. */
const NEIGHBOURS = 15;
/** Neighbours that `agreement` looks at. */
const AGREEMENT_NEIGHBOURS = 10;
/** Passes of UMAP's layout: more no longer move points of a few hundred. */
const EPOCHS = 200;
/** Fewer points make no map. */
export const FEWEST_POINTS = 8;

/**
 * Places embeddings in the unit square so that near ones stay near. Equal input and seed give equal places.
 *
 * @param embeddings n x width, row-major, n at least FEWEST_POINTS
 * @returns x and y of each, in [0, 1], rounded to three decimals
 */
export function placeInPlane(
  embeddings: Float32Array,
  width: number,
  key: { seed: number; fold: number },
): [x: number, y: number][] {
  const n = embeddings.length / width;
  const rows = Array.from({ length: n }, (_, i) =>
    Array.from(embeddings.subarray(i * width, (i + 1) * width)),
  );
  const umap = new UMAP({
    nNeighbors: Math.min(NEIGHBOURS, n - 1),
    nEpochs: EPOCHS,
    random: fastUniform(new Random({ ...key, stream: 'embedding-map' }).uint32()),
  });
  const places = umap.fit(rows);
  const x = toUnit(places.map((place) => place[0]!));
  const y = toUnit(places.map((place) => place[1]!));
  return x.map((value, i) => [value, y[i]!]);
}

function toUnit(values: readonly number[]): number[] {
  const low = values.reduce((a, b) => Math.min(a, b));
  const high = values.reduce((a, b) => Math.max(a, b));
  return values.map((value) => (high > low ? Math.round((1000 * (value - low)) / (high - low)) / 1000 : 0.5));
}

/** SplitMix32 in [0, 1): UMAP draws tens of millions of times, and none of its draws has to be found again by name. */
function fastUniform(seed: number): () => number {
  let state = seed | 0;
  return () => {
    state = (state + 0x9e3779b9) | 0;
    let z = state;
    z = Math.imul(z ^ (z >>> 16), 0x21f0aaad);
    z = Math.imul(z ^ (z >>> 15), 0x735a2d97);
    return ((z ^ (z >>> 15)) >>> 0) / 0x1_0000_0000;
  };
}

/**
 * How well classes keep together in the space itself, which a picture in the plane cannot be trusted to show: the share of
 * each utterance's nearest neighbours (Euclidean) that are of its class, on average.
 *
 * @param labels class ids, n
 */
export function neighbourAgreement(
  embeddings: Float32Array,
  width: number,
  labels: readonly number[],
): { agreement: number; neighbours: number } {
  const n = labels.length;
  const neighbours = Math.min(AGREEMENT_NEIGHBOURS, n - 1);
  let same = 0;
  for (let i = 0; i < n; i++) {
    const distances: [distance: number, other: number][] = [];
    for (let other = 0; other < n; other++) {
      if (other === i) continue;
      let distance = 0;
      for (let d = 0; d < width; d++)
        distance += (embeddings[i * width + d]! - embeddings[other * width + d]!) ** 2;
      distances.push([distance, other]);
    }
    distances.sort((a, b) => a[0] - b[0] || a[1] - b[1]);
    for (const [, other] of distances.slice(0, neighbours)) if (labels[other] === labels[i]) same++;
  }
  return { agreement: same / (n * neighbours), neighbours };
}
