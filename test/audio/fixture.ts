import { fileURLToPath } from 'node:url';

/** Path of an audio fixture; `test/fixtures/audio/make.sh` says how each was made. */
export function fixture(name: string): string {
  return fileURLToPath(new URL(`../fixtures/audio/${name}`, import.meta.url));
}
