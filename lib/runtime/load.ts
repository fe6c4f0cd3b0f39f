/** Loads the addon into this env (the main thread or a worker), setting it up first where that has not been done. */

import { createRequire } from 'node:module';
import type { Addon } from '../../bindings.js';
import { RuntimeError } from '../errors.js';
import { type SetupOptions, setup } from './setup.js';

/** Version of `bindings.d.ts` that this package speaks. */
export const ADDON_API = 2;

export interface LoadOptions extends Pick<SetupOptions, 'onProgress' | 'signal'> {}

let loading: Promise<Addon> | undefined;

/**
 * The addon, loaded once per env. The first call sets up what is missing and prints its plan and progress to stderr, unless
 * `onProgress` takes them. The engine thread is not started: `addon.start()` does that; it is stopped when the env exits.
 *
 * @throws what `setup` throws; after a failure the next call tries again
 */
export function loadAddon(options: LoadOptions = {}): Promise<Addon> {
  loading ??= load(options).catch((error: unknown) => {
    loading = undefined;
    throw error;
  });
  return loading;
}

async function load(options: LoadOptions): Promise<Addon> {
  let { onProgress } = options;
  if (onProgress === undefined) {
    // The one look from here into the command line's code, and only where set-up is about to print.
    const { setupReporter } = await import('../cli/setup-progress.js');
    onProgress = setupReporter();
  }
  const { addon: place } = await setup({ onProgress, signal: options.signal });
  // Node loads native code through require only. The directory was chosen above, so node-gyp-build finds one build in it.
  const require = createRequire(import.meta.url);
  const nodeGypBuild = require('node-gyp-build') as (dir: string) => Addon;
  const addon = nodeGypBuild(place.dir);
  const { api } = addon.buildInfo();
  if (api !== ADDON_API) {
    throw new RuntimeError(
      `The addon in ${place.dir} speaks version ${api} of the contract; version ${ADDON_API} was expected.`,
      {
        code: 'E_ADDON_API',
        cure: 'Run `npx ser-native setup --force`.',
      },
    );
  }
  return addon;
}
