/** Cells made by hand: four speakers, classes a and b. */
import type { AblationFile, CellFile } from '../../lib/ablate/types.js';
import { checkConfig } from '../../lib/config/resolve.js';
import { decidingSettings } from '../../lib/train/run-folder.js';

export const settings = (
  folds: number[],
  seeds: number[],
  over: Partial<AblationFile> = {},
): AblationFile => ({
  schema: 'ser-native/ablation@1',
  version: '1.2.3',
  created: '2026-01-02T03:04:05.678Z',
  preset: 'mel',
  corpus: 'mine',
  synthetic: false,
  protocol: 'group-2',
  protocolFolds: 2,
  validation: 'next-fold',
  classes: ['a', 'b'],
  planHash: 'p',
  storeHash: 's',
  config: decidingSettings(checkConfig({ corpus: 'mine' })),
  grid: { folds, seeds },
  ...over,
});

/** `truth` and `predicted` as letters, e.g. 'aabb'; speakers alternate between two of the fold's own. */
export function cell(
  variant: string,
  fold: number,
  seed: number,
  predicted: string,
  truth = 'aabbaabb',
  best = predicted,
): CellFile {
  const indices = (text: string) => [...text].map((letter) => 'ab'.indexOf(letter));
  return {
    schema: 'ser-native/ablation-cell@1',
    variant,
    fold,
    seed,
    configHash: 'c',
    planHash: 'p',
    storeHash: 's',
    config: decidingSettings(checkConfig({ corpus: 'mine' })),
    made: {},
    seconds: 10,
    epochs: [],
    selected: { epoch: 1, wa: 0, ua: 0 },
    bestOnTest: { epoch: 1, wa: 0, ua: 0 },
    classes: ['a', 'b'],
    held: {
      ids: [...truth].map((_, at) => `u${fold}-${at}`),
      speakers: [...truth].map((_, at) => `s${fold}-${at % 2}`),
      labels: indices(truth),
      predicted: { selected: indices(predicted), bestOnTest: indices(best) },
    },
  };
}
