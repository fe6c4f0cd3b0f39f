/**
 * Figures as smooth functions of sums over speakers. That is all that a standard error clustered by speaker needs: to first order,
 * a speaker moves a figure by the figure's gradient times the speaker's own counts.
 */

/** The figures that carry an interval: WA, UA, weighted F1, macro F1. */
export type Figure = 'wa' | 'ua' | 'wf1' | 'mf1';
export const FIGURES: readonly Figure[] = ['wa', 'ua', 'wf1', 'mf1'];

/** A figure of summed counts, unchanged when all counts are multiplied by the same number. */
export interface SpeakerStatistic {
  /** Null where it is not defined. */
  value(sums: Float64Array): number | null;
  /** Derivative with respect to each sum, written to `out`; called only where the value is defined. */
  gradient(sums: Float64Array, out: Float64Array): void;
}

/**
 * A figure of one run, on the margins `[right | support | predicted]` of its confusion matrix. Values equal those of
 * `scoresOfConfusion`: UA is null where a class has no utterance.
 */
export function figureStatistic(figure: Figure, classes: number): SpeakerStatistic {
  switch (figure) {
    case 'wa':
      return accuracy(classes);
    case 'ua':
      return unweightedRecall(classes);
    case 'wf1':
      return weightedF1(classes);
    case 'mf1':
      return macroF1(classes);
  }
}

/** The second run's figure less the first's, on the margins of both runs one after the other (6 C numbers). */
export function differenceStatistic(figure: Figure, classes: number): SpeakerStatistic {
  const single = figureStatistic(figure, classes);
  const size = 3 * classes;
  return {
    value(sums) {
      const first = single.value(sums.subarray(0, size));
      const second = single.value(sums.subarray(size));
      return first === null || second === null ? null : second - first;
    },
    gradient(sums, out) {
      single.gradient(sums.subarray(0, size), out.subarray(0, size));
      single.gradient(sums.subarray(size), out.subarray(size));
      for (let k = 0; k < size; ++k) out[k] = -out[k]!;
    },
  };
}

function accuracy(classes: number): SpeakerStatistic {
  return {
    value(sums) {
      const n = total(sums, classes);
      return n > 0 ? total(sums, 0, classes) / n : null;
    },
    gradient(sums, out) {
      const n = total(sums, classes);
      const wa = total(sums, 0, classes) / n;
      out.fill(1 / n, 0, classes);
      out.fill(-wa / n, classes, 2 * classes);
      out.fill(0, 2 * classes);
    },
  };
}

function unweightedRecall(classes: number): SpeakerStatistic {
  return {
    value(sums) {
      let recalls = 0;
      for (let c = 0; c < classes; ++c) {
        const support = sums[classes + c]!;
        if (!(support > 0)) return null;
        recalls += sums[c]! / support;
      }
      return recalls / classes;
    },
    gradient(sums, out) {
      for (let c = 0; c < classes; ++c) {
        const support = sums[classes + c]!;
        out[c] = 1 / (classes * support);
        out[classes + c] = -sums[c]! / (classes * support * support);
      }
      out.fill(0, 2 * classes);
    },
  };
}

function macroF1(classes: number): SpeakerStatistic {
  return {
    value(sums) {
      if (!(total(sums, classes) > 0)) return null;
      let f1s = 0;
      for (let c = 0; c < classes; ++c) f1s += f1(sums, classes, c);
      return f1s / classes;
    },
    gradient(sums, out) {
      for (let c = 0; c < classes; ++c) {
        const slope = f1Slope(sums, classes, c);
        out[c] = slope.right / classes;
        out[classes + c] = slope.margin / classes;
        out[2 * classes + c] = slope.margin / classes;
      }
    },
  };
}

function weightedF1(classes: number): SpeakerStatistic {
  const value = (sums: Float64Array) => {
    let weighted = 0;
    for (let c = 0; c < classes; ++c) weighted += sums[classes + c]! * f1(sums, classes, c);
    return weighted / total(sums, classes);
  };
  return {
    value: (sums) => (total(sums, classes) > 0 ? value(sums) : null),
    gradient(sums, out) {
      const n = total(sums, classes);
      const wf1 = value(sums);
      for (let c = 0; c < classes; ++c) {
        const share = sums[classes + c]! / n;
        const slope = f1Slope(sums, classes, c);
        out[c] = share * slope.right;
        out[classes + c] = share * slope.margin + (f1(sums, classes, c) - wf1) / n;
        out[2 * classes + c] = share * slope.margin;
      }
    },
  };
}

function f1(sums: Float64Array, classes: number, c: number): number {
  const both = sums[classes + c]! + sums[2 * classes + c]!;
  return both > 0 ? (2 * sums[c]!) / both : 0;
}

/** Derivatives of a class' F1 by its right answers, and by its support (or, the same, its predictions). */
function f1Slope(sums: Float64Array, classes: number, c: number): { right: number; margin: number } {
  const both = sums[classes + c]! + sums[2 * classes + c]!;
  return both > 0 ? { right: 2 / both, margin: (-2 * sums[c]!) / (both * both) } : { right: 0, margin: 0 };
}

/** Sum of the entries from `start` to `end`, by default of the third of them that begins there. */
function total(sums: Float64Array, start: number, end = start + sums.length / 3): number {
  let sum = 0;
  for (let k = start; k < end; ++k) sum += sums[k]!;
  return sum;
}
