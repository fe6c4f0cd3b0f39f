/** Log-mel spectrograms for the eye: few columns, few levels, no claim to be what an encoder hears. */
import { Fft } from '../audio/fft.js';
import { SAMPLE_RATE } from '../audio/types.js';
import type { Picture } from '../report/types.js';
import { encodeGreyPng } from './png.js';

const WINDOW = 400;
const FFT = 512;
/** Windows of 25 ms every 10 ms or more: a long utterance is drawn with no more columns than a page has room for. */
const HOP = 160;
const COLUMNS = 280;
const BANDS = 56;
const LOWEST_HZ = 60;
const HIGHEST_HZ = 7800;
/** From black to white. */
const RANGE_DB = 65;
/** Grey levels: more cannot be told apart, and cost bytes. */
const LEVELS = 24;

/** A picture of samples in [-1, 1] at 16 kHz: time to the right, pitch upwards on the mel scale, loud is bright. */
export function spectrogram(samples: Float32Array): Picture {
  const hop = Math.max(HOP, Math.ceil(samples.length / COLUMNS));
  const width = Math.max(1, Math.floor((samples.length - WINDOW) / hop) + 1);
  const levels = new Float64Array(width * BANDS);
  let loudest = Number.NEGATIVE_INFINITY;
  for (let column = 0; column < width; column++) {
    const power = powerSpectrum(samples, column * hop);
    FILTERS.forEach((filter, band) => {
      let sum = 1e-10;
      for (const [bin, weight] of filter) sum += weight * power[bin]!;
      const level = 10 * Math.log10(sum);
      levels[band * width + column] = level;
      if (level > loudest) loudest = level;
    });
  }
  const pixels = new Uint8Array(width * BANDS);
  for (let band = 0; band < BANDS; band++) {
    for (let column = 0; column < width; column++) {
      const share = Math.max(0, 1 + (levels[band * width + column]! - loudest) / RANGE_DB);
      const level = Math.round(share * (LEVELS - 1)) / (LEVELS - 1);
      pixels[(BANDS - 1 - band) * width + column] = Math.round(255 * level);
    }
  }
  return { width, height: BANDS, png: encodeGreyPng(width, BANDS, pixels).toString('base64') };
}

const fft = new Fft(FFT);
const HANN = Float64Array.from(
  { length: WINDOW },
  (_, i) => 0.5 - 0.5 * Math.cos((2 * Math.PI * i) / (WINDOW - 1)),
);

/** |FFT|^2 of a windowed piece, FFT / 2 + 1 bins; beyond the end there is silence. */
function powerSpectrum(samples: Float32Array, start: number): Float64Array {
  const real = new Float64Array(FFT);
  const imaginary = new Float64Array(FFT);
  for (let i = 0; i < WINDOW && start + i < samples.length; i++) real[i] = samples[start + i]! * HANN[i]!;
  fft.transform(real, imaginary);
  return Float64Array.from({ length: FFT / 2 + 1 }, (_, k) => real[k]! ** 2 + imaginary[k]! ** 2);
}

/** Triangles on the HTK mel scale, as (bin, weight) pairs. */
const FILTERS: [bin: number, weight: number][][] = (() => {
  const mel = (hz: number) => 2595 * Math.log10(1 + hz / 700);
  const hz = (m: number) => 700 * (10 ** (m / 2595) - 1);
  const step = (mel(HIGHEST_HZ) - mel(LOWEST_HZ)) / (BANDS + 1);
  const corner = (i: number) => hz(mel(LOWEST_HZ) + i * step);
  return Array.from({ length: BANDS }, (_, band) => {
    const [low, middle, high] = [corner(band), corner(band + 1), corner(band + 2)];
    const filter: [number, number][] = [];
    for (let bin = 0; bin <= FFT / 2; bin++) {
      const f = (bin * SAMPLE_RATE) / FFT;
      const weight = Math.min((f - low) / (middle - low), (high - f) / (high - middle));
      if (weight > 0) filter.push([bin, weight]);
    }
    // The lowest filters are narrower than a bin: they take the one nearest to their middle.
    return filter.length > 0 ? filter : [[Math.round((middle * FFT) / SAMPLE_RATE), 1]];
  });
})();
