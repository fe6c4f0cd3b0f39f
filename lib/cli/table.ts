/** Plain tables for the terminal. */
import { fittedTable } from '../text-layout.js';

/** Rows under a head, columns as wide as their widest cell; `right` names the columns of numbers, by index. */
export function textTable(
  head: readonly string[],
  rows: readonly (readonly string[])[],
  right: readonly number[] = [],
): string[] {
  const columns = head.map((title, column) => ({
    title,
    align: right.includes(column) ? ('right' as const) : ('left' as const),
  }));
  return fittedTable(columns, rows, Infinity);
}
