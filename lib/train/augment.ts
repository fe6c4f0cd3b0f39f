/** Draws the augmentation of a batch: every choice is a plain number here; the addon only applies it. */
import type { AugmentRows } from '../../bindings.js';
import type { TrainConfig } from '../config/schema.js';
import { Random } from '../random/philox.js';

type Range = readonly [low: number, high: number];

/** The range of a kind of augmentation, undefined where it is off. */
export const rangeOf = (setting: Range | 'none' | undefined): Range | undefined =>
  setting === 'none' ? undefined : setting;

/**
 * Augmentation of the utterances of a batch. Draws depend on (seed, fold, epoch, utterance) alone, so they are the same
 * however batches are cut.
 *
 * SpecAugment widths are uniform in [0, widest], positions uniform over what remains (Park et al., 2019); time masks are
 * fractions of the utterance because speed perturbation changes its length. `bands` = 0 (an encoder without a spectrogram)
 * draws no masks.
 */
export function drawAugment(
  ids: readonly string[],
  settings: TrainConfig['augment'],
  bands: number,
  key: { seed: number; fold: number; epoch: number },
): AugmentRows {
  const count = ids.length;
  const speed = rangeOf(settings.speed);
  const gain = rangeOf(settings.gain);
  const noise = rangeOf(settings.noise);
  const tempo = rangeOf(settings.tempo);
  const warp = rangeOf(settings.warp);
  const rows: AugmentRows = {};
  if (speed) rows.speed = new Float32Array(count).fill(1);
  if (gain) rows.gain = new Float32Array(count);
  if (noise) rows.noise = new Float32Array(count).fill(Number.NaN);
  if (tempo) rows.tempo = new Float32Array(count).fill(1);
  if (warp) rows.warp = new Float32Array(count).fill(1);
  const masked = bands > 0;
  if (masked && settings.timeMasks > 0) rows.timeMasks = new Float32Array(count * settings.timeMasks * 2);
  if (masked && settings.bandMasks > 0) rows.bandMasks = new Int32Array(count * settings.bandMasks * 2);

  ids.forEach((item, row) => {
    const draw = (stream: string) => new Random({ ...key, stream, item });
    if (speed && rows.speed) {
      const random = draw('speed');
      if (random.uniform() < settings.speedProbability) rows.speed[row] = random.range(...speed);
    }
    if (gain && rows.gain) rows.gain[row] = draw('gain').range(...gain);
    if (noise && rows.noise) {
      const random = draw('noise');
      if (random.uniform() < settings.noiseProbability) rows.noise[row] = random.range(...noise);
    }
    if (tempo && rows.tempo) rows.tempo[row] = draw('tempo').range(...tempo);
    if (warp && rows.warp) rows.warp[row] = draw('warp').range(...warp);
    const masks = draw('specaugment');
    for (let mask = 0; mask < settings.timeMasks && rows.timeMasks; mask++) {
      const width = masks.uniform() * settings.timeMaskFraction;
      rows.timeMasks.set([masks.uniform() * (1 - width), width], (row * settings.timeMasks + mask) * 2);
    }
    for (let mask = 0; mask < settings.bandMasks && rows.bandMasks; mask++) {
      const width = masks.below(Math.min(settings.bandMaskWidth, bands) + 1);
      rows.bandMasks.set([masks.below(bands - width + 1), width], (row * settings.bandMasks + mask) * 2);
    }
  });
  return rows;
}
