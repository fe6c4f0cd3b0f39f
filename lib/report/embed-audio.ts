/** Audio of drawn utterances for a page, as WAV files that a browser plays without anything else. */
import { SAMPLE_RATE } from '../audio/types.js';
import type { SpotlightExample } from './types.js';

/** WAV files, base64, by utterance id. @param read gives an utterance's samples in [-1, 1] at 16 kHz */
export function wavFiles(
  spotlights: readonly Pick<SpotlightExample, 'id'>[],
  read: (id: string) => Float32Array,
): Record<string, string> {
  return Object.fromEntries(spotlights.map(({ id }) => [id, wavFile(read(id)).toString('base64')]));
}

/** Mono 16-bit PCM at 16 kHz. */
export function wavFile(samples: Float32Array): Buffer {
  const file = Buffer.alloc(44 + 2 * samples.length);
  file.write('RIFF', 0, 'latin1');
  file.writeUInt32LE(file.length - 8, 4);
  file.write('WAVEfmt ', 8, 'latin1');
  file.writeUInt32LE(16, 16);
  file.writeUInt16LE(1, 20); // PCM
  file.writeUInt16LE(1, 22); // channels
  file.writeUInt32LE(SAMPLE_RATE, 24);
  file.writeUInt32LE(2 * SAMPLE_RATE, 28);
  file.writeUInt16LE(2, 32);
  file.writeUInt16LE(16, 34);
  file.write('data', 36, 'latin1');
  file.writeUInt32LE(2 * samples.length, 40);
  samples.forEach((sample, i) => {
    file.writeInt16LE(Math.max(-32_768, Math.min(32_767, Math.round(sample * 32_768))), 44 + 2 * i);
  });
  return file;
}
