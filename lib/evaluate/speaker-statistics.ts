/** Scores with intervals, and what a condition changes, both clustered by speaker. */
import { clusteredIntervals, pairedTest } from '../metrics/index.js';
import type { SpeakerMargins } from '../metrics/speaker-margins.js';
import type { PooledScores } from '../report/types.js';
import { OTHER, scoreLines } from './judgement.js';
import type { Change, EvaluationLine } from './types.js';

type Line = Pick<EvaluationLine, 'id' | 'speaker' | 'label' | 'predicted'>;

/** Scores over the shared classes with 95 % intervals. */
export function withIntervals(lines: readonly Line[], classes: readonly string[]): PooledScores {
  return { ...scoreLines(lines, classes), ci95: clusteredIntervals(margins(lines, classes)) };
}

/**
 * Margins `[right | support | predicted]` of each speaker. A prediction of a class outside the shared ones adds to the support of
 * the true class alone: it is nobody's prediction among these.
 */
function margins(lines: readonly Line[], classes: readonly string[]): SpeakerMargins[] {
  const size = classes.length;
  const bySpeaker = new Map<string, Float64Array>();
  for (const { speaker, label, predicted } of lines) {
    const counts = bySpeaker.get(speaker) ?? new Float64Array(3 * size);
    bySpeaker.set(speaker, counts);
    const truth = classes.indexOf(label);
    if (predicted === label) counts[truth]! += 1;
    counts[size + truth]! += 1;
    if (predicted !== OTHER) counts[2 * size + classes.indexOf(predicted)]! += 1;
  }
  return [...bySpeaker]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([speaker, counts]) => ({ speaker, margins: counts }));
}

/** UA and WA of `after` minus those of `before`, over the same utterances; null where a figure is not defined. */
export function changesOf(
  before: readonly Line[],
  after: readonly Line[],
  classes: readonly string[],
): { ua: Change | null; wa: Change | null } {
  const test = pairedTest(before.map(wrongForOther(classes)), after.map(wrongForOther(classes)), classes);
  const change = (figure: 'ua' | 'wa'): Change | null => {
    const { difference, ci95, p } = test[figure];
    return difference === null ? null : { difference, ci95, p };
  };
  return { ua: change('ua'), wa: change('wa') };
}

/** UA and WA do not see which wrong class was predicted, so that any stands for one outside the shared ones. */
function wrongForOther(classes: readonly string[]): (line: Line) => Line {
  return (line) =>
    line.predicted === OTHER ? { ...line, predicted: classes.find((name) => name !== line.label)! } : line;
}
