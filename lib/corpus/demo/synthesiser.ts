/**
 * A cascade formant synthesiser in the manner of Klatt (1980): a glottal source and noise through resonators.
 *
 *     glottal pulses -> spectral tilt --+--> F1 > F2 > F3 > F4 > F5 > F6 --+--> level, room noise -> int16
 *     aspiration noise -----------------+        frication -> resonator ---+
 *
 * Plain arithmetic only (see arithmetic.ts): the samples are the same to the bit on every machine.
 */

import { Random } from '../../random/philox.js';
import { bell, cosineOfTurns, exponential, fromDecibels, whiteNoise } from './arithmetic.js';
import { FRAME, type Score } from './score.js';
import { factor, type Style } from './styles.js';
import type { Voice } from './voices.js';

const RATE = 16_000;
const { PI, max, min, round, sqrt } = Math;

/** Formants above the third hardly move with the sounds; Hz for the reference tract. */
const UPPER_FORMANTS = [3500, 4500, 5500] as const;
const BANDWIDTHS = [70, 90, 130, 200, 280, 400] as const;

/** A digital resonator with unit gain at 0 Hz: y[n] = a x[n] + b y[n-1] + c y[n-2]. */
class Resonator {
  #a = 1;
  #b = 0;
  #c = 0;
  #y1 = 0;
  #y2 = 0;

  tune(frequency: number, bandwidth: number): void {
    const radius = exponential((-PI * bandwidth) / RATE);
    this.#c = -radius * radius;
    this.#b = 2 * radius * cosineOfTurns(min(frequency, 0.47 * RATE) / RATE);
    this.#a = 1 - this.#b - this.#c;
  }

  step(x: number): number {
    const y = this.#a * x + this.#b * this.#y1 + this.#c * this.#y2;
    this.#y2 = this.#y1;
    this.#y1 = y;
    return y;
  }

  /** As a band-pass of about unit peak gain, for noise: a zero at 0 Hz and one at half the rate. */
  stepBand(x: number, x2: number): number {
    const y = 0.5 * (1 + this.#c) * (x - x2) + this.#b * this.#y1 + this.#c * this.#y2;
    this.#y2 = this.#y1;
    this.#y1 = y;
    return y;
  }
}

/** Glottal flow over one cycle, phase in [0, 1): rises and falls as x^2 - x^3 while open (Rosenberg; KLGLOTT88), peak 1. */
function glottalFlow(phase: number, open: number): number {
  if (phase >= open) return 0;
  const x = phase / open;
  return 6.75 * x * x * (1 - x);
}

/** Pole of the one-pole low-pass that attenuates by `decibels` at 3 kHz; 0 for none. */
function tiltPole(decibels: number): number {
  if (decibels < 0.1) return 0;
  const gain = fromDecibels(-decibels);
  const square = gain * gain;
  const ratio = (1 - square * cosineOfTurns(3000 / RATE)) / (1 - square);
  return ratio - sqrt(ratio * ratio - 1);
}

/**
 * Renders a score.
 *
 * @param item names the stream of noise and jitter, with the seed: the utterance's id.
 * @returns int16 samples at 16 kHz, `score.frames * FRAME` of them.
 */
export function render(score: Score, voice: Voice, style: Style, seed: number, item: string): Int16Array {
  const cycles = new Random({ seed, stream: 'demo-cycles', item });
  const noise = whiteNoise(new Random({ seed, stream: 'demo-noise', item }));
  const roughness = factor(style.roughness, 0.4, 4);
  const jitter = 0.008 * roughness;
  const shimmer = 0.04 * roughness;
  const breath = voice.breath * factor(style.breath, 0.3, 4);
  // A tense voice closes the glottis early and abruptly; a lax one leaves it open for most of the cycle.
  const tilt = max(0, min(20, 8 + voice.tilt + style.tilt));
  const open = 0.45 + 0.015 * tilt;
  const pole = tiltPole(tilt);
  const cascade = BANDWIDTHS.map(() => new Resonator());
  UPPER_FORMANTS.forEach((frequency, index) => {
    cascade[3 + index]!.tune(frequency * voice.tract, BANDWIDTHS[3 + index]!);
  });
  const [r1, r2, r3, r4, r5, r6] = cascade as [
    Resonator,
    Resonator,
    Resonator,
    Resonator,
    Resonator,
    Resonator,
  ];
  const fricative = new Resonator();

  const output = new Float64Array(score.frames * FRAME);
  let phase = 0;
  let pace = 1;
  let strength = 1;
  let tilted = 0;
  let noise1 = 0;
  let noise2 = 0;
  let voicing = 0;
  let aspiration = 0;
  let frication = 0;
  for (let frame = 0; frame < score.frames; frame++) {
    r1.tune(score.formants[0][frame]!, BANDWIDTHS[0] + 250 * score.aspiration[frame]!); // an open glottis damps F1
    r2.tune(score.formants[1][frame]!, BANDWIDTHS[1]);
    r3.tune(score.formants[2][frame]!, BANDWIDTHS[2]);
    fricative.tune(score.noiseCentre[frame]!, score.noiseBandwidth[frame]!);
    const advance = score.f0[frame]! / RATE;
    // Amplitudes move in a straight line within the frame: steps at 400 Hz would be heard as a buzz.
    const voicingStep = (score.voicing[frame]! - voicing) / FRAME;
    const aspirationStep = (score.aspiration[frame]! - aspiration) / FRAME;
    const fricationStep = (score.frication[frame]! - frication) / FRAME;
    for (let sample = 0; sample < FRAME; sample++) {
      voicing += voicingStep;
      aspiration += aspirationStep;
      frication += fricationStep;
      const before = glottalFlow(phase, open);
      const step = advance * pace;
      phase += step;
      if (phase >= 1) {
        phase -= 1;
        pace = 1 + jitter * bell(cycles);
        strength = 1 + shimmer * bell(cycles);
      }
      const flow = glottalFlow(phase, open);
      // The mean of the flow's derivative over the sample, exact by differences: pulses may start between samples, and
      // their images above 8 kHz are damped.
      const pulse = (flow - before) / step;
      tilted += (1 - pole) * (pulse - tilted);
      const white = noise();
      const air = white * (4 * aspiration + voicing * breath * (1 + 9 * flow));
      const voiced = r6.step(r5.step(r4.step(r3.step(r2.step(r1.step(voicing * strength * tilted + air))))));
      output[frame * FRAME + sample] = voiced + 14 * fricative.stepBand(white, noise2) * frication;
      noise2 = noise1;
      noise1 = white;
    }
  }
  return quantise(output, voice, style, seed, item, noise);
}

/** Applies the level, adds the room, and rounds. */
function quantise(
  output: Float64Array,
  voice: Voice,
  style: Style,
  seed: number,
  item: string,
  noise: () => number,
): Int16Array {
  const room = new Random({ seed, stream: 'demo-room', item });
  const energy = max(-14, min(12, style.energy));
  const gain = 0.0075 * fromDecibels(voice.level + energy + 2 * bell(room));
  const floor = 0.0004 * fromDecibels(3 * bell(room));
  let peak = 0;
  for (const value of output) peak = max(peak, value < 0 ? -value : value);
  // Like a recording level set by someone who listens: never clipped.
  const limited = min(gain, 0.97 / max(peak, 1e-9));
  const samples = new Int16Array(output.length);
  let hum = 0;
  for (let index = 0; index < output.length; index++) {
    hum = 0.9 * hum + noise(); // red-ish noise: rooms rumble more than they hiss
    samples[index] = max(-32768, min(32767, round(32768 * (output[index]! * limited + floor * hum))));
  }
  return samples;
}
