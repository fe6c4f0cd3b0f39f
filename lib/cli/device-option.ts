import { Option } from 'commander';
import type { DeviceChoice } from '../runtime/choose-variant.js';

export interface DeviceFlag {
  device?: DeviceChoice;
}

/** Where to compute; `auto` without it. */
export function deviceOption(): Option {
  return new Option('--device <name>', 'where to compute').choices(['auto', 'cpu', 'cuda']);
}
