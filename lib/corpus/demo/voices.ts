/** The eight speakers of the demo corpus. */

export interface Voice {
  /** `m1` .. `m4`, `f1` .. `f4`. */
  id: string;
  gender: 'male' | 'female';
  /** Usual fundamental frequency, Hz. */
  f0: number;
  /** Formants relative to an adult male tract of 17.5 cm: a shorter tract raises them all. */
  tract: number;
  /** Syllables per second in neutral speech. */
  rate: number;
  /** Level of the recording, dB: distance to the microphone differs. */
  level: number;
  /** How lively the intonation is, as a factor on its range. */
  liveliness: number;
  /** Extra spectral tilt, dB at 3 kHz: a soft or a pressed voice. */
  tilt: number;
  /** Aspiration noise relative to voicing. */
  breath: number;
}

/**
 * Speakers differ by as much as emotions do: what is a raised voice for one is the usual one of another, which is what
 * makes the emotions of unseen speakers hard to tell.
 */
export const VOICES: readonly Voice[] = [
  {
    id: 'm1',
    gender: 'male',
    f0: 104,
    tract: 0.98,
    rate: 4.5,
    level: 0,
    liveliness: 1.0,
    tilt: 0,
    breath: 0.05,
  },
  {
    id: 'm2',
    gender: 'male',
    f0: 122,
    tract: 1.02,
    rate: 5.1,
    level: -4,
    liveliness: 1.2,
    tilt: -1.5,
    breath: 0.03,
  },
  {
    id: 'm3',
    gender: 'male',
    f0: 138,
    tract: 1.06,
    rate: 4.7,
    level: 3,
    liveliness: 0.8,
    tilt: 1.5,
    breath: 0.08,
  },
  {
    id: 'm4',
    gender: 'male',
    f0: 112,
    tract: 0.94,
    rate: 5.4,
    level: -2,
    liveliness: 0.9,
    tilt: 2.5,
    breath: 0.06,
  },
  {
    id: 'f1',
    gender: 'female',
    f0: 188,
    tract: 1.14,
    rate: 4.9,
    level: 1,
    liveliness: 1.1,
    tilt: 1,
    breath: 0.1,
  },
  {
    id: 'f2',
    gender: 'female',
    f0: 214,
    tract: 1.2,
    rate: 5.3,
    level: -3,
    liveliness: 1.0,
    tilt: -1,
    breath: 0.06,
  },
  {
    id: 'f3',
    gender: 'female',
    f0: 228,
    tract: 1.17,
    rate: 4.6,
    level: 4,
    liveliness: 0.85,
    tilt: 2,
    breath: 0.12,
  },
  {
    id: 'f4',
    gender: 'female',
    f0: 172,
    tract: 1.11,
    rate: 5.0,
    level: -1,
    liveliness: 1.15,
    tilt: 0,
    breath: 0.07,
  },
];
