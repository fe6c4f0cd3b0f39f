/** Named starting points; a config file, `--set` and flags override them field by field. */
import { UsageError } from '../errors.js';
import type { TrainConfigInput } from './schema.js';

export interface Preset {
  summary: string;
  config: TrainConfigInput;
}

export const PRESETS: Record<string, Preset> = {
  mel: {
    summary: 'log-mel encoder from scratch, EAM, FLAM, four losses: the default for recorded corpora',
    config: {},
  },
  quick: {
    summary: 'a smaller model and few epochs: the default for the synthetic demo corpus',
    config: {
      epochs: 8,
      encoder: { layers: 2, width: 96, feedForward: 192, convChannels: 16 },
    },
  },
};

/** The preset that a corpus gets when the user names none. */
export function defaultPreset(corpus: string): string {
  return corpus === 'demo' ? 'quick' : 'mel';
}

export function presetConfig(name: string): TrainConfigInput {
  const preset = PRESETS[name];
  if (!preset) {
    throw new UsageError(`unknown preset "${name}"`, {
      code: 'E_PRESET',
      cure: `Presets are: ${Object.keys(PRESETS).join(', ')}.`,
    });
  }
  return preset.config;
}
