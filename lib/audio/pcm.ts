/** Decoded audio before it is brought to the store's rate and type. */

// Bound once: where globals are looked up through a sandbox, as in a test runner, each call would cost a microsecond.
const { round } = Math;

/** Mono samples at the source's own rate. */
export interface DecodedAudio {
  /** Channels averaged; full scale is 1, so a 16-bit sample `s` is exactly `s / 32768`. */
  samples: Float32Array;
  /** Hertz. */
  sampleRate: number;
  warnings: string[];
}

/**
 * Averages channels of equal length. The sum runs in double precision, so a channel copied to both sides of a stereo
 * file comes back bit for bit.
 */
export function mixDown(channels: readonly Float32Array[]): Float32Array {
  if (channels.length === 1) return channels[0]!;
  const length = channels.reduce((shortest, channel) => Math.min(shortest, channel.length), Infinity);
  const mono = new Float32Array(Number.isFinite(length) ? length : 0);
  for (let i = 0; i < mono.length; i++) {
    let sum = 0;
    for (const channel of channels) sum += channel[i]!;
    mono[i] = sum / channels.length;
  }
  return mono;
}

/**
 * Rounds to 16 bits, half to even (so averaging two channels adds no offset), saturating.
 * Integers that came from 16-bit sources return unchanged.
 * @returns the samples and how many lay beyond full scale; +1.0 itself, one step above 32767, does not count.
 */
export function toInt16(samples: Float32Array): { samples: Int16Array<ArrayBuffer>; clipped: number } {
  const output = new Int16Array(samples.length);
  let clipped = 0;
  for (let i = 0; i < samples.length; i++) {
    const value = samples[i]! * 32768;
    if (value > 32767) {
      output[i] = 32767;
      if (value > 32768) clipped++;
    } else if (value < -32768) {
      output[i] = -32768;
      clipped++;
    } else {
      let rounded = round(value);
      if (rounded - value === 0.5 && (rounded & 1) !== 0) rounded--;
      output[i] = rounded;
    }
  }
  return { samples: output, clipped };
}
