/** The conditions that options ask for, and the noise that they need. */
import { readSamples } from '../audio/read-samples.js';
import { UsageError } from '../errors.js';
import { babble } from '../perturb/babble.js';
import { recordedNoise } from '../perturb/recordings.js';
import { syntheticNoise } from '../perturb/synthetic.js';
import { type Condition, conditionName, type NoiseSource } from '../perturb/types.js';
import type { Material } from './material.js';
import type { EvaluateOptions } from './types.js';

/** Beyond these a level says nothing: one of speech and noise is below the last bit of the other. */
const MOST_DB = 90;

/** Clean first, then noise and gain in the order given. */
export function conditionsAsked({ noise = [], gain = [] }: EvaluateOptions): Condition[] {
  for (const [name, levels] of Object.entries({ noise, gain })) {
    const wrong = levels.find((level) => !Number.isFinite(level) || Math.abs(level) > MOST_DB);
    if (wrong === undefined) continue;
    throw new UsageError(`${name} takes levels from -${MOST_DB} to ${MOST_DB} dB, found ${String(wrong)}`, {
      code: 'E_CONDITION',
      cure: name === 'noise' ? 'For instance --noise 20,10,5,0.' : 'For instance --gain -20,-10,10.',
    });
  }
  const conditions: Condition[] = [
    { kind: 'clean' },
    ...noise.map((snr): Condition => ({ kind: 'noise', snr })),
    ...gain.map((level): Condition => ({ kind: 'gain', gain: level })),
  ];
  const names = conditions.map(conditionName);
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice === undefined) return conditions;
  throw new UsageError(`the condition "${twice}" was asked for twice`, {
    code: 'E_CONDITION',
    cure: 'Give each level once.',
  });
}

/** The noise of the options; null where none is asked for. */
export async function noiseAsked(
  options: EvaluateOptions,
  { corpus, store }: Material,
): Promise<NoiseSource | null> {
  if (!options.noise || options.noise.length === 0) {
    if (options.noiseKind === undefined) return null;
    throw new UsageError('a kind of noise was named, but no level', {
      code: 'E_CONDITION',
      cure: 'Add levels: --noise 20,10,5,0.',
    });
  }
  const { noiseKind = 'white', seed = 1, signal, onEvent } = options;
  if (noiseKind === 'white' || noiseKind === 'pink') return syntheticNoise(noiseKind, seed);
  if (noiseKind === 'babble') return babble(corpus.utterances, (id) => readSamples(store, id), seed);
  return recordedNoise(noiseKind, {
    seed,
    signal,
    onWarning: (message) => onEvent?.({ type: 'warning', message }),
    onProgress: ({ done, total, etaSeconds }) => onEvent?.({ type: 'decode', done, total, etaSeconds }),
  });
}
