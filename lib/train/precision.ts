/** Which arithmetic matrix products use; weights and sums stay fp32 in both. */

import type { TrainConfig } from '../config/schema.js';
import { chooseVariant, type DeviceChoice } from '../runtime/choose-variant.js';
import { describeCpu } from '../runtime/toolchain.js';

/** A configuration whose precision is decided for this machine. */
export type SettledConfig = Omit<TrainConfig, 'precision'> & { precision: 'fp32' | 'bf16' };

/**
 * Decides `precision: auto`: bf16 on a GPU and where the processor multiplies bf16 itself (about 1.7 times as fast there), else
 * fp32, since emulated bf16 is slower than fp32. The run keeps the decision, so that it is resumed with the same arithmetic.
 */
export async function settlePrecision(config: TrainConfig): Promise<SettledConfig> {
  if (config.precision !== 'auto') return { ...config, precision: config.precision };
  return { ...config, precision: await nativePrecision(config.device) };
}

/**
 * bf16 where the device multiplies it itself, else fp32. Every GPU that kernels are compiled for does.
 *
 * @throws RuntimeError (exit code 4) where `cuda` was asked for and there is no GPU to use
 */
export async function nativePrecision(device: DeviceChoice): Promise<'fp32' | 'bf16'> {
  if (device !== 'cpu' && (await chooseVariant(device)).device === 'cuda') return 'bf16';
  const { isa } = await describeCpu('');
  return ['avx512_bf16', 'amx_bf16'].some((flag) => isa.includes(flag)) ? 'bf16' : 'fp32';
}
