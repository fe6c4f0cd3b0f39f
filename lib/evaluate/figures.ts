/** Intervals, changes and p-values as people read them; empty where there is none. */
import { DASH, percent } from '../report/format.js';
import type { Interval } from '../report/types.js';
import type { Change } from './types.js';

/** `50.1 to 62.3`, in percent. */
export function interval(ci95: Interval | null | undefined): string {
  return ci95 ? `${percent(ci95[0])} to ${percent(ci95[1])}` : '';
}

/** `-5.3`, in percent points. */
export function points(change: Change | null | undefined): string {
  if (!change) return '';
  return `${change.difference > 0 ? '+' : ''}${percent(change.difference)}`;
}

/** `0.031`, `< 0.001`, a dash where it cannot be computed. */
export function pValue(p: number | null | undefined): string {
  if (p === undefined) return '';
  if (p === null) return DASH;
  return p < 0.001 ? '< 0.001' : p.toFixed(3);
}
