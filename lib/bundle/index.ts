export { bundle } from './bundle.js';
export type { BundleEvent, BundleOptions, BundlePart, BundleResult } from './types.js';
