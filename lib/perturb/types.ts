/** Conditions under which the same utterances are judged again, and where their noise comes from. */

export type Condition =
  | { kind: 'clean' }
  /** Noise at this signal-to-noise ratio, dB. */
  | { kind: 'noise'; snr: number }
  /** Level changed by so many dB. */
  | { kind: 'gain'; gain: number };

/** `clean`, `noise 10 dB`, `gain -20 dB`. */
export function conditionName(condition: Condition): string {
  if (condition.kind === 'clean') return 'clean';
  return condition.kind === 'noise' ? `noise ${condition.snr} dB` : `gain ${signed(condition.gain)} dB`;
}

const signed = (value: number) => (value > 0 ? `+${value}` : String(value));

/** Span of samples, [start, end). */
export type Span = readonly [start: number, end: number];

export interface NoiseSource {
  /** What it is, in words, for tables and reports. */
  description: string;
  /**
   * Noise to add to an utterance, of any level: it is scaled to the SNR afterwards. Depends on the seed and the utterance
   * alone, so that every level and every model hears the same noise.
   *
   * @param length samples
   * @param span where the noise must not be silent, since its power is measured there
   */
  draw(utterance: { id: string; speaker: string }, length: number, span: Span): Float32Array;
}
