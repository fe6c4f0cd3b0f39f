import { columnsOf, fittedTable, sparkline, wrap } from '../lib/text-layout.js';

const COLUMNS = [
  { title: 'name', cut: true },
  { title: 'n', align: 'right' },
  { title: 'first to go', optional: 2 },
  { title: 'second', optional: 1 },
] as const;
const ROWS = [
  ['anna', '7', 'x', 'y'],
  ['someone with a long name', '123', 'x', 'y'],
];

describe('fittedTable', () => {
  it('aligns columns under their titles without spaces at the end', () => {
    expect(fittedTable(COLUMNS, ROWS, 80)).toEqual([
      'name                        n  first to go  second',
      'anna                        7  x            y',
      'someone with a long name  123  x            y',
    ]);
  });
  it('leaves out optional columns, then cuts the one that may be cut', () => {
    expect(fittedTable(COLUMNS, ROWS, 40)[0]).toBe('name                        n  second');
    expect(fittedTable(COLUMNS, ROWS, 20)).toEqual([
      'name               n',
      'anna               7',
      'someone with a\u2026  123',
    ]);
    for (const width of [60, 40, 30, 20, 14]) {
      for (const line of fittedTable(COLUMNS, ROWS, width))
        expect(columnsOf(line)).toBeLessThanOrEqual(width);
    }
  });
  it('counts East Asian characters as two columns', () => {
    expect(columnsOf('\u4e2d\u6587')).toBe(4);
    const [, first, second] = fittedTable(
      [{ title: 'a' }, { title: 'b' }],
      [
        ['\u4e2d\u6587', '1'],
        ['abcd', '2'],
      ],
      80,
    );
    expect(columnsOf(first!)).toBe(columnsOf(second!));
  });
});

describe('wrap', () => {
  it('keeps within the width, keeps long words whole, and keeps spaces at the beginning', () => {
    expect(wrap('a bb ccc dddddddddd', 6)).toEqual(['a bb', '  ccc', '  dddddddddd']);
    expect(wrap('   3  files left', 11, '      ')).toEqual(['   3  files', '      left']);
    expect(wrap('', 10)).toEqual(['']);
  });
  it('does not part a number from its unit', () => {
    expect(wrap('lasts 12 s', 8)).toEqual(['lasts', '  12 s']);
    expect(wrap('all of 1 h 05 min', 12)).toEqual(['all of', '  1 h 05 min']);
  });
});

test('sparkline is as long as its counts and empty where they are', () => {
  expect(sparkline([0, 1, 8])).toBe(' \u2582\u2588');
  expect(sparkline([])).toBe('');
});
