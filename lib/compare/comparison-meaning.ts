/** What a comparison says, in a sentence: the figures alone invite to read too much into them. */
import type { Figure } from '../metrics/index.js';
import { count, percent } from '../report/format.js';
import type { RunAgainstFirst } from './compare-runs.js';

/** Below this a difference is called shown: the field's habit, no law. */
export const ALPHA = 0.05;

/**
 * Whether a difference is shown, by UA (by WA where the utterances lack a class), and how sure one can be of it.
 *
 * @param first name of the run that it is compared with
 * @param runs how many runs are compared with the first: Holm's correction is named where there are several
 */
export function comparisonMeaning(test: RunAgainstFirst, first: string, runs: number): string {
  const figure: Figure = test.ua.p === null ? 'wa' : 'ua';
  const { difference, ci95 } = test[figure];
  const p = test.adjustedP[figure];
  const name = figure.toUpperCase();
  const { informative, smallestP } = test.permutation;
  if (difference === null || p === null) return 'Nothing can be said: the figures are not defined.';
  if (informative === 0) return 'The two runs answer every utterance with the same class.';
  const speakers = count(test.speakers, 'speaker');
  const size = `${percent(Math.abs(difference))} points`;
  const tested = `${pText(p)}${runs > 1 ? `, corrected for ${runs} comparisons` : ''}`;
  if (p <= ALPHA) {
    const [better, worse] = difference > 0 ? [test.run.name, first] : [first, test.run.name];
    const [low, high] = ci95 ? [Math.abs(ci95[0]), Math.abs(ci95[1])].sort((a, b) => a - b) : [];
    const sameSide = ci95 !== null && ci95[0] * ci95[1] > 0;
    const interval = sameSide
      ? ` (95 % interval ${percent(low!)} to ${percent(high!)})`
      : ' (its 95 % interval still holds 0, so how large it is remains open)';
    return (
      `A difference is shown: ${better} has a ${name} ${size} above that of ${worse}${interval}; over ${speakers}, ` +
      `chance alone rarely gives as much (${tested}).`
    );
  }
  if (smallestP * runs > ALPHA) {
    const who =
      informative === test.speakers ? speakers : `the ${informative} of ${speakers} whose answers differ`;
    return (
      `No difference can be shown with so few speakers: over ${who}, p cannot fall below ${formatP(Math.min(1, smallestP * runs))}, ` +
      `however large the difference. ${name} differs by ${size} here.`
    );
  }
  const open = ci95
    ? ` A true difference of ${signed(ci95[0])} to ${signed(ci95[1])} points fits these speakers as well: that is no proof of equality.`
    : '';
  return (
    `No difference shown: ${name} differs by ${size} over ${speakers}, which chance alone gives often enough (${tested}).` +
    open
  );
}

/** `p = 0.0312`, or `p < 0.0001`. */
export function pText(p: number): string {
  const text = formatP(p);
  return text.startsWith('<') ? `p < ${text.slice(1)}` : `p = ${text}`;
}

/** `0.0312`, or `<0.0001`. */
export function formatP(p: number): string {
  return p < 0.000_05 ? '<0.0001' : p.toFixed(4);
}

/** In percent with its sign: `+4.7`, `-0.3`, `0.0`. */
export function signed(value: number): string {
  const text = percent(value);
  if (Number(text) === 0) return '0.0';
  return value > 0 ? `+${text}` : text;
}
