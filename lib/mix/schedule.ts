import type { MixSettings } from './types.js';

/** Probability and SNR range of one epoch: linear from the first epoch's value to the last one's. */
export function mixSchedule(
  settings: MixSettings,
  epoch: number,
  epochs: number,
): { probability: number; snr: [number, number] } {
  const progress = epochs > 1 ? (epoch - 1) / (epochs - 1) : 0;
  const between = (from: number, to: number) => from + (to - from) * progress;
  const end = settings.snrEnd ?? settings.snr;
  return {
    probability: between(settings.probability, settings.probabilityEnd ?? settings.probability),
    snr: [between(settings.snr[0], end[0]), between(settings.snr[1], end[1])],
  };
}
