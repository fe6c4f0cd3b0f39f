import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { tensorsOf, writeRandomCheckpoint } from '../../lib/bench/random-checkpoint.js';
import { SHAPES } from '../../lib/bench/shapes.js';
import { loadEncoder } from '../../lib/encoder/load-encoder.js';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'ser-random-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** Parameters of the released encoders. */
test.each([
  ['wavlm-base', 94_381_936],
  ['wavlm-large', 315_453_120],
  ['hubert-large', 315_438_720],
  ['wav2vec2-large', 315_438_720],
  ['whisper-tiny', 8_208_384],
])('%s has as many parameters as the released model', (name, parameters) => {
  const counts = tensorsOf(SHAPES[name]!.config).map(([, sizes]) => sizes.reduce((a, b) => a * b, 1));
  expect(counts.reduce((a, b) => a + b)).toBe(parameters);
});

const SMALL = {
  conv_dim: [8, 8, 8, 8, 8, 8, 8],
  hidden_size: 32,
  num_hidden_layers: 2,
  num_attention_heads: 2,
  intermediate_size: 48,
};

test.each(['wavlm-base', 'hubert-large', 'wav2vec2-base', 'whisper-tiny'])(
  'a small %s is loaded and gives finite frames of unit size',
  async (name) => {
    const shape = SHAPES[name]!;
    const small = name.startsWith('whisper') ? { encoder_layers: 2 } : SMALL;
    const directory = join(folder, name);
    await writeRandomCheckpoint({ ...shape, config: { ...shape.config, ...small } }, directory, 1);
    await using encoder = await loadEncoder(directory, { dtype: 'fp32', threads: 1 });
    const wave = Float32Array.from({ length: 8000 }, (_, i) => 0.1 * Math.sin(i / 7) * Math.cos(i / 900));
    const { last, frames } = (await encoder.forward([wave]))[0]!;
    expect(frames).toBeGreaterThan(20);
    const size = Math.sqrt(last.reduce((all, x) => all + x * x, 0) / last.length);
    expect(size).toBeGreaterThan(0.1);
    expect(size).toBeLessThan(10);
  },
);

test('is the same for the same seed, and left as it is where it stands', async () => {
  const shape = { ...SHAPES['wavlm-base']!, config: { ...SHAPES['wavlm-base']!.config, ...SMALL } };
  const read = (name: string) => readFile(join(folder, name, 'model.safetensors'));
  await writeRandomCheckpoint(shape, join(folder, 'first'), 3);
  await writeRandomCheckpoint(shape, join(folder, 'again'), 3);
  await writeRandomCheckpoint(shape, join(folder, 'other'), 4);
  await writeRandomCheckpoint(shape, join(folder, 'first'), 4);
  expect((await read('first')).equals(await read('again'))).toBe(true);
  expect((await read('first')).equals(await read('other'))).toBe(false);
});
