/** Ways of running transformers that a user may meet or choose. */
import type { EncoderConfig } from '../../../bindings.js';

export interface Variant {
  name: string;
  args: string[];
  /** What transformers does when nobody asks for anything. */
  isDefault: boolean;
}

/**
 * WavLM of transformers 5 knows no other attention than PyTorch's own function, which it asks for weights that it throws away: eager
 * is its default, and the fused one is a line's patch away. The others take the fused one by default.
 */
export function variantsOf(config: EncoderConfig, compile: boolean): Variant[] {
  const wavlm = config.kind === 'ssl' && config.family === 'wavlm';
  const attention = (name: 'eager' | 'sdpa') => ['--attention', name];
  const variants: Variant[] = wavlm
    ? [
        { name: 'eager', args: [], isDefault: true },
        { name: 'sdpa (patched)', args: attention('sdpa'), isDefault: false },
      ]
    : [
        { name: 'sdpa', args: attention('sdpa'), isDefault: true },
        { name: 'eager', args: attention('eager'), isDefault: false },
      ];
  if (compile)
    variants.push({ name: 'sdpa, compiled', args: [...attention('sdpa'), '--compile'], isDefault: false });
  return variants;
}
