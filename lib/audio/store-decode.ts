/** Decodes a store's files in order, describing each. */
import { createHash } from 'node:crypto';
import { AudioError } from './audio-error.js';
import { toStoreFormat } from './decode.js';
import type { DecodePool } from './decode-pool.js';
import { littleEndian } from './store-files.js';
import type { IndexEntry, IndexedBad } from './store-index.js';
import { isSynthesised, type StoreOptions, synthesiserOf, throwIfAborted } from './store-options.js';
import type { Pending } from './store-plan.js';
import { SAMPLE_RATE } from './types.js';

export type Outcome =
  | { entry: Omit<IndexEntry, 'offset'>; samples: Int16Array }
  | { bad: IndexedBad; transient: boolean };

/** Decodes in order, a few files ahead of the writer, so that memory holds a few utterances whatever the corpus. */
export async function* decodeAll(
  options: StoreOptions,
  items: Pending[],
  pool: DecodePool,
): AsyncGenerator<Outcome> {
  const started = performance.now();
  const ahead: Promise<Outcome>[] = [];
  let next = 0;
  let done = 0;
  let told = 0;
  let samples = 0;
  while (done < items.length) {
    while (next < items.length && ahead.length < pool.size * 3) {
      const running = decodeOne(options, items[next++]!, pool);
      running.catch(() => {}); // Met again below; here only so that an abort leaves no unhandled rejection.
      ahead.push(running);
    }
    throwIfAborted(options.signal);
    const outcome = await ahead.shift()!;
    done++;
    if ('entry' in outcome) samples += outcome.entry.length;
    const seconds = (performance.now() - started) / 1000;
    if (seconds - told >= 0.1 || done === items.length) {
      told = seconds;
      const etaSeconds = (seconds / done) * (items.length - done);
      const file = items[done - 1]!.path;
      const audioSeconds = samples / SAMPLE_RATE;
      options.onProgress?.({
        type: 'decode',
        done,
        total: items.length,
        seconds,
        etaSeconds,
        audioSeconds,
        file,
      });
    }
    yield outcome;
  }
}

async function decodeOne(options: StoreOptions, item: Pending, pool: DecodePool): Promise<Outcome> {
  const { id, ...stamp } = item;
  try {
    const file = isSynthesised(stamp.path)
      ? await synthesise(options, stamp.path)
      : await pool.decode(stamp.path);
    const { samples, warnings, decoder, fileSha256, sourceRate } = file;
    const samplesSha256 = sha256OfSamples(samples);
    const entry = {
      id,
      ...stamp,
      length: samples.length,
      fileSha256: fileSha256 ?? samplesSha256,
      samplesSha256,
      decoder,
      ...level(samples),
      sourceRate,
      ...(warnings.length > 0 ? { warnings } : {}),
    };
    return { entry, samples };
  } catch (error) {
    if (!(error instanceof AudioError)) throw error;
    return {
      bad: { id, ...stamp, reason: error.cure ? `${error.reason}. ${error.cure}` : error.reason },
      transient: error.transient,
    };
  }
}

async function synthesise(options: StoreOptions, path: string) {
  // The synthesiser holds the thread; signals and timers get theirs between two utterances.
  await new Promise((resume) => setImmediate(resume));
  const int16 = options.synthesise!(path);
  const floats = Float32Array.from(int16, (sample) => sample / 32768);
  const { samples, warnings } = toStoreFormat({ samples: floats, sampleRate: SAMPLE_RATE, warnings: [] });
  const decoder = synthesiserOf(options);
  return { samples, warnings, decoder, fileSha256: undefined, sourceRate: SAMPLE_RATE };
}

export function sha256OfSamples(samples: Int16Array): string {
  return createHash('sha256').update(littleEndian(samples)).digest('hex');
}

/** Peak and root mean square, of full scale. */
function level(samples: Int16Array): { peak: number; rms: number } {
  let peak = 0;
  let energy = 0;
  for (const sample of samples) {
    const magnitude = sample < 0 ? -sample : sample;
    if (magnitude > peak) peak = magnitude;
    energy += magnitude * magnitude;
  }
  return { peak: peak / 32768, rms: Math.sqrt(energy / samples.length) / 32768 };
}
