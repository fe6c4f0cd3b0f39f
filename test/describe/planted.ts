/** A manifest of made-up recordings in which one of each defect is planted. */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Random } from '../../lib/random/philox.js';
import { encodeWav, tone } from '../audio/wav-encoder.js';

export const CLASSES = ['sadness', 'anger'];
export const SPEAKERS = ['anna', 'ben', 'cleo', 'dora'];
const TAKES = 12;

/** A tone in a little noise, between 1.0 and 1.5 s; no two are alike. Level and length say nothing about the class. */
function sound(id: string, seconds: number, gain = 0.3): Float32Array {
  const random = new Random({ seed: 7, stream: 'planted', item: id });
  const samples = tone(Math.round(16_000 * seconds), 120 + 200 * random.uniform(), 16_000, 1);
  const loudness = gain * 10 ** (0.3 * (random.uniform() - 0.5));
  return samples.map((value) => loudness * (0.9 * value + 0.1 * (random.uniform() - 0.5)));
}

/** Writes the corpus below `root`; resolves to the manifest. 96 clean recordings and the planted ones. */
export async function plantCorpus(root: string): Promise<string> {
  await mkdir(root, { recursive: true });
  const rows: string[] = ['path,emotion,speaker,id,gender,session,text,split'];
  const add = async (
    id: string,
    emotion: string,
    speaker: string,
    samples: Float32Array,
    sampleRate = 16_000,
  ) => {
    const file = `${id}.wav`;
    await writeFile(join(root, file), encodeWav(samples, { sampleRate }));
    const gender = speaker === 'ben' ? 'm' : 'f';
    rows.push(
      `${file},${emotion},${speaker},${id},${gender},${speaker < 'c' ? 's1' : 's2'},${id.slice(-2)},`,
    );
  };
  for (const [s, speaker] of SPEAKERS.entries()) {
    for (const emotion of CLASSES) {
      for (let take = 0; take < TAKES; take++) {
        const id = `${speaker}-${emotion}-${String(take).padStart(2, '0')}`;
        await add(id, emotion, speaker, sound(id, 1 + ((take + s) % 6) / 10));
      }
    }
  }
  await add(
    'clipped',
    'anger',
    'anna',
    sound('clipped', 1.2).map((value) => Math.max(-1, Math.min(1, 8 * value))),
  );
  await add('faint', 'sadness', 'anna', sound('faint', 1.2, 0.0004));
  await add('blip', 'anger', 'ben', sound('blip', 0.2));
  await add(
    'shifted',
    'anger',
    'ben',
    sound('shifted', 1.2).map((value) => value + 0.05),
  );
  await add('copy', 'sadness', 'cleo', sound('anna-sadness-03', 1.3));
  await add('narrow', 'sadness', 'cleo', sound('narrow', 1.2), 8_000);
  await add('broken', 'anger', 'dora', new Float32Array(16_000));
  await add('endless', 'sadness', 'ben', sound('endless', 31));
  await add('visitor', 'anger', 'eve', sound('visitor', 1.2));
  const manifest = join(root, 'planted.csv');
  await writeFile(manifest, `${rows.join('\n')}\n`);
  return manifest;
}

export const UTTERANCES = SPEAKERS.length * CLASSES.length * TAKES + 9;
