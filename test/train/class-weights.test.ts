import { balancedWeights } from '../../lib/train/class-weights.js';

describe('balancedWeights', () => {
  it('gives every class the same total weight, and a mean of 1', () => {
    const labels = [0, 0, 0, 0, 0, 0, 1, 1, 2];
    const weights = balancedWeights(labels, 3);
    expect(weights).toEqual([9 / 18, 9 / 6, 9 / 3]);
    expect(labels.reduce((sum, label) => sum + weights[label]!, 0)).toBeCloseTo(9, 12);
  });

  it('has no weight for a class that the training part lacks', () => {
    expect(balancedWeights([0, 0, 2], 3)).toEqual([0.5, 0, 1]);
  });
});
