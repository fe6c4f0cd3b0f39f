import { joinSeeds, seedsOf, withFirstSeed } from '../../lib/config/seeds.js';

describe('seedsOf', () => {
  it('counts from seed, or takes the list, once each and ascending', () => {
    expect(seedsOf({ seed: 5, seeds: 3 })).toEqual([5, 6, 7]);
    expect(seedsOf({ seed: 1, seeds: [9, 2, 9] })).toEqual([2, 9]);
    expect(seedsOf({ seed: 4 })).toEqual([4]);
  });

  it('makes the first of a list the seed', () => {
    expect(withFirstSeed({ seed: 1, seeds: [9, 2] }).seed).toBe(2);
    expect(withFirstSeed({ seed: 3, seeds: 2 }).seed).toBe(3);
  });
});

describe('joinSeeds', () => {
  it('adds to the seeds that a run has', () => {
    expect(joinSeeds({ seed: 1 }, 3)).toEqual([1, 2, 3]);
    expect(joinSeeds({ seed: 4, seeds: [4, 6] }, [1])).toEqual([1, 4, 6]);
  });

  it('leaves a run of one seed as it is', () => {
    expect(joinSeeds({ seed: 2 }, 1)).toBe(1);
  });
});
