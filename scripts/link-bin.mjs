/**
 * Puts the command of this checkout into its own node_modules/.bin, where npx looks first. Without it `npx ser-native` in a
 * clone would install the clone into npx's cache on every new path, and build it a second time.
 */
import { chmodSync, mkdirSync, rmSync, symlinkSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const path = (relative) => fileURLToPath(new URL(relative, import.meta.url));
const main = path('../dist/cli/main.js');
const link = path('../node_modules/.bin/ser-native');

chmodSync(main, 0o755);
// Windows needs a shim instead of a link; npx falls back to its cache there.
if (process.platform !== 'win32') {
  mkdirSync(path('../node_modules/.bin'), { recursive: true });
  rmSync(link, { force: true });
  symlinkSync('../../dist/cli/main.js', link);
}
