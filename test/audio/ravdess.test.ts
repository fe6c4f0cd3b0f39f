/** Real files: every FLAC of one actor, with its own MD5 as the judge. */
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { openOrBuildStore } from '../../lib/audio/store.js';

const root = fileURLToPath(new URL('../../../shared/corpora/ravdess', import.meta.url));
const there = existsSync(root);
if (!there) console.warn('RAVDESS is not at ../shared/corpora/ravdess: its decoding test is skipped');

(there ? test : test.skip)('60 RAVDESS files decode whole, each passing the MD5 it carries', async () => {
  const actor = join(root, 'Actor_01');
  const names = readdirSync(actor).filter((name) => name.endsWith('.flac'));
  const utterances = names.map((name) => ({ id: basename(name, '.flac'), path: join(actor, name) }));
  const directory = mkdtempSync(join(tmpdir(), 'ser-native-ravdess-'));
  try {
    const store = await openOrBuildStore({ name: 'ravdess', utterances, directory, onBadAudio: 'fail' });
    expect(store.entries.size).toBe(60);
    const lengths = [...store.entries.values()].map(({ length }) => length / 16_000);
    expect(Math.min(...lengths)).toBeGreaterThan(2.9);
    expect(Math.max(...lengths)).toBeLessThan(5.3);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
});
