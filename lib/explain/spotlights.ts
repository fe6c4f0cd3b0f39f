/** Which utterances the report draws, and what is drawn of them: envelope, spectrogram, pooling weights. */
import { readSamples } from '../audio/read-samples.js';
import { SAMPLE_RATE, type SampleStore } from '../audio/types.js';
import type { NativeModel, NativeStore } from '../native/engine.js';
import { wholeWeights } from '../predict/whole-weights.js';
import type { PredictionLine, SpotlightExample } from '../report/types.js';
import { type LabelledRow, storeRows } from '../train/step-request.js';
import { spectrogram } from './spectrogram.js';

/** Spans of the drawn envelope. */
const SPANS = 240;
/** Of each kind: a row of the page. */
const EACH = 3;

const confidence = (line: PredictionLine) => line.probabilities[line.predicted]!;

export interface PickedLine {
  line: PredictionLine;
  why: 'right' | 'wrong' | 'unsure';
}

/** The most certain right ones, of different classes; the most certain wrong ones; and the least certain of all. */
export function pickSpotlights(lines: readonly PredictionLine[]): PickedLine[] {
  const sorted = lines.slice().sort((a, b) => confidence(b) - confidence(a) || (a.id < b.id ? -1 : 1));
  const right: PredictionLine[] = [];
  for (const line of sorted) {
    if (
      right.length < EACH &&
      line.predicted === line.label &&
      right.every((other) => other.label !== line.label)
    )
      right.push(line);
  }
  const wrong = sorted.filter((line) => line.predicted !== line.label).slice(0, EACH);
  const unsure = sorted
    .filter((line) => !right.includes(line) && !wrong.includes(line))
    .slice(-EACH)
    .reverse();
  const because = (why: PickedLine['why']) => (line: PredictionLine) => ({ line, why });
  return [...right.map(because('right')), ...wrong.map(because('wrong')), ...unsure.map(because('unsure'))];
}

/** (min, max) of equal spans of a waveform. */
export function envelope(samples: Float32Array, spans: number): [number, number][] {
  return Array.from({ length: spans }, (_, span): [number, number] => {
    const first = Math.floor((span * samples.length) / spans);
    const last = Math.max(first + 1, Math.floor(((span + 1) * samples.length) / spans));
    let low = Number.POSITIVE_INFINITY;
    let high = Number.NEGATIVE_INFINITY;
    for (let index = first; index < last; index++) {
      low = Math.min(low, samples[index]!);
      high = Math.max(high, samples[index]!);
    }
    return [short(low), short(high)];
  });
}

/** What a page can show of a number; the rest would only fill the file. */
const short = (value: number) => Number(value.toPrecision(4));

/** What is drawn of one utterance, by the model of the fold that held it out. */
export async function spotlight(
  { line, why }: PickedLine,
  model: NativeModel,
  native: NativeStore,
  store: SampleStore,
  row: LabelledRow,
): Promise<SpotlightExample> {
  const whole = store.entries.get(line.id)!;
  const { weights = new Float32Array() } = await model.forwardRows(native, storeRows([row]), {
    weights: true,
  });
  const samples = readSamples(store, line.id);
  return {
    id: line.id,
    fold: line.fold,
    label: line.label,
    predicted: line.predicted,
    confidence: confidence(line),
    why,
    duration: whole.length / SAMPLE_RATE,
    envelope: envelope(samples, SPANS),
    weights: wholeWeights(weights, row.entry.offset - whole.offset, row.entry.length, whole.length).map(
      short,
    ),
    spectrogram: spectrogram(samples),
  };
}
