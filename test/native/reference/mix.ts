/**
 * Mixing as docs/method.md states it. A product of a float and an int16 and its sum with an int16 are exact in double for the
 * scales that the tests use, so one Math.fround is one fused multiply-add.
 */

export interface EamSegment {
  start: number;
  partnerStart: number;
  length: number;
  snr: number;
}

const FULL_SCALE = 32768;

/** Energy-adaptive mixup; null where a segment is silent. */
export function eamReference(
  base: Int16Array,
  partner: Int16Array,
  segment: EamSegment,
): Float32Array | null {
  const { start, partnerStart, length, snr } = segment;
  const own = base.subarray(start, start + length);
  const other = partner.subarray(partnerStart, partnerStart + length);
  const power = energy(own) / length / FULL_SCALE ** 2;
  const otherPower = energy(other) / length / FULL_SCALE ** 2;
  if (power < 1e-8 || otherPower < 1e-8) return null;
  const target = energy(own) / 10 ** (snr / 10);
  const scale = Math.fround(Math.sqrt(target / energy(other)));
  const mixed = Float32Array.from(base, (sample) => sample / FULL_SCALE);
  other.forEach((sample, t) => {
    mixed[start + t] = Math.fround(scale * (sample / FULL_SCALE) + mixed[start + t]!);
  });
  return mixed;
}

/** Label-adaptive mixup: half of each waveform, brought to peak 1; the shorter is padded with zeros. */
export function lamReference(base: Int16Array, partner: Int16Array): Float32Array | null {
  const peak = peakOf(base);
  const partnerPeak = peakOf(partner);
  if (peak === 0 || partnerPeak === 0) return null;
  const gain = Math.fround(0.5 / peak);
  const partnerGain = Math.fround(0.5 / partnerPeak);
  return Float32Array.from({ length: Math.max(base.length, partner.length) }, (_, t) => {
    const own = Math.fround(gain * (base[t] ?? 0));
    return Math.fround(partnerGain * (partner[t] ?? 0) + own);
  });
}

/** Sum of squares; exact below 2^53. */
function energy(samples: Int16Array): number {
  return samples.reduce((sum, sample) => sum + sample * sample, 0);
}

function peakOf(samples: Int16Array): number {
  return samples.reduce((peak, sample) => Math.max(peak, Math.abs(sample)), 0);
}
