/** Picks utterances for the report and computes what is drawn of them: envelope and pooling weights. */
import { join } from 'node:path';
import { readSamples } from '../audio/read-samples.js';
import { SAMPLE_RATE, type SampleStore } from '../audio/types.js';
import type { NativeStore, SerEngine } from '../native/engine.js';
import { wholeWeights } from '../predict/whole-weights.js';
import type { PredictionLine, SpotlightExample } from '../report/types.js';
import { readModelCard } from './model-card.js';
import { openModel } from './open-model.js';
import type { RunFolder } from './run-folder.js';
import { type LabelledRow, storeRows } from './step-request.js';
import type { FoldOutcome } from './types.js';

/** Spans of the drawn envelope. */
const SPANS = 240;

const confidence = (line: PredictionLine) => line.probabilities[line.predicted]!;

/** The most certain right ones of different classes, the most certain wrong ones, and the least certain. */
export function pickSpotlights(lines: readonly PredictionLine[]): PredictionLine[] {
  const sorted = lines.slice().sort((a, b) => confidence(b) - confidence(a) || (a.id < b.id ? -1 : 1));
  const right: PredictionLine[] = [];
  for (const line of sorted) {
    if (
      right.length < 3 &&
      line.predicted === line.label &&
      right.every((other) => other.label !== line.label)
    )
      right.push(line);
  }
  const wrong = sorted.filter((line) => line.predicted !== line.label).slice(0, 2);
  const unsure = sorted.filter((line) => !right.includes(line) && !wrong.includes(line)).slice(-1);
  return [...right, ...wrong, ...unsure];
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
    return [low, high];
  });
}

export async function spotlights(
  run: RunFolder,
  outcomes: readonly FoldOutcome[],
  engine: SerEngine,
  native: NativeStore,
  store: SampleStore,
  rows: ReadonlyMap<string, LabelledRow>,
): Promise<SpotlightExample[]> {
  // Of one seed: others predict the same utterances again.
  const shown = outcomes.filter(({ seed }) => seed === outcomes[0]?.seed);
  const picked = pickSpotlights(shown.flatMap((outcome) => outcome.predictions.selected));
  const examples: SpotlightExample[] = [];
  for (const line of picked) {
    const path = join(run.foldDirectory(line.fold, line.seed), 'best.safetensors');
    const model = await openModel(engine, path, await readModelCard(path));
    try {
      const row = rows.get(line.id)!;
      const whole = store.entries.get(line.id)!;
      const result = await model.forwardRows(native, storeRows([row]), { weights: true });
      examples.push({
        id: line.id,
        fold: line.fold,
        label: line.label,
        predicted: line.predicted,
        confidence: confidence(line),
        duration: whole.length / SAMPLE_RATE,
        envelope: envelope(readSamples(store, line.id), SPANS),
        weights: wholeWeights(
          result.weights ?? new Float32Array(),
          row.entry.offset - whole.offset,
          row.entry.length,
          whole.length,
        ),
      });
    } finally {
      await model.release();
    }
  }
  return examples;
}
