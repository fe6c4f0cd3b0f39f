import { likeliest, OTHER, scoreLines, sharedProbabilities } from '../../lib/evaluate/judgement.js';
import { changesOf, withIntervals } from '../../lib/evaluate/speaker-statistics.js';
import { scores } from '../../lib/metrics/index.js';

const known = ['neutral', 'happiness', 'surprise'];
const shared = ['neutral', 'happiness'];

describe('sharedProbabilities', () => {
  it('renormalises over the shared classes', () => {
    const result = sharedProbabilities([0.1, 0.3, 0.6], known, shared, 'renormalise');
    expect(result.neutral).toBeCloseTo(0.25, 12);
    expect(result.happiness).toBeCloseTo(0.75, 12);
    expect(likeliest(result)).toBe('happiness');
  });

  it('keeps what the model prefers outside them where that is an error', () => {
    expect(likeliest(sharedProbabilities([0.1, 0.3, 0.6], known, shared, 'error'))).toBe(OTHER);
    expect(likeliest(sharedProbabilities([0.1, 0.6, 0.3], known, shared, 'error'))).toBe('happiness');
  });

  it('has no other class where model and corpus have the same', () => {
    expect(sharedProbabilities([0.2, 0.8], shared, shared, 'error')).toEqual({
      neutral: 0.2,
      happiness: 0.8,
    });
  });

  it('prefers none where the model leaves nothing to the shared classes', () => {
    expect(sharedProbabilities([0, 0, 1], known, shared, 'renormalise')).toEqual({
      neutral: 0.5,
      happiness: 0.5,
    });
  });
});

const line = (id: number, label: string, predicted: string, speaker = `s${id % 3}`) => ({
  id: `u${id}`,
  speaker,
  label,
  predicted,
});

describe('scoreLines', () => {
  it('equals the plain scores where every prediction is of a shared class', () => {
    const lines = [
      line(1, 'neutral', 'neutral'),
      line(2, 'happiness', 'neutral'),
      line(3, 'neutral', 'happiness'),
    ];
    expect(scoreLines(lines, shared)).toEqual(scores([0, 1, 0], [0, 0, 1], 2));
  });

  it('counts predictions of other classes as errors, in no class of its own', () => {
    const lines = [
      line(1, 'neutral', 'neutral'),
      line(2, 'neutral', OTHER),
      line(3, 'happiness', 'happiness'),
      line(4, 'happiness', 'happiness'),
    ];
    const result = scoreLines(lines, shared);
    expect(result.wa).toBe(0.75);
    expect(result.ua).toBe(0.75);
    // F1 of neutral: precision 1, recall 1/2; of happiness 1.
    expect(result.mf1).toBeCloseTo((2 / 3 + 1) / 2, 12);
    expect(result.wf1).toBeCloseTo((2 / 3 + 1) / 2, 12);
    expect(result.confusion[0]).toEqual([1, 0, 1]);
  });
});

describe('intervals and changes', () => {
  const before = Array.from({ length: 60 }, (_, i) => {
    const label = shared[i % 2]!;
    return line(i, label, i % 5 === 0 ? shared[(i + 1) % 2]! : label, `s${i % 6}`);
  });

  it('gives figures an interval that holds them', () => {
    const result = withIntervals(before, shared);
    expect(result.wa).toBeCloseTo(0.8, 12);
    expect(result.ci95!.wa![0]).toBeLessThan(0.8);
    expect(result.ci95!.wa![1]).toBeGreaterThan(0.8);
  });

  it('gives the change over the same utterances, with other classes as errors', () => {
    const after = before.map((one, i) => (i % 4 === 0 ? { ...one, predicted: OTHER } : one));
    const { wa, ua } = changesOf(before, after, shared);
    const lost = before.filter((one, i) => i % 4 === 0 && one.predicted === one.label).length / 60;
    expect(wa!.difference).toBeCloseTo(-lost, 12);
    expect(ua!.difference).toBeLessThan(0);
    expect(wa!.ci95![0]).toBeLessThanOrEqual(-lost);
    expect(wa!.ci95![1]).toBeGreaterThanOrEqual(-lost);
    expect(changesOf(before, before, shared).wa).toMatchObject({ difference: 0, p: 1 });
  });

  it('has no UA where a class is missing, and no interval of a single speaker', () => {
    const neutral = before
      .filter(({ label }) => label === 'neutral')
      .map((one) => ({ ...one, speaker: 's' }));
    expect(withIntervals(neutral, shared)).toMatchObject({ ua: null, ci95: { ua: null, wa: null } });
    expect(changesOf(neutral, neutral, shared).ua).toBeNull();
  });
});
