import { copyFile, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { run, TINY } from './command.js';

/** A small checkpoint of random weights, as transformers writes it. */
const FIXTURE = fileURLToPath(new URL('../fixtures/encoders/wavlm-base-like', import.meta.url));
const FILES = ['config.json', 'model.safetensors', 'preprocessor_config.json'];

let cwd: string;
let encoder: string;
beforeAll(async () => {
  cwd = await mkdtemp(join(tmpdir(), 'ser-export-'));
  encoder = join(cwd, 'encoder');
  await mkdir(encoder);
  for (const name of FILES) await copyFile(join(FIXTURE, name), join(encoder, name));
  const settings = ['--epochs=1', '--set=batch.size=32', '--set=precision=fp32', '--encoder', encoder];
  const adapters = ['--set=encoder.trainable=none', '--set=encoder.lora.rank=2'];
  await succeed('train', ...settings, ...adapters, '--folds=1', '--out', 'adapters');
  await succeed('train', ...settings, '--folds=1,2', '--out', 'whole');
});
afterAll(() => rm(cwd, { recursive: true, force: true }));

async function succeed(...args: string[]) {
  const result = await run(args, { cwd });
  expect({ code: result.code, stderr: result.code === 0 ? '' : result.stderr }).toEqual({
    code: 0,
    stderr: '',
  });
  return result;
}

const json = async (...path: string[]) => JSON.parse(await readFile(join(cwd, ...path), 'utf8'));

/** Names, shapes and metadata of a safetensors file, and its tensors' bytes by name. */
async function tensors(path: string) {
  const file = await readFile(path);
  const length = Number(file.readBigUInt64LE());
  const { __metadata__: metadata, ...header } = JSON.parse(file.toString('utf8', 8, 8 + length));
  const bytes = (name: string) => {
    const [start, end] = header[name].data_offsets;
    return file.subarray(8 + length + start, 8 + length + end);
  };
  return { metadata, header, bytes };
}

describe('ser-native export', () => {
  it('writes an encoder with its adapters merged, as transformers names it', async () => {
    const { stdout } = await succeed('export', 'adapters', 'merged');
    expect(stdout).toMatch(/WavLM, 3 layers x 32; adapters merged/);
    expect((await readdir(join(cwd, 'merged'))).sort()).toEqual(FILES);
    const exported = await tensors(join(cwd, 'merged', 'model.safetensors'));
    const original = await tensors(join(FIXTURE, 'model.safetensors'));
    expect(exported.metadata).toEqual({ format: 'pt' });
    const older = (name: string) =>
      name
        .replace('parametrizations.weight.original0', 'weight_g')
        .replace('parametrizations.weight.original1', 'weight_v');
    expect(Object.keys(exported.header).sort()).toEqual(Object.keys(original.header).map(older).sort());
    // What no adapter touches is as it was, bit for bit; what one does has moved.
    const fc = 'encoder.layers.0.feed_forward.intermediate_dense.weight';
    expect(exported.bytes(fc).equals(original.bytes(fc))).toBe(true);
    const query = 'encoder.layers.0.attention.q_proj.weight';
    expect(exported.bytes(query).equals(original.bytes(query))).toBe(false);
  });

  it('writes what trains on as any checkpoint does, and exports the same again', async () => {
    await succeed('export', 'adapters', 'first');
    const settings = ['--encoder', 'first', '--set=encoder.trainable=none', '--epochs=1', '--folds=1'];
    await succeed('train', ...settings, '--set=batch.size=32', '--out', 'frozen-again');
    await succeed('export', 'frozen-again', 'second');
    for (const name of FILES)
      expect(
        (await readFile(join(cwd, 'second', name))).equals(await readFile(join(cwd, 'first', name))),
      ).toBe(true);
  });

  it('writes configurations that fit float32 weights without a head', async () => {
    const config = await json('encoder', 'config.json');
    const changed = { ...config, architectures: ['WavLMForCTC'], torch_dtype: 'float16' };
    await writeFile(join(encoder, 'config.json'), JSON.stringify(changed));
    try {
      await succeed('export', 'adapters', 'configs');
    } finally {
      await writeFile(join(encoder, 'config.json'), JSON.stringify(config));
    }
    expect(await json('configs', 'config.json')).toEqual({
      ...changed,
      architectures: ['WavLMModel'],
      ...('dtype' in config ? { dtype: 'float32' } : {}),
      torch_dtype: 'float32',
    });
    expect(await json('configs', 'preprocessor_config.json')).toEqual(
      await json('encoder', 'preprocessor_config.json'),
    );
  });

  it('wants one fold of several', async () => {
    const none = await run(['export', 'whole', 'none'], { cwd });
    expect(none.code).toBe(2);
    expect(none.stderr).toMatch(/finished: fold 1, fold 2[\s\S]*--fold N/);
    const third = await run(['export', 'whole', 'third', '--fold', '3'], { cwd });
    expect(third.code).toBe(3);
    expect(third.stderr).toMatch(/no finished fold 3; finished: fold 1, fold 2/);
    const { stdout } = await succeed('export', 'whole', 'second-fold', '--fold', '2', '--json');
    expect(JSON.parse(stdout)).toMatchObject({ merged: false, layerSum: false });
    const named = await succeed('export', 'whole/fold-2/best.safetensors', 'named', '--json');
    expect(JSON.parse(named.stdout).checkpoint).toMatch(/fold-2/);
    const weights = (folder: string) => readFile(join(cwd, folder, 'model.safetensors'));
    expect((await weights('named')).equals(await weights('second-fold'))).toBe(true);
  });

  it('overwrites nothing, and leaves nothing half-written', async () => {
    await mkdir(join(cwd, 'full'));
    await writeFile(join(cwd, 'full', 'mine.txt'), 'mine');
    const full = await run(['export', 'adapters', 'full'], { cwd });
    expect(full.code).toBe(2);
    expect(full.stderr).toMatch(/full is not empty/);
    expect(await readdir(join(cwd, 'full'))).toEqual(['mine.txt']);
    await mkdir(join(cwd, 'empty'));
    await succeed('export', 'adapters', 'empty');
    expect((await readdir(join(cwd, 'empty'))).sort()).toEqual(FILES);
    expect((await readdir(cwd)).filter((name) => name.includes('.tmp-'))).toEqual([]);
  });

  it('refuses the mel encoder, and an encoder whose origin is gone', async () => {
    await succeed('train', ...TINY, '--out', 'mel');
    const mel = await run(['export', 'mel', 'from-mel', '--fold', '1'], { cwd });
    expect(mel.code).toBe(3);
    expect(mel.stderr).toMatch(/mel encoder, which is trained from scratch/);
    await rm(encoder, { recursive: true });
    const gone = await run(['export', 'whole', 'from-gone', '--fold', '1'], { cwd });
    expect(gone.code).toBe(3);
    expect(gone.stderr).toMatch(/cannot be had any more from .*encoder[\s\S]*Put the checkpoint/);
    expect(await readdir(cwd)).not.toContain('from-gone');
  });
});
