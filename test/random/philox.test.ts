import { philox4x32, Random } from '../../lib/random/philox.js';

describe('philox4x32', () => {
  // Known-answer vectors of the Random123 distribution (kat_vectors, philox4x32 with 10 rounds).
  it.each([
    [
      [0, 0, 0, 0],
      [0, 0],
      [0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8],
    ],
    [
      [0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff],
      [0xffffffff, 0xffffffff],
      [0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd],
    ],
    [
      [0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344],
      [0xa4093822, 0x299f31d0],
      [0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1],
    ],
  ])('matches the known answers', (counter, key, expected) => {
    expect(philox4x32(counter as [number, number, number, number], key as [number, number])).toEqual(
      expected,
    );
  });
});

describe('Random', () => {
  it('gives equal streams for equal keys and different ones otherwise', () => {
    const draw = (key: ConstructorParameters<typeof Random>[0]) => {
      const random = new Random(key);
      return Array.from({ length: 8 }, () => random.uint32());
    };
    const key = { seed: 1, stream: 'mix', fold: 1, epoch: 1, item: 'a' };
    expect(draw(key)).toEqual(draw({ ...key }));
    for (const change of [{ seed: 2 }, { stream: 'x' }, { fold: 2 }, { epoch: 2 }, { item: 'b' }]) {
      expect(draw({ ...key, ...change })).not.toEqual(draw(key));
    }
  });

  it('draws uniform, normal and bounded values with the right moments', () => {
    const random = new Random({ seed: 5, stream: 'moments' });
    const n = 20_000;
    let sum = 0;
    let normalSum = 0;
    let normalSquares = 0;
    const counts = new Array(7).fill(0);
    for (let i = 0; i < n; i++) {
      sum += random.uniform();
      const z = random.normal();
      normalSum += z;
      normalSquares += z * z;
      counts[random.below(7)]++;
    }
    expect(sum / n).toBeCloseTo(0.5, 1);
    expect(normalSum / n).toBeCloseTo(0, 1);
    expect(normalSquares / n).toBeCloseTo(1, 1);
    for (const count of counts) expect(Math.abs(count - n / 7)).toBeLessThan(250);
  });

  it('refuses a seed that is no non-negative safe integer', () => {
    expect(() => new Random({ seed: -1, stream: 'x' })).toThrow(RangeError);
    expect(() => new Random({ seed: 1.5, stream: 'x' })).toThrow(RangeError);
  });
});
