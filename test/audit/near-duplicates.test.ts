import { existsSync } from 'node:fs';
import path from 'node:path';

import { describe, expect, test } from '@jest/globals';

import { decodeFile } from '../../lib/audio/decode.js';
import { fingerprint } from '../../lib/audit/fingerprint.js';
import { findNearDuplicates } from '../../lib/audit/near-duplicates.js';
import { ravdessStems } from '../../lib/corpus/ravdess.js';
import { at8kHz, cut, demoSounds, gain, noisy } from './sounds.js';

describe('copies among other recordings', () => {
  const sounds = demoSounds(60);
  const original = sounds[7]!;

  test('no two different utterances match, of one voice and sentence neither', () => {
    expect(findNearDuplicates(sounds)).toEqual([]);
  });

  test.each([
    ['12 dB quieter', gain(original.samples, -12)],
    ['10 ms later', cut(original.samples, 0.01)],
    ['half a frame later', cut(original.samples, 0.008)],
    ['with noise', noisy(original.samples, 20)],
    ['at 8 kHz', at8kHz(original.samples)],
    ['cut at both ends', cut(original.samples, 0.21, 0.1)],
    ['all at once', at8kHz(gain(cut(original.samples, 0.103), -9))],
  ])('%s: found, with nothing else', (_, samples) => {
    const found = findNearDuplicates([...sounds, { id: 'copy', samples }]);
    expect(found.map(({ ids }) => ids)).toEqual([[original.id, 'copy']]);
    expect(found[0]!.distance).toBeLessThan(0.125);
  });

  test('tells where the copy lies in the original', () => {
    const [found] = findNearDuplicates([original, { id: 'copy', samples: cut(original.samples, 0.32) }]);
    expect(found!.offset).toBeCloseTo(-0.32, 1);
    expect(found!.overlap).toBeGreaterThan(0.4);
  });

  test('every copy is paired with every other', () => {
    const copies = [-3, -6, -9].map((level) => ({
      id: `copy${level}`,
      samples: gain(original.samples, level),
    }));
    expect(findNearDuplicates([original, ...copies])).toHaveLength(6);
  });

  test('silence, hum and sounds of a blink match nothing', () => {
    const tone = (hertz: number) =>
      Int16Array.from({ length: 16_000 }, (_, i) => 8000 * Math.sin((2 * Math.PI * hertz * i) / 16_000));
    const silence = new Int16Array(16_000);
    const quiet = [
      { id: 'silence 1', samples: silence },
      { id: 'silence 2', samples: silence },
      { id: 'hum 1', samples: tone(440) },
      { id: 'hum 2', samples: tone(440) },
      { id: 'blink 1', samples: original.samples.slice(0, 3000) },
      { id: 'blink 2', samples: original.samples.slice(0, 3000) },
      { id: 'nothing', samples: new Int16Array(0) },
    ];
    expect(findNearDuplicates(quiet)).toEqual([]);
    expect(fingerprint(new Int16Array(500)).words).toHaveLength(0);
  });
});

const real = path.resolve('..', 'shared', 'corpora', 'ravdess');
const withReal = existsSync(real) ? test : test.skip;
if (!existsSync(real)) console.warn(`RAVDESS is not at ${real}: the test on real recordings is skipped.`);

withReal('RAVDESS: of one actor only the pair that is known, and the copies that are planted', async () => {
  const stems = ravdessStems().filter((stem) => /07$/.test(stem));
  const sounds = await Promise.all(
    stems.map(async (id) => {
      const { samples } = await decodeFile(path.join(real, `Actor_${id.slice(-2)}`, `${id}.flac`));
      return { id, samples };
    }),
  );
  const known = ['03-01-03-01-02-01-07', '03-01-03-01-02-02-07'];
  expect(findNearDuplicates(sounds).map(({ ids }) => ids)).toEqual([known]);
  // Not of the twins: a copy of one is a copy of the other.
  const planted = sounds.filter(({ id }, index) => index % 6 === 3 && !known.includes(id));
  const copies = planted.map(({ id, samples }) => ({
    id: `copy of ${id}`,
    samples: noisy(gain(cut(samples, 0.507), -12), 25),
  }));
  const found = findNearDuplicates([...sounds, ...copies]).map(({ ids }) => ids);
  expect(found.filter(([, b]) => b.startsWith('copy')).sort()).toEqual(
    planted.map(({ id }) => [id, `copy of ${id}`]).sort(),
  );
});
