/** The seeds that a configuration names. */
import type { TrainConfig } from './schema.js';

/** `seeds` is missing in the configuration of a run that was made before there could be several. */
type SeedSettings = Pick<TrainConfig, 'seed'> & Partial<Pick<TrainConfig, 'seeds'>>;

/** Every seed once, ascending: the list itself, or as many as `seeds` says from `seed` on. */
export function seedsOf({ seed, seeds = 1 }: SeedSettings): number[] {
  if (typeof seeds === 'number') return Array.from({ length: seeds }, (_, index) => seed + index);
  return [...new Set(seeds)].sort((a, b) => a - b);
}

/** The configuration with `seed` the first of its seeds, so that a list alone says everything. */
export function withFirstSeed<T extends SeedSettings>(config: T): T {
  return Array.isArray(config.seeds) ? { ...config, seed: seedsOf(config)[0]! } : config;
}

/** `seeds` of a run that goes on: those it has, and those it is given. */
export function joinSeeds(stored: SeedSettings, asked: TrainConfig['seeds']): TrainConfig['seeds'] {
  const joined = [...new Set([...seedsOf(stored), ...seedsOf({ seed: stored.seed, seeds: asked })])];
  return joined.length === 1 ? (stored.seeds ?? 1) : joined.sort((a, b) => a - b);
}
