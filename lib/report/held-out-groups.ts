/** Held-out predictions by class, speaker, session and gender: a mean hides the class, or the voice, that fails. */
import { classScores, scores } from '../metrics/index.js';
import type { ClassScores, GroupScores, PredictionLine, RunReport } from './types.js';

/** Recall, precision and F1 of each class over all lines, in the order of `classes`. */
export function classTable(lines: readonly PredictionLine[], classes: readonly string[]): ClassScores[] {
  const { confusion } = scoresOf(lines, classes);
  return classes.map((name, c) => ({ name, ...classScores(confusion, c) }));
}

/** Scores of each speaker, and of each session and gender where lines name them. */
export function groupTables(
  lines: readonly PredictionLine[],
  classes: readonly string[],
): NonNullable<RunReport['groups']> {
  const by = (of: (line: PredictionLine) => string | undefined) => groupTable(lines, classes, of);
  const session = by((line) => line.session);
  const gender = by((line) => line.gender);
  return {
    speaker: by((line) => line.speaker),
    ...(session.length > 0 ? { session } : {}),
    ...(gender.length > 0 ? { gender } : {}),
  };
}

/** Sorted by name, numbers in it by their value; lines without a name are left out. */
function groupTable(
  lines: readonly PredictionLine[],
  classes: readonly string[],
  nameOf: (line: PredictionLine) => string | undefined,
): GroupScores[] {
  const groups = new Map<string, PredictionLine[]>();
  for (const line of lines) {
    const name = nameOf(line);
    if (name === undefined) continue;
    const group = groups.get(name);
    if (group) group.push(line);
    else groups.set(name, [line]);
  }
  const order = new Intl.Collator('en', { numeric: true });
  return [...groups]
    .sort(([a], [b]) => order.compare(a, b))
    .map(([name, members]) => {
      const { n, wa, confusion } = scoresOf(members, classes);
      const recalls = classes.flatMap((_, c) => classScores(confusion, c).recall ?? []);
      return {
        name,
        n,
        wa,
        ua: recalls.reduce((sum, recall) => sum + recall, 0) / recalls.length,
        classes: recalls.length,
      };
    });
}

function scoresOf(lines: readonly PredictionLine[], classes: readonly string[]) {
  return scores(
    lines.map((line) => classes.indexOf(line.label)),
    lines.map((line) => classes.indexOf(line.predicted)),
    classes.length,
  );
}
