/**
 * Draws mix plans: energy-adaptive mixup (EAM) of Wang et al., "Multi-Loss Learning for Speech Emotion Recognition with
 * Energy-Adaptive Mixup and Frame-Level Attention" (arXiv 2512.04551), and label-adaptive mixup (LAM) of Kang et al.
 * (ICASSP 2023) as its baseline.
 */
import { DataError, UsageError } from '../errors.js';
import { Random } from '../random/philox.js';
import { mixSchedule } from './schedule.js';
import type { MixCandidate, MixPlan, MixRow, MixSettings } from './types.js';

/**
 * Weight of the partner's label under EAM: coverage times the partner's share of the segment's energy,
 * (l / L_i) * P_j' / (P_i + P_j'), with P_j' = P_i / 10^(r/10), so that neither power is needed to compute it.
 */
export function eamLambda(segmentLength: number, baseLength: number, snrDb: number): number {
  return segmentLength / baseLength / (1 + 10 ** (snrDb / 10));
}

export interface MixPlanOptions {
  settings: MixSettings;
  seed: number;
  fold: number;
  /** Counts from 1. */
  epoch: number;
  epochs: number;
  /** The training part; partners are drawn from it alone, so that no held-out utterance is ever heard. */
  utterances: readonly MixCandidate[];
}

/** The mix plan of one epoch. Equal arguments give an equal plan, whatever was drawn before. */
export function planMix(options: MixPlanOptions): MixPlan {
  const { settings, seed, fold, epoch, epochs, utterances } = options;
  checkSettings(settings);
  const { probability, snr } = mixSchedule(settings, epoch, epochs);
  const rows: MixRow[] = [];
  if (settings.kind !== 'none') {
    if (utterances.length < 2) {
      throw new DataError(`mixing needs at least 2 training utterances, found ${utterances.length}`, {
        code: 'E_MIX_PARTNERS',
        cure: 'Add utterances, or train with --mix none.',
      });
    }
    utterances.forEach((base, index) => {
      const random = new Random({ seed, stream: 'mix', fold, epoch, item: base.id });
      if (random.uniform() >= probability) return;
      const other = random.below(utterances.length - 1);
      const partner = utterances[other < index ? other : other + 1]!;
      const row =
        settings.kind === 'lam'
          ? lamRow(base, partner)
          : eamRow(base, partner, snr, settings.segment, random);
      if (row) rows.push(row);
    });
  }
  return { schema: 'ser-native/mix@1', kind: settings.kind, seed, fold, epoch, probability, snr, rows };
}

function lamRow(base: MixCandidate, partner: MixCandidate): MixRow {
  const lambda = partner.length / (base.length + partner.length);
  return { id: base.id, partner: partner.id, start: 0, partnerStart: 0, length: 0, snr: 0, lambda };
}

function eamRow(
  base: MixCandidate,
  partner: MixCandidate,
  snr: [number, number],
  segment: MixSettings['segment'],
  random: Random,
): MixRow | null {
  const baseSpan = segment === 'voiced' && base.active ? base.active : ([0, base.length] as const);
  const partnerSpan =
    segment === 'voiced' && partner.active ? partner.active : ([0, partner.length] as const);
  const baseRoom = baseSpan[1] - baseSpan[0];
  const partnerRoom = partnerSpan[1] - partnerSpan[0];
  const longest = Math.min(Math.floor((base.length - 1) / 2), baseRoom, partnerRoom);
  if (longest < 1) return null;
  const length = 1 + random.below(longest);
  const start = baseSpan[0] + random.below(baseRoom - length + 1);
  const partnerStart = partnerSpan[0] + random.below(partnerRoom - length + 1);
  const r = random.range(snr[0], snr[1]);
  return {
    id: base.id,
    partner: partner.id,
    start,
    partnerStart,
    length,
    snr: r,
    lambda: eamLambda(length, base.length, r),
  };
}

function checkSettings(settings: MixSettings): void {
  for (const p of [settings.probability, settings.probabilityEnd ?? settings.probability]) {
    if (!(p >= 0 && p <= 1))
      throw new UsageError(`mix.probability must lie in [0, 1], got ${p}`, { code: 'E_MIX_SETTINGS' });
  }
  for (const range of [settings.snr, settings.snrEnd ?? settings.snr]) {
    if (!(Number.isFinite(range[0]) && Number.isFinite(range[1]) && range[0] <= range[1])) {
      throw new UsageError(`mix.snr must be [low, high] in dB with low <= high, got [${range.join(', ')}]`, {
        code: 'E_MIX_SETTINGS',
      });
    }
  }
}
