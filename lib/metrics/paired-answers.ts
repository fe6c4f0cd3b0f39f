/** Two runs' answers to the same utterances, counted by speaker. */
import { DataError } from '../errors.js';
import { addLine, classIndex, type JudgedLine } from './speaker-margins.js';

export interface PairedAnswers {
  classes: readonly string[];
  /** Utterances that both runs predict. */
  utterances: number;
  /** Utterances that only the first run, or only the second, predicts. */
  unpaired: [first: number, second: number];
  /** Sorted. */
  speakers: string[];
  /** Margins of the first run and then of the second, 6 C numbers for each speaker. */
  clusters: Float64Array[];
  /** Utterances that only the first run gets right, and that only the second does; fractions where seeds are averaged. */
  onlyFirst: number;
  onlySecond: number;
}

interface Answers {
  speaker: string;
  label: number;
  predicted: number[];
}

/**
 * Pairs lines by utterance id. An utterance that a run predicts several times (once for each seed) counts as one, its answers
 * averaged: seeds make an answer surer and no new evidence about speakers. The counts of answers that only one run gets right are then
 * means over all pairs of a seed of the first and a seed of the second run.
 *
 * @param first, second lines of one selection each
 * @param classes names in the corpus' order
 * @throws DataError `E_COMPARE_CORPUS` where no utterance is in both, or one has another label or speaker in the second run
 */
export function pairAnswers(
  first: Iterable<JudgedLine>,
  second: Iterable<JudgedLine>,
  classes: readonly string[],
): PairedAnswers {
  const index = classIndex(classes);
  const inFirst = answersById(first, index);
  const inSecond = answersById(second, index);
  const bySpeaker = new Map<string, Float64Array>();
  const size = 3 * classes.length;
  let utterances = 0;
  let onlyFirst = 0;
  let onlySecond = 0;
  for (const [id, a] of inFirst) {
    const b = inSecond.get(id);
    if (!b) continue;
    if (a.label !== b.label) throw differs(id, 'label', classes[a.label]!, classes[b.label]!);
    if (a.speaker !== b.speaker) throw differs(id, 'speaker', a.speaker, b.speaker);
    let margins = bySpeaker.get(a.speaker);
    if (!margins) {
      margins = new Float64Array(2 * size);
      bySpeaker.set(a.speaker, margins);
    }
    for (const predicted of a.predicted) {
      addLine(margins.subarray(0, size), a.label, predicted, 1 / a.predicted.length);
    }
    for (const predicted of b.predicted) {
      addLine(margins.subarray(size), b.label, predicted, 1 / b.predicted.length);
    }
    utterances += 1;
    const [rightInFirst, rightInSecond] = [shareRight(a), shareRight(b)];
    onlyFirst += rightInFirst * (1 - rightInSecond);
    onlySecond += rightInSecond * (1 - rightInFirst);
  }
  if (utterances === 0) {
    throw new DataError('the two runs have no utterance in common', {
      code: 'E_COMPARE_CORPUS',
      cure: 'Compare runs of the same corpus; with --folds, runs of the same folds.',
    });
  }
  const speakers = [...bySpeaker.keys()].sort();
  return {
    classes,
    utterances,
    unpaired: [inFirst.size - utterances, inSecond.size - utterances],
    speakers,
    clusters: speakers.map((speaker) => bySpeaker.get(speaker)!),
    onlyFirst,
    onlySecond,
  };
}

function answersById(
  lines: Iterable<JudgedLine>,
  index: (name: string, id: string) => number,
): Map<string, Answers> {
  const byId = new Map<string, Answers>();
  for (const line of lines) {
    const label = index(line.label, line.id);
    const predicted = index(line.predicted, line.id);
    const known = byId.get(line.id);
    if (!known) {
      byId.set(line.id, { speaker: line.speaker, label, predicted: [predicted] });
      continue;
    }
    if (known.label !== label || known.speaker !== line.speaker) {
      throw new DataError(`${line.id} is given twice in one run, with another label or speaker`, {
        code: 'E_PREDICTIONS',
        cure: 'The predictions are not those of one corpus; train or evaluate again.',
      });
    }
    known.predicted.push(predicted);
  }
  return byId;
}

function shareRight({ label, predicted }: Answers): number {
  return predicted.filter((answer) => answer === label).length / predicted.length;
}

function differs(id: string, what: string, first: string, second: string): DataError {
  return new DataError(`the runs disagree on the ${what} of ${id}: ${first} and ${second}`, {
    code: 'E_COMPARE_CORPUS',
    cure: 'Compare runs of the same corpus, read with the same choices.',
  });
}
