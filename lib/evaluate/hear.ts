/** Runs a model over utterances under several conditions. */
import { activePart } from '../audio/active-part.js';
import { readSamples } from '../audio/read-samples.js';
import type { SampleStore } from '../audio/types.js';
import { InterruptedError } from '../errors.js';
import { softmax } from '../metrics/index.js';
import type { NativeModel } from '../native/engine.js';
import { perturb } from '../perturb/apply.js';
import type { Condition, NoiseSource } from '../perturb/types.js';
import { evaluationBatches } from '../train/batches.js';

export interface Hearing {
  model: NativeModel;
  store: SampleStore;
  utterances: readonly { id: string; speaker: string }[];
  /** Classes of the model. */
  classes: number;
  /** Of the checkpoint: sound at either end this many dB below the loudest frame is left out; 0 = nothing is. */
  trim: number;
  /** Of the checkpoint: logits are divided by it, as `predict` does. */
  temperature: number;
  precision: 'fp32' | 'bf16';
  conditions: readonly Condition[];
  noise: NoiseSource | null;
  signal?: AbortSignal;
  /** Told after every batch of a condition. */
  onJudged?: (utterances: number) => void;
}

export interface Heard {
  /** Probabilities of the model's classes by utterance. C each. */
  probabilities: Map<string, Float64Array>;
  samples: number;
  /** Of these, cut off by full scale. */
  clipped: number;
}

/** Few enough that a batch under every condition stays small in memory. */
const BATCH = { size: 32, maxSeconds: 160, grouping: 'length', accumulate: 1 } as const;

/**
 * Probabilities of every utterance under every condition, in the order of `conditions`. Silence is trimmed after the condition
 * was applied, as it would be from a recording made under it.
 *
 * @throws InterruptedError when `signal` aborts
 */
export async function hear(hearing: Hearing): Promise<Heard[]> {
  const { model, store, conditions, classes, precision, temperature, trim, signal } = hearing;
  const results = conditions.map((): Heard => ({ probabilities: new Map(), samples: 0, clipped: 0 }));
  const speakers = new Map(hearing.utterances.map(({ id, speaker }) => [id, speaker]));
  const sized = hearing.utterances.map(({ id }) => ({ id, length: store.entries.get(id)!.length }));
  for (const batch of evaluationBatches(sized, BATCH)) {
    const waveforms = conditions.map((): Float32Array[] => []);
    for (const id of batch) {
      const utterance = { id, speaker: speakers.get(id)!, samples: readSamples(store, id) };
      let index = 0;
      for (const { samples, clipped } of perturb(utterance, conditions, hearing.noise)) {
        results[index]!.samples += samples.length;
        results[index]!.clipped += clipped;
        waveforms[index++]!.push(trimmed(samples, trim));
      }
    }
    for (const [index, samples] of waveforms.entries()) {
      if (signal?.aborted) throw new InterruptedError('evaluation was stopped', { code: 'E_INTERRUPTED' });
      const { logits } = await model.forwardSamples(samples, { precision });
      const scaled = Float64Array.from(logits, (logit) => logit / temperature);
      const probabilities = softmax(scaled, classes);
      batch.forEach((id, row) => {
        results[index]!.probabilities.set(id, probabilities.slice(row * classes, (row + 1) * classes));
      });
      hearing.onJudged?.(batch.length);
    }
  }
  return results;
}

function trimmed(samples: Float32Array, floor: number): Float32Array {
  return floor > 0 ? samples.subarray(...activePart(samples, floor)) : samples;
}
