/** Run folders with predictions as wanted, as `train` leaves them. */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Random } from '../../lib/random/philox.js';
import { buildReport } from '../../lib/report/index.js';
import type { PredictionLine, RunReport } from '../../lib/report/types.js';
import { epochLine, reportInput } from '../report/tiny-run.js';

export const CLASSES = ['anger', 'neutral', 'sadness'];

/**
 * Writes `report.json` and `predictions.jsonl` of a run over `speakers` speakers of 30 utterances in two folds.
 *
 * @param quality log-odds of a right answer; the same utterances are hard in every run
 */
export async function writeRun(
  folder: string,
  options: {
    quality: number;
    speakers?: number;
    seed?: number;
    only?: (line: PredictionLine) => boolean;
    report?: Partial<RunReport>;
    classes?: string[];
  },
): Promise<string> {
  const { quality, speakers = 10, seed = 1, classes = CLASSES } = options;
  const lines = (selection: 'selected' | 'bestOnTest') =>
    Array.from({ length: speakers * 30 }, (_, i): PredictionLine => {
      const speaker = Math.floor(i / 30);
      const ease = new Random({ seed: 0, stream: 'ease', item: `${speaker}` }).normal();
      const random = new Random({ seed, stream: folder, item: `${i} ${selection}` });
      const label = classes[i % classes.length]!;
      const right = random.uniform() < 1 / (1 + Math.exp(-quality - 0.5 * ease));
      const predicted = right ? label : classes[(i + 1) % classes.length]!;
      return {
        fold: 1 + (speaker % 2),
        seed: 1,
        selection,
        id: `u${i}`,
        speaker: `speaker${speaker}`,
        label,
        predicted,
        probabilities: Object.fromEntries(classes.map((name) => [name, name === predicted ? 0.6 : 0.2])),
      };
    }).filter((line) => options.only?.(line) ?? true);
  const selected = lines('selected');
  const bestOnTest = lines('bestOnTest');
  const folds = [1, 2].filter((fold) => selected.some((line) => line.fold === fold));
  const input = reportInput({
    classes,
    folds: folds.map((fold) => ({
      fold,
      seed: 1,
      epochs: [epochLine(fold, 1, 0.5)],
      selected: { epoch: 1 },
      bestOnTest: { epoch: 1 },
      predictions: {
        selected: selected.filter((line) => line.fold === fold),
        bestOnTest: bestOnTest.filter((line) => line.fold === fold),
      },
    })),
  });
  const report = buildReport(input);
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, 'report.json'), JSON.stringify({ ...report, ...options.report }));
  await writeFile(
    join(folder, 'predictions.jsonl'),
    [...selected, ...bestOnTest].map((line) => `${JSON.stringify(line)}\n`).join(''),
  );
  return folder;
}
