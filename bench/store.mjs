#!/usr/bin/env node
/**
 * Seconds to decode RAVDESS into a sample store, and to open it again.
 *   node bench/store.mjs DATA [REPEATS]      (after npm run build)
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openOrBuildStore } from '../dist/audio/store.js';
import { readCorpus } from '../dist/corpus/index.js';
import { median, tell } from './measure.mjs';

const [data, repeats = '3'] = process.argv.slice(2);
const corpus = await readCorpus('ravdess', { data });
const utterances = corpus.utterances.map(({ id, path }) => ({ id, path }));
const cold = [];
const warm = [];
for (let round = 0; round < Number(repeats); round++) {
  const directory = await mkdtemp(join(tmpdir(), 'ser-store-'));
  for (const times of [cold, warm]) {
    const started = performance.now();
    await openOrBuildStore({ name: 'ravdess', utterances, directory, onBadAudio: 'fail' });
    times.push((performance.now() - started) / 1000);
  }
  await rm(directory, { recursive: true });
}
tell({ files: utterances.length, coldSeconds: median(cold), warmSeconds: median(warm), cold, warm });
