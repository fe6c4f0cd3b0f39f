#!/usr/bin/env node
/**
 * Measures how well fingerprints tell copies of a recording from other recordings, on real RAVDESS: every twelfth utterance
 * copied by ffmpeg in several ways, held against its original; and all pairs of different takes of one sentence by one actor.
 *   node scripts/fingerprint-separation.mjs RAVDESS          (after npm run build; needs ffmpeg)
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { decodeFile } from '../dist/audio/decode.js';
import { locateFfmpeg } from '../dist/audio/ffmpeg.js';
import { compareAt, fingerprint } from '../dist/audit/fingerprint.js';
import { findNearDuplicates, MAX_DISTANCE } from '../dist/audit/near-duplicates.js';
import { readCorpus } from '../dist/corpus/index.js';

const COPIES = [
  ['12 dB quieter', 'wav', ['-af', 'volume=-12dB']],
  ['10 ms cut off the front', 'wav', [], ['-ss', '0.010']],
  ['0.51 s and 0.4 s cut off', 'wav', ['-af', 'areverse,atrim=start=0.4,areverse'], ['-ss', '0.5137']],
  ['8 kHz', 'wav', ['-ac', '1', '-ar', '8000']],
  ['MP3, 64 kbit/s', 'mp3', ['-ac', '1', '-b:a', '64k']],
  ['MP3, 32 kbit/s', 'mp3', ['-ac', '1', '-b:a', '32k']],
  ['Vorbis, quality 1', 'ogg', ['-ac', '1', '-c:a', 'libvorbis', '-q:a', '1']],
  ['Opus, 16 kbit/s', 'opus', ['-ac', '1', '-c:a', 'libopus', '-b:a', '16k']],
  [
    '0.31 s cut, 12 dB quieter, 8 kHz, MP3 24 kbit/s',
    'mp3',
    ['-ac', '1', '-af', 'volume=-12dB', '-ar', '8000', '-b:a', '24k'],
    ['-ss', '0.307'],
  ],
];
/** RAVDESS' own copy. */
const TWIN = '03-01-03-01-02-01-07';
const MAX_SHIFT = 60;

const ffmpeg = await locateFfmpeg();
if (!process.argv[2] || !ffmpeg) {
  console.error('node scripts/fingerprint-separation.mjs RAVDESS, with ffmpeg on PATH or in FFMPEG_BIN');
  process.exit(2);
}
const { utterances } = await readCorpus('ravdess', { data: process.argv[2] });
const sounds = [];
for (const { id, path } of utterances) sounds.push({ id, path, samples: (await decodeFile(path)).samples });
const prints = new Map(sounds.map(({ id, samples }) => [id, fingerprint(samples)]));

const sounding = ({ active }) => active.reduce((sum, one) => sum + one, 0);
/** Smallest distance over all shifts at which 60 % of the shorter one is compared. */
function distance(a, b) {
  const needed = 0.6 * Math.min(sounding(a), sounding(b));
  let least = 1;
  for (let shift = -MAX_SHIFT; shift <= MAX_SHIFT; shift++) {
    const found = compareAt(a, b, shift);
    if (found.overlap >= needed) least = Math.min(least, found.distance);
  }
  return least;
}
const row = (name, distances, found) => {
  const sorted = [...distances].sort((a, b) => a - b);
  const at = (share) => sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))].toFixed(3);
  console.log(`| ${name} | ${sorted.length} | ${at(0)} | ${at(0.5)} | ${at(1)} | ${found} |`);
};

console.log(`Pairs closer than ${MAX_DISTANCE} count as copies.\n`);
console.log('| | pairs | nearest | median | farthest | taken for copies |\n|---|---|---|---|---|---|');
const folder = mkdtempSync(join(tmpdir(), 'ser-native-copies-'));
try {
  for (const [name, extension, output, input = []] of COPIES) {
    const copies = [];
    for (const { id, path } of sounds.filter((_, index) => index % 12 === 4)) {
      const file = join(folder, `copy.${extension}`);
      const made = spawnSync(ffmpeg.path, ['-v', 'error', '-y', ...input, '-i', path, ...output, file]);
      if (made.status !== 0) throw new Error(`${name}: ${made.stderr}`);
      copies.push({ id: `copy ${id}`, of: id, samples: (await decodeFile(file)).samples });
    }
    const pairs = findNearDuplicates([...sounds, ...copies]).filter(({ ids }) => ids[1].startsWith('copy '));
    const right = pairs.filter(({ ids: [a, b] }) => b === `copy ${a}`).length;
    if (pairs.length > right) console.error(`${name}: ${pairs.length - right} pairs that are no copies`);
    row(
      name,
      copies.map(({ of, samples }) => distance(prints.get(of), fingerprint(samples))),
      right,
    );
  }
} finally {
  rmSync(folder, { recursive: true });
}
const takes = [];
const ids = [...prints.keys()];
for (const [index, a] of ids.entries()) {
  for (const b of ids.slice(index + 1)) {
    const alike = a.slice(-2) === b.slice(-2) && a.slice(12, 14) === b.slice(12, 14);
    if (alike && a !== TWIN) takes.push(distance(prints.get(a), prints.get(b)));
  }
}
const pairs = findNearDuplicates(sounds).filter(({ ids: [a] }) => a !== TWIN);
row('another take, same actor and sentence', takes, pairs.length);
