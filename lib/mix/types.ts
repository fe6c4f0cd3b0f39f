/** Mix plans: which utterance is mixed with which, where and how loudly, as serialisable data. */

export type MixKind = 'eam' | 'lam' | 'none';

/** What a plan is drawn from; see `method.md` of the paper's lineage in docs/method.md. */
export interface MixSettings {
  kind: MixKind;
  /** Probability that an utterance is mixed, at the first epoch. */
  probability: number;
  /** Probability at the last epoch; linear in between. Absent: constant. */
  probabilityEnd?: number;
  /** Signal-to-noise ratio of the base over the scaled partner, dB, uniform in this range, at the first epoch. */
  snr: [low: number, high: number];
  /** The range at the last epoch; linear in between. Absent: constant. */
  snrEnd?: [low: number, high: number];
  /** Where segments may lie: `any` is the published draw; `voiced` keeps both within the utterances' active part. */
  segment: 'any' | 'voiced';
}

/** One utterance of an epoch that is mixed. Positions and lengths in samples at 16 kHz. */
export interface MixRow {
  id: string;
  partner: string;
  /** First sample of the segment in the base (EAM; 0 for LAM). */
  start: number;
  /** First sample of the segment in the partner (EAM; 0 for LAM). */
  partnerStart: number;
  /** Samples of the segment (EAM; 0 for LAM). */
  length: number;
  /** r, dB (EAM; 0 for LAM). */
  snr: number;
  /** Weight of the partner's label. */
  lambda: number;
}

export interface MixPlan {
  schema: 'ser-native/mix@1';
  kind: MixKind;
  seed: number;
  fold: number;
  /** Counts from 1. */
  epoch: number;
  probability: number;
  snr: [number, number];
  /** Only utterances that are mixed, in the order of the training part. */
  rows: MixRow[];
}

/** What the planner must know of an utterance. */
export interface MixCandidate {
  id: string;
  /** Samples. */
  length: number;
  /** Active part [start, end) in samples, for `segment: 'voiced'`. */
  active?: [start: number, end: number];
}
