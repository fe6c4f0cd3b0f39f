/** Figures of a description as people read them, the same in text and page. */
import type { ClassDescription } from './types.js';

/** `1 speaker`, `24 speakers`. */
export function times(n: number, noun: string, plural = `${noun}s`): string {
  return `${n} ${n === 1 ? noun : plural}`;
}

/** 0.1333 -> `13.3 %`. */
export function percentOf(share: number): string {
  return `${(100 * share).toFixed(1)} %`;
}

export function secondsOf(seconds: number): string {
  return seconds.toFixed(2);
}

/** dBFS with a true minus sign. */
export function levelOf(level: number): string {
  return level.toFixed(1).replace('-', '\u2212');
}

/** `hap 595, exc 1041`; nothing where the source's own label is the class' name. */
export function sourcesText({ class: name, sources }: ClassDescription): string {
  const labels = Object.entries(sources);
  if (labels.length === 1) return labels[0]![0] === name ? '' : labels[0]![0];
  return labels.map(([label, n]) => `${label} ${n}`).join(', ');
}
