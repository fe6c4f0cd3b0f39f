/** Changes and p-values in tables; empty where there is none. */
import { formatP, signed } from '../compare/comparison-meaning.js';
import { DASH } from '../report/format.js';

/** `-5.3`, in percent points; a dash where it is not defined. */
export function points(change: { difference: number | null } | null | undefined): string {
  if (!change) return '';
  return change.difference === null ? DASH : signed(change.difference);
}

/** `0.0312`, a dash where it cannot be computed. */
export function pValue(p: number | null | undefined): string {
  if (p === undefined) return '';
  return p === null ? DASH : formatP(p);
}
