/**
 * The operations of the method alone, values and gradients, so that others can check them against their own. Each runs on
 * the engine that is given, else on the engine of this thread, which is opened for the call where none runs.
 */
export { type FrameAttentionArguments, frameAttention } from './frame-attention-op.js';
export { type MixedUtterance, mix, type PlannedMix, type Waveforms } from './mix-op.js';
export { type MultiLossArguments, multiLoss } from './multi-loss-op.js';
export type { OpOptions } from './op-engine.js';
