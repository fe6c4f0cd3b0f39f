/** Says which batch did not fit the memory, and what would. */
import { hasCode, RuntimeError } from '../errors.js';

export interface BatchSize {
  utterances: number;
  /** Of audio, over all utterances. */
  seconds: number;
}

export interface MemoryFacts {
  /** The largest batch of this run that did fit, if any has. */
  largest: BatchSize | null;
  /** `batch.accumulate`: parts that a batch is computed in. */
  parts: number;
  device: 'cpu' | 'cuda';
}

/** Not everything that fits by its length does so next time, when memory is cut up otherwise. */
const MARGIN = 0.95;

/**
 * `failure` with the batch named where it is out of memory (RuntimeError `E_OUT_OF_MEMORY`, exit code 4, `details` has the batch
 * and what would fit); any other as it is.
 */
export function explainOutOfMemory(failure: unknown, batch: BatchSize, facts: MemoryFacts): unknown {
  if (!hasCode(failure, 'E_OUT_OF_MEMORY')) return failure;
  const { largest, parts, device } = facts;
  const cause = failure as Error;
  // Without a smaller one that did fit, half of this one is the best guess.
  const fitted =
    largest !== null && largest.seconds < batch.seconds ? largest.seconds * MARGIN : batch.seconds / 2;
  const fits: BatchSize & { accumulate: number } = {
    seconds: round(fitted),
    utterances: Math.max(1, Math.floor((batch.utterances * fitted) / batch.seconds)),
    accumulate: parts * 2,
  };
  const known = largest === null ? '' : ` Batches of up to ${seconds(largest.seconds)} of audio did fit.`;
  const where = device === 'cuda' ? "the GPU's memory" : 'the memory';
  return new RuntimeError(
    `A batch of ${batch.utterances} ${batch.utterances === 1 ? 'utterance' : 'utterances'} (${seconds(batch.seconds)} of audio${parts > 1 ? `, computed in ${parts} parts` : ''}) does not fit ${where}: ${reason(cause.message)}.${known}`,
    {
      code: 'E_OUT_OF_MEMORY',
      cure: [
        batch.utterances === 1
          ? 'It is one utterance by itself: leave long ones out, take a smaller encoder or train fewer of its layers.'
          : `Compute each batch in more parts (batch.accumulate: ${fits.accumulate}), or make batches smaller (batch.size: ${fits.utterances}, batch.maxSeconds: ${fits.seconds}).`,
        device === 'cuda' ? 'If another process holds memory of this GPU, nvidia-smi names it.' : '',
      ]
        .join(' ')
        .trim(),
      cause,
      details: { batch, fits, largest },
    },
  );
}

/** What the allocator says of sizes, without its advice for people who write PyTorch programs. */
function reason(message: string): string {
  return message
    .replace(/\s*(Of the allocated memory|If reserved but unallocated|See documentation)[\s\S]*$/, '')
    .replace(/; use smaller batches$/, '')
    .replace(/\.$/, '');
}

function round(value: number): number {
  return value >= 10 ? Math.floor(value) : Math.floor(value * 10) / 10;
}

function seconds(value: number): string {
  return `${value.toFixed(1)} s`;
}
