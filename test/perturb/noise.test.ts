import { noiseScale, perturb } from '../../lib/perturb/apply.js';
import { babble } from '../../lib/perturb/babble.js';
import { meanSquare } from '../../lib/perturb/power.js';
import { pinkNoise, syntheticNoise, whiteNoise } from '../../lib/perturb/synthetic.js';
import { conditionName } from '../../lib/perturb/types.js';
import { Random } from '../../lib/random/philox.js';

const random = (item = 'a') => new Random({ seed: 3, stream: 'test', item });

/** Hann's window, which keeps the loud low bands of pink noise from leaking into the soft high ones. */
const HANN = Float64Array.from({ length: 1024 }, (_, n) => 0.5 - 0.5 * Math.cos((2 * Math.PI * n) / 1024));

/** Power of a signal between two frequencies (Hz), over windows of 1024 samples, by Goertzel's recurrence. */
function bandPower(signal: Float32Array, low: number, high: number): number {
  const size = HANN.length;
  const hann = HANN;
  let power = 0;
  for (let bin = Math.ceil((low * size) / 16_000); bin < (high * size) / 16_000; bin++) {
    const turn = 2 * Math.cos((2 * Math.PI * bin) / size);
    for (let start = 0; start + size <= signal.length; start += size) {
      let one = 0;
      let two = 0;
      for (let n = 0; n < size; n++) {
        const next = hann[n]! * signal[start + n]! + turn * one - two;
        two = one;
        one = next;
      }
      power += one * one + two * two - turn * one * two;
    }
  }
  return power;
}

const dB = (a: number, b: number) => 10 * Math.log10(a / b);

describe('synthetic noise', () => {
  it('is white: equal power in bands of equal width, variance 1', () => {
    const noise = whiteNoise(32_768, random());
    expect(meanSquare(noise, [0, noise.length])).toBeCloseTo(1, 1);
    const first = bandPower(noise, 500, 1000);
    for (const low of [2000, 4000, 6000])
      expect(Math.abs(dB(bandPower(noise, low, low + 500), first))).toBeLessThan(1);
  });

  it('is pink: equal power in every octave', () => {
    const noise = pinkNoise(32_768, random());
    const octave = bandPower(noise, 1000, 2000);
    for (const low of [125, 250, 500, 2000])
      expect(Math.abs(dB(bandPower(noise, low, 2 * low), octave))).toBeLessThan(1.2);
  });

  it('is the same for an utterance and seed, and another for another', () => {
    const draw = (seed: number, id: string) =>
      syntheticNoise('pink', seed).draw({ id, speaker: 's' }, 500, [0, 500]);
    expect(draw(1, 'a')).toEqual(draw(1, 'a'));
    expect(draw(1, 'a')).not.toEqual(draw(2, 'a'));
    expect(draw(1, 'a')).not.toEqual(draw(1, 'b'));
    expect(draw(1, 'a')).not.toEqual(
      syntheticNoise('white', 1).draw({ id: 'a', speaker: 's' }, 500, [0, 500]),
    );
  });
});

describe('perturb', () => {
  /** Half a second of silence, a second of a tone, half a second of silence. */
  const speech = Float32Array.from({ length: 32_000 }, (_, n) =>
    n < 8000 || n >= 24_000 ? 0 : 0.1 * Math.sin(n / 7),
  );
  const utterance = { id: 'a', speaker: 's', samples: speech };
  const white = syntheticNoise('white', 1);

  it('adds noise at the SNR over the part that is heard, whatever silence lies around it', () => {
    const [heard] = perturb(utterance, [{ kind: 'noise', snr: 10 }], white);
    const noise = heard!.samples.map((value, n) => value - speech[n]!);
    const spoken: [number, number] = [8000, 24_000];
    // The active part keeps 80 ms on either side, which is about 0.6 dB of a second.
    expect(dB(meanSquare(speech, spoken), meanSquare(noise, spoken))).toBeCloseTo(10.7, 0);
    expect(meanSquare(noise, [0, 8000])).toBeCloseTo(meanSquare(noise, spoken), 4);
  });

  it('differs between levels in the level of the same noise alone', () => {
    const [loud, soft] = perturb(
      utterance,
      [
        { kind: 'noise', snr: 0 },
        { kind: 'noise', snr: 20 },
      ],
      white,
    );
    const noise = (heard: { samples: Float32Array }) => heard.samples.map((value, n) => value - speech[n]!);
    const a = noise(loud!);
    const b = noise(soft!);
    for (let n = 0; n < a.length; n += 997) expect(b[n]).toBeCloseTo(a[n]! / 10, 3);
  });

  it('leaves clean samples alone, and rounds others to 16 bits', () => {
    const [clean, softer] = perturb(utterance, [{ kind: 'clean' }, { kind: 'gain', gain: -6 }], null);
    expect(clean!.samples).toBe(speech);
    for (let n = 8000; n < 24_000; n += 501) {
      expect(softer!.samples[n]! * 32_768).toBeCloseTo(Math.round(speech[n]! * 32_768 * 10 ** (-6 / 20)), 6);
    }
  });

  it('cuts off at full scale as a recording would, and counts it', () => {
    const [louder] = perturb(utterance, [{ kind: 'gain', gain: 26 }], null);
    expect(Math.max(...louder!.samples)).toBe(32_767 / 32_768);
    expect(Math.min(...louder!.samples)).toBe(-1);
    expect(louder!.clipped).toBeGreaterThan(5000);
    expect(louder!.clipped).toBeLessThan(16_000);
  });

  it('scales to any SNR', () => {
    const a = whiteNoise(4000, random('a'));
    const b = whiteNoise(4000, random('b'));
    const scaled = b.map((value) => value * noiseScale(a, b, [0, 4000], -7));
    expect(dB(meanSquare(a, [0, 4000]), meanSquare(scaled, [0, 4000]))).toBeCloseTo(-7, 3);
  });

  it('names conditions', () => {
    expect(
      [{ kind: 'clean' }, { kind: 'noise', snr: -5 }, { kind: 'gain', gain: 10 }].map((c) =>
        conditionName(c as never),
      ),
    ).toEqual(['clean', 'noise -5 dB', 'gain +10 dB']);
  });
});

describe('babble', () => {
  const talkers = ['a', 'b', 'c'].flatMap((speaker) =>
    [1, 2].map((n) => ({ id: `${speaker}${n}`, speaker })),
  );
  const asked: string[] = [];
  const read = (id: string) => {
    asked.push(id);
    return whiteNoise(3000, random(id)).map((value) => value * (id.startsWith('c') ? 0.001 : 0.3));
  };

  it('is made of other speakers alone, each as loud, to any length', () => {
    const source = babble(talkers, read, 1);
    asked.length = 0;
    const noise = source.draw({ id: 'a1', speaker: 'a' }, 10_000, [0, 10_000]);
    expect(asked).toHaveLength(6);
    expect(asked.filter((id) => id.startsWith('b'))).toHaveLength(3);
    expect(asked.filter((id) => id.startsWith('c'))).toHaveLength(3);
    expect(meanSquare(noise, [0, 10_000])).toBeGreaterThan(3);
    expect(source.draw({ id: 'a1', speaker: 'a' }, 10_000, [0, 10_000])).toEqual(noise);
  });

  it('is refused where there is one speaker', () => {
    expect(() => babble(talkers.slice(0, 2), read, 1)).toThrow(/only one/);
  });
});
