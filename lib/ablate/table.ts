/** The table of an ablation, from the cells that are there. */
import { holm } from '../metrics/index.js';
import { type PublishedTarget, publishedTarget } from '../report/published-targets.js';
import type { Selection } from '../report/types.js';
import { type AblationFigure, type Comparison, compareCells, rowFigures } from './statistics.js';
import { type AblationFile, type CellFile, cellName } from './types.js';
import { VARIANTS, type VariantGroup } from './variants.js';

export interface AblationRow {
  variant: string;
  group: VariantGroup;
  label: string;
  /** Finished cells, of as many as the grid has for each row. */
  cells: number;
  /** Both selections, the honest one first; null without a cell. */
  figures: Record<Selection, Record<'ua' | 'wa', AblationFigure>> | null;
  /** Against the full method; null for that row itself and where the two share no cell. */
  against: Record<Selection, Comparison> | null;
}

/** What `ablation-table.json` holds. Fractions, never percent. */
export interface AblationTable {
  schema: 'ser-native/ablation-table@1';
  version: string;
  corpus: string;
  /** As in `RunReport`. */
  choices?: Record<string, string>;
  synthetic: boolean;
  /** The corpus was not complete: no figure here compares with a published one. */
  partial?: boolean;
  protocol: string;
  protocolFolds: number;
  validation: string;
  preset: string;
  classes: string[];
  folds: number[];
  seeds: number[];
  /** Cells that each row has when it is complete. */
  cellsPerRow: number;
  /** Held-out speakers of the finished cells. */
  speakers: number;
  rows: AblationRow[];
  /** Names of the cells that are not finished. */
  missing: string[];
  /** What the paper publishes for this corpus with the full method: a target, no result of this table. */
  target: PublishedTarget | null;
}

export function ablationTable(settings: AblationFile, finished: readonly CellFile[]): AblationTable {
  const { grid } = settings;
  const inGrid = finished.filter(({ fold, seed }) => grid.folds.includes(fold) && grid.seeds.includes(seed));
  const of = (variant: string) => inGrid.filter((cell) => cell.variant === variant);
  const full = of('full');
  const rows = VARIANTS.map(({ name, group, label }): AblationRow => {
    const cells = of(name);
    const compared = name === 'full' ? null : compareCells(full, cells, 'selected');
    return {
      variant: name,
      group,
      label,
      cells: cells.length,
      figures:
        cells.length === 0
          ? null
          : { selected: rowFigures(cells, 'selected'), bestOnTest: rowFigures(cells, 'bestOnTest') },
      against: compared && { selected: compared, bestOnTest: compareCells(full, cells, 'bestOnTest')! },
    };
  });
  for (const selection of ['selected', 'bestOnTest'] as const) correct(rows, selection);
  const done = new Set(inGrid.map(cellName));
  return {
    schema: 'ser-native/ablation-table@1',
    version: settings.version,
    corpus: settings.corpus,
    ...(settings.choices ? { choices: settings.choices } : {}),
    synthetic: settings.synthetic,
    ...(settings.partial ? { partial: true } : {}),
    protocol: settings.protocol,
    protocolFolds: settings.protocolFolds,
    validation: settings.validation,
    preset: settings.preset,
    classes: settings.classes,
    folds: grid.folds,
    seeds: grid.seeds,
    cellsPerRow: grid.folds.length * grid.seeds.length,
    speakers: new Set(inGrid.flatMap(({ held }) => held.speakers)).size,
    rows,
    missing: grid.seeds.flatMap((seed) =>
      grid.folds.flatMap((fold) =>
        VARIANTS.map(({ name }) => cellName({ variant: name, fold, seed })).filter((name) => !done.has(name)),
      ),
    ),
    target: publishedTarget(settings) ?? null,
  };
}

/** Holm's correction over the rows: the more rows are tested, the surer a claim about any of them must be. */
function correct(rows: readonly AblationRow[], selection: Selection): void {
  for (const name of ['ua', 'wa'] as const) {
    const adjusted = holm(rows.map(({ against }) => against?.[selection][name].p ?? null));
    rows.forEach(({ against }, at) => {
      if (against) against[selection][name].pHolm = adjusted[at]!;
    });
  }
}
