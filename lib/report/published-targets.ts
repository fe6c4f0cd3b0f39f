/** Results that the method's paper reports, printed beside a user's own run as what to aim at, never as a result of it. */

import type { RunReport } from './types.js';

export interface PublishedTarget {
  /** Corpus as readers name it, and as a reader of the report would. */
  corpus: string;
  title: string;
  classes: number;
  folds: number;
  /** How the folds are held out. */
  split: string;
  /** Fractions; null where the paper gives none. */
  wa: number | null;
  ua: number | null;
}

/** Where the figures come from. */
export const TARGET_SOURCE =
  'Wang et al., Multi-Loss Learning for Speech Emotion Recognition with Energy-Adaptive Mixup and Frame-Level ' +
  'Attention (arXiv 2512.04551), with WavLM Large as the encoder';

const TARGETS: readonly PublishedTarget[] = [
  {
    corpus: 'iemocap',
    title: 'IEMOCAP',
    classes: 4,
    folds: 5,
    split: 'leave one session out',
    wa: 0.7847,
    ua: 0.7914,
  },
  {
    corpus: 'msp-improv',
    title: 'MSP-IMPROV',
    classes: 4,
    folds: 6,
    split: 'leave one session out',
    wa: 0.5855,
    ua: 0.5834,
  },
  { corpus: 'ravdess', title: 'RAVDESS', classes: 8, folds: 6, split: 'by speaker', wa: 0.934, ua: 0.9228 },
  {
    corpus: 'savee',
    title: 'SAVEE',
    classes: 7,
    folds: 4,
    split: 'leave one speaker out',
    wa: null,
    ua: 0.723,
  },
];

/**
 * The paper's figures for what a report is about. Undefined where it has none: another corpus or number of classes, a choice that
 * the paper did not make, or a corpus that is not complete.
 */
export function publishedTarget(
  report: Pick<RunReport, 'corpus' | 'classes' | 'choices' | 'partial'>,
): PublishedTarget | undefined {
  if (report.partial || report.choices !== undefined) return undefined;
  return TARGETS.find(({ corpus, classes }) => corpus === report.corpus && classes === report.classes.length);
}

/** The name of a corpus as readers know it: `IEMOCAP` for `iemocap`. */
export function knownTitle(corpus: string): string {
  return TARGETS.find((target) => target.corpus === corpus)?.title ?? corpus;
}
