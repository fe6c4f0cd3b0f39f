/** Babble: other people talking at once, made of the corpus itself. */
import { activePart } from '../audio/active-part.js';
import { DataError } from '../errors.js';
import { Random } from '../random/philox.js';
import { meanSquare } from './power.js';
import type { NoiseSource } from './types.js';

/** Enough voices that none is understood, few enough to stay speech. */
const VOICES = 6;
/** Of the loudest frame, dB: what is softer at either end of an utterance is left out. */
const ACTIVE_FLOOR_DB = 40;

export interface Talker {
  id: string;
  speaker: string;
}

/**
 * The sum of six utterances of other speakers, as different ones as there are, each at the same power, from a drawn place on
 * and repeated to the length that is asked for.
 *
 * @param read samples of an utterance
 * @throws DataError `E_BABBLE` where the corpus has a single speaker
 */
export function babble(
  talkers: readonly Talker[],
  read: (id: string) => Float32Array,
  seed: number,
): NoiseSource {
  const bySpeaker = new Map<string, string[]>();
  for (const { id, speaker } of talkers) {
    const ids = bySpeaker.get(speaker);
    if (ids) ids.push(id);
    else bySpeaker.set(speaker, [id]);
  }
  if (bySpeaker.size < 2) {
    throw new DataError('babble is made of other speakers, and the corpus has only one', {
      code: 'E_BABBLE',
      cure: 'Use --noise-kind white or pink, or a folder of recordings.',
    });
  }
  const speakers = [...bySpeaker.keys()].sort();
  return {
    description: `babble of ${VOICES} utterances of other speakers of the corpus`,
    draw({ id, speaker }, length) {
      const random = new Random({ seed, stream: 'noise-babble', item: id });
      const others = random.shuffled(speakers.filter((other) => other !== speaker));
      const sum = new Float32Array(length);
      for (let voice = 0; voice < VOICES; voice++) {
        const theirs = bySpeaker.get(others[voice % others.length]!)!;
        addVoice(sum, read(theirs[random.below(theirs.length)]!), random);
      }
      return sum;
    },
  };
}

function addVoice(sum: Float32Array, utterance: Float32Array, random: Random): void {
  const span = activePart(utterance, ACTIVE_FLOOR_DB);
  const [start, end] = span;
  const scale = 1 / Math.sqrt(meanSquare(utterance, span));
  const from = random.below(end - start);
  for (let index = 0; index < sum.length; index++)
    sum[index] = sum[index]! + scale * utterance[start + ((from + index) % (end - start))]!;
}
