import { chosenCells, estimateSeconds, gridCells } from '../../lib/ablate/grid.js';
import { type AblationRow, ablationTable } from '../../lib/ablate/table.js';
import { renderAblationMarkdown } from '../../lib/ablate/table-markdown.js';
import { renderAblationPage } from '../../lib/ablate/table-page.js';
import { renderAblationText } from '../../lib/ablate/table-text.js';
import { cell, settings } from './cells.js';

const row = (rows: readonly AblationRow[], variant: string) =>
  rows.find((entry) => entry.variant === variant)!;

describe('ablationTable', () => {
  const cells = [
    cell('full', 1, 1, 'aabbaabb'),
    cell('full', 2, 1, 'aabbaaaa', 'aabbaabb', 'aabbaabb'),
    cell('mix-none', 1, 1, 'bbbbaabb'),
    cell('mix-none', 2, 1, 'aaaaaaaa'),
    cell('mix-lam', 2, 1, 'aabbaabb'),
  ];
  const table = ablationTable(settings([1, 2], [1]), cells);

  it('pools the cells of a row, and means over its folds', () => {
    const { figures } = row(table.rows, 'full');
    // 8 right of class a; of class b 4 + 2 of 8.
    expect(figures!.selected.ua.pooled).toBeCloseTo((1 + 6 / 8) / 2, 12);
    expect(figures!.selected.wa.pooled).toBeCloseTo(14 / 16, 12);
    expect(figures!.bestOnTest.ua.pooled).toBe(1);
    expect(figures!.selected.ua.overFolds.mean).toBeCloseTo((1 + 0.75) / 2, 12);
    expect(figures!.selected.ua.overFolds.std).toBeCloseTo(Math.SQRT1_2 * 0.25, 12);
  });

  it('compares with the full method on the cells that both have', () => {
    const none = row(table.rows, 'mix-none').against!.selected;
    expect(none).toMatchObject({ cells: 2, speakers: 4 });
    expect(none.wa.difference).toBeCloseTo((6 + 4 - 14) / 16, 12);
    const lam = row(table.rows, 'mix-lam').against!.selected;
    expect(lam).toMatchObject({ cells: 1, speakers: 2 });
    // On fold 2 alone: 8 of 8 against 6 of 8.
    expect(lam.wa.difference).toBeCloseTo(0.25, 12);
    expect(row(table.rows, 'full').against).toBeNull();
    expect(row(table.rows, 'pooling-max')).toMatchObject({ cells: 0, figures: null, against: null });
  });

  it('corrects p for the rows that were tested', () => {
    const tested = ['mix-none', 'mix-lam'].map((name) => row(table.rows, name).against!.selected.ua);
    const sorted = tested.map(({ p }) => p!).sort((a, b) => a - b);
    for (const { p, pHolm } of tested) {
      expect(pHolm!).toBeGreaterThanOrEqual(p!);
      expect(pHolm!).toBeGreaterThanOrEqual(Math.min(1, 2 * sorted[0]!));
    }
  });

  it('says what is missing, and that rows of fewer cells do not compare', () => {
    expect(table.missing).toHaveLength(2 * 9 - 5);
    for (const text of [
      renderAblationText(table),
      renderAblationMarkdown(table),
      renderAblationPage(table),
    ]) {
      expect(text).toMatch(/5 of 18 cells/);
      expect(text).toMatch(/1\/2/);
      expect(text).toMatch(/pooling-max \(2 cells\)/);
      expect(text).toMatch(/rows with fewer than 2/);
    }
  });

  it('ignores cells outside the grid', () => {
    const inside = ablationTable(settings([1], [1]), [...cells, cell('full', 1, 9, 'bbbbbbbb')]);
    expect(row(inside.rows, 'full').figures!.selected.wa.pooled).toBe(1);
    expect(inside.speakers).toBe(2);
  });

  it('takes seeds as repetitions, not as more speakers', () => {
    const seeds = ablationTable(settings([1], [1, 2]), [
      cell('full', 1, 1, 'aabbaabb'),
      cell('full', 1, 2, 'aabbbbbb'),
    ]);
    expect(seeds.speakers).toBe(2);
    const { overFolds, pooled } = row(seeds.rows, 'full').figures!.selected.wa;
    expect(pooled).toBeCloseTo(14 / 16, 12);
    expect(overFolds.mean).toBeCloseTo((1 + 0.75) / 2, 12);
  });

  it('prints the published figure as a target, and marks synthetic speech', () => {
    const ravdess = settings([1], [1], {
      corpus: 'ravdess',
      classes: ['neutral', 'calm', 'happiness', 'sadness', 'anger', 'fear', 'disgust', 'surprise'],
    });
    const text = renderAblationText(ablationTable(ravdess, []));
    expect(text).toMatch(
      /Target for the full method on RAVDESS, not a result of this table: UA 92\.3, WA\s93\.4/,
    );
    expect(renderAblationText(table)).not.toMatch(/Target/);
    expect(renderAblationPage(ablationTable(settings([1], [1], { synthetic: true }), cells))).toMatch(
      /class="mark-box"><strong>Synthetic speech:/,
    );
  });

  it('escapes names in the page', () => {
    const page = renderAblationPage(ablationTable(settings([1], [1], { corpus: '<b>' }), cells), 'a "b" <c>');
    expect(page).not.toMatch(/<b>|<c>/);
  });
});

describe('the grid', () => {
  const grid = gridCells([1, 2], [1, 2]);

  it('has every variant of a fold and seed before the next', () => {
    expect(grid).toHaveLength(36);
    expect(grid.slice(0, 9).every(({ fold, seed }) => fold === 1 && seed === 1)).toBe(true);
    expect(grid[9]).toEqual({ variant: 'full', fold: 2, seed: 1 });
  });

  it('is chosen from by variants and by cells', () => {
    expect(chosenCells(grid, ['mix-lam'])).toHaveLength(4);
    expect(chosenCells(grid, ['mix-lam-f2-s1', 'full'])).toHaveLength(5);
    expect(() => chosenCells(grid, ['mix-lam-f3-s1'])).toThrow(/no cell mix-lam-f3-s1/);
  });

  it('estimates by the same variant, else by all', () => {
    const finished = [
      { ...cell('full', 1, 1, 'aabbaabb'), seconds: 100 },
      { ...cell('mix-none', 1, 1, 'aabbaabb'), seconds: 50 },
      { ...cell('mix-none', 2, 1, 'aabbaabb'), seconds: null },
    ];
    const estimate = estimateSeconds(finished);
    expect(estimate('mix-none')).toBe(50);
    expect(estimate('pooling-max')).toBe(75);
    expect(estimateSeconds([])('full')).toBeNull();
  });
});
