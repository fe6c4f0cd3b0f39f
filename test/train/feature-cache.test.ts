import { mergeLayers, resolveConfig } from '../../lib/config/resolve.js';
import { changesInput } from '../../lib/train/feature-cache.js';
import type { SettledConfig } from '../../lib/train/precision.js';

const UNMASKED = ['mix.kind=none', 'augment.timeMasks=0', 'augment.bandMasks=0'];

function reasonWith(...settings: string[]): string | null {
  const { config } = resolveConfig(mergeLayers({ settings: [...UNMASKED, ...settings] }), 'mel');
  return changesInput({ ...config, precision: 'fp32' } satisfies SettledConfig);
}

test('what an encoder hears is changed by augmentation that is on, and not by one that is switched off', () => {
  expect(reasonWith()).toBe('augmentation (noise) changes what the encoder hears');
  expect(reasonWith('augment.noise=none')).toBeNull();
  expect(reasonWith('augment.noise=none', 'augment.speed=[0.9,1.1]', 'augment.gain=none')).toBe(
    'augmentation (speed) changes what the encoder hears',
  );
  expect(reasonWith('augment.noise=none', 'augment.timeMasks=1')).toMatch(/SpecAugment/);
});
