import { apart } from '../../lib/report/page/embedding-map.js';

describe('apart', () => {
  it('moves names a line apart wherever they lie, and comes to an end', () => {
    for (let k = 0; k < 2000; k++) {
      const y = k / 7 + 0.1;
      const names = ['anger', 'neutral', 'sadness'].map((name, i) => ({ name, x: 100 + i, y: y + i / 3 }));
      const ys = apart(names).map((label) => label.y);
      expect(ys[1]! - ys[0]!).toBeCloseTo(13, 6);
      expect(ys[2]! - ys[1]!).toBeCloseTo(13, 6);
    }
  });

  it('leaves names that are apart where they are', () => {
    const names = [
      { name: 'anger', x: 20, y: 50 },
      { name: 'sadness', x: 300, y: 50 },
    ];
    expect(apart(names.map((label) => ({ ...label })))).toEqual(names);
  });
});
