/** The paper's ablation: what each row changes of the full method. */
import { mergeConfig } from '../config/resolve.js';
import type { TrainConfig, TrainConfigInput } from '../config/schema.js';
import { UsageError } from '../errors.js';
import type { SettledConfig } from '../train/precision.js';

export type VariantGroup = 'full' | 'mixing' | 'pooling' | 'losses' | 'baseline';

export interface Variant {
  /** As files and `--cells` name it. */
  name: string;
  group: VariantGroup;
  /** As tables show it, under the title of its group. */
  label: string;
  /** What differs from the full method. */
  change: TrainConfigInput;
}

/** Losses are added one at a time; all four are the full method. */
export const VARIANTS: readonly Variant[] = [
  { name: 'full', group: 'full', label: 'full method', change: {} },
  { name: 'mix-none', group: 'mixing', label: 'none', change: { mix: { kind: 'none' } } },
  { name: 'mix-lam', group: 'mixing', label: 'LAM', change: { mix: { kind: 'lam' } } },
  { name: 'pooling-mean', group: 'pooling', label: 'mean', change: { pooling: 'mean' } },
  { name: 'pooling-max', group: 'pooling', label: 'max', change: { pooling: 'max' } },
  {
    name: 'losses-kl',
    group: 'losses',
    label: 'KL',
    change: { losses: { focal: 0, center: 0, supcon: 0 } },
  },
  {
    name: 'losses-kl-focal',
    group: 'losses',
    label: 'KL + focal',
    change: { losses: { center: 0, supcon: 0 } },
  },
  {
    name: 'losses-kl-focal-center',
    group: 'losses',
    label: 'KL + focal + center',
    change: { losses: { supcon: 0 } },
  },
  {
    name: 'cross-entropy',
    group: 'baseline',
    label: 'cross-entropy baseline',
    change: { mix: { kind: 'none' }, pooling: 'mean', losses: { focal: 0, center: 0, supcon: 0 } },
  },
];

/** Titles of the groups, with what the full method has in the place of each row's part. */
export const GROUP_TITLES: Record<VariantGroup, string | null> = {
  full: null,
  mixing: 'Mixing instead of EAM',
  pooling: 'Pooling instead of FLAM',
  losses: 'Losses instead of all four',
  baseline: null,
};

export function variantNamed(name: string): Variant | undefined {
  return VARIANTS.find((variant) => variant.name === name);
}

/** The configuration of one seed of a variant. */
export function variantConfig(base: SettledConfig, variant: Variant, seed: number): SettledConfig {
  const changed = mergeConfig(base as Record<string, unknown>, variant.change as Record<string, unknown>);
  return { ...(changed as unknown as SettledConfig), seed, seeds: 1 };
}

/**
 * The rows take parts of the full method away, so there must be one to begin with.
 *
 * @throws UsageError `E_ABLATION_BASE` naming what is missing
 */
export function checkFullMethod(config: TrainConfig): void {
  const missing: string[] = [];
  if (config.mix.kind !== 'eam') missing.push(`mix ${config.mix.kind} in place of eam`);
  else if (!(config.mix.probability > 0) && !(config.mix.probabilityEnd ?? 0))
    missing.push('mixing is never done');
  if (config.pooling !== 'flam') missing.push(`pooling ${config.pooling} in place of flam`);
  for (const [name, weight] of Object.entries(config.losses))
    if (!(weight > 0)) missing.push(`the loss ${name} is off`);
  if (missing.length === 0) return;
  throw new UsageError(`an ablation starts from the full method; here ${missing.join(', ')}`, {
    code: 'E_ABLATION_BASE',
    cure: 'Leave mix, pooling and losses as the preset has them; the rows of the ablation change them.',
  });
}
