import { neighbourAgreement, placeInPlane } from '../../lib/explain/embedding-map.js';
import { Random } from '../../lib/random/philox.js';

/** Three clouds of 12 points in 8 dimensions. */
function clouds(): { embeddings: Float32Array; labels: number[] } {
  const random = new Random({ seed: 3, stream: 'test' });
  const labels = Array.from({ length: 36 }, (_, i) => i % 3);
  const embeddings = Float32Array.from({ length: 36 * 8 }, (_, i) => {
    const label = labels[Math.floor(i / 8)]!;
    return 0.2 * random.normal() + (i % 8 === label ? 4 : 0);
  });
  return { embeddings, labels };
}

test('points of a cloud stay together, within the unit square', () => {
  const { embeddings, labels } = clouds();
  const places = placeInPlane(embeddings, 8, { seed: 1, fold: 1 });
  expect(places).toHaveLength(36);
  for (const value of places.flat()) {
    expect(value).toBeGreaterThanOrEqual(0);
    expect(value).toBeLessThanOrEqual(1);
  }
  const flat = Float32Array.from(places.flat());
  expect(neighbourAgreement(flat, 2, labels).agreement).toBeGreaterThan(0.95);
});

test('the same seed and fold give the same places, others do not', () => {
  const embeddings = clouds().embeddings.subarray(0, 15 * 8);
  const places = placeInPlane(embeddings, 8, { seed: 1, fold: 1 });
  expect(placeInPlane(embeddings, 8, { seed: 1, fold: 1 })).toEqual(places);
  expect(placeInPlane(embeddings, 8, { seed: 1, fold: 2 })).not.toEqual(places);
});

test('few points, equal points', () => {
  const few = Float32Array.from({ length: 8 * 4 }, (_, i) => Math.sin(i));
  expect(placeInPlane(few, 4, { seed: 1, fold: 1 }).flat().every(Number.isFinite)).toBe(true);
  const equal = placeInPlane(new Float32Array(12 * 4).fill(0.5), 4, { seed: 1, fold: 1 });
  expect(equal.flat().every(Number.isFinite)).toBe(true);
});

test('agreement is the share of nearest neighbours of the same class', () => {
  const { embeddings, labels } = clouds();
  expect(neighbourAgreement(embeddings, 8, labels)).toEqual({ agreement: 1, neighbours: 10 });
  // Two points of two classes: the only neighbour of each is of the other.
  expect(neighbourAgreement(Float32Array.of(0, 1), 1, [0, 1])).toEqual({ agreement: 0, neighbours: 1 });
  // On a line 0 1 2 10 with classes a a b b and one neighbour it would be a-a, a-a or a-b: by hand with all three.
  const { agreement } = neighbourAgreement(Float32Array.of(0, 1, 2, 10), 1, [0, 0, 1, 1]);
  expect(agreement).toBeCloseTo(1 / 3, 12);
});
