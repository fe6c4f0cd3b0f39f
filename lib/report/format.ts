/** Figures as people read them: percent with one decimal, a dash where there is none. */
import type { Interval, RunReport, Spread } from './types.js';

/** Stands where a figure is not defined. */
export const DASH = '\u2013';

/** 0.5784 -> `57.8`; null -> a dash. */
export function percent(value: number | null): string {
  return value === null ? DASH : (100 * value).toFixed(1);
}

/** `57.8 ± 4.1`; no deviation with one fold, a dash without a mean. */
export function percentSpread({ mean, std }: Spread): string {
  return std === null ? percent(mean) : `${percent(mean)} \u00b1 ${percent(std)}`;
}

/** `53.1–62.4`, in percent: an interval where space is short. */
export function percentRange([low, high]: Interval): string {
  return `${percent(low)}\u2013${percent(high)}`;
}

/** `[61.0, 68.1]`; nothing where there is no interval. */
export function brackets(interval: Interval | null | undefined): string {
  return interval ? `[${percent(interval[0])}, ${percent(interval[1])}]` : '';
}

/** `57.8 [53.1, 62.4]`: a figure with its interval; without one where there is none. */
export function percentInterval(value: number | null, interval: Interval | null | undefined): string {
  return interval ? `${percent(value)} ${brackets(interval)}` : percent(value);
}

/** `1 fold`, `6 folds`. */
export function count(n: number, noun: string): string {
  return `${n} ${noun}${n === 1 ? '' : 's'}`;
}

/** ` (classes=6, part=improvised)`: what stands behind a corpus' name where not its defaults were chosen. */
export function choicesOf({ choices = {} }: Pick<RunReport, 'choices'>): string {
  const made = Object.entries(choices).map(([name, value]) => `${name}=${value}`);
  return made.length === 0 ? '' : ` (${made.join(', ')})`;
}

/** The corpus as it is named on the command line, with its choices. */
export function corpusName(report: Pick<RunReport, 'corpus' | 'choices'>): string {
  return `${report.corpus}${choicesOf(report)}`;
}
