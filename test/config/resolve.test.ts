import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  checkConfig,
  configHash,
  mergeLayers,
  parseSetting,
  readConfigFile,
  resolveConfig,
} from '../../lib/config/resolve.js';
import type { TrainConfigInput } from '../../lib/config/schema.js';
import { UsageError } from '../../lib/errors.js';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'ser-config-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

describe('layers', () => {
  it('lets a flag win over --set, --set over the file, and the file over the preset', () => {
    const asked = mergeLayers({
      file: { epochs: 11, optimiser: { clip: 3, learningRate: 0.5 } },
      settings: ['epochs=12', 'optimiser.learningRate=0.25'],
      flags: { epochs: 13 },
    });
    const { config, preset } = resolveConfig(asked, 'quick');
    expect(preset).toBe('quick');
    expect(config.epochs).toBe(13);
    expect(config.optimiser.learningRate).toBe(0.25);
    expect(config.optimiser.clip).toBe(3);
    expect(config.encoder).toEqual(resolveConfig({}, 'quick').config.encoder);
  });

  it('gives a pretrained encoder the laptop preset, with the encoder that was asked for', () => {
    const { config, preset } = resolveConfig({ corpus: 'ravdess', encoder: { source: 'org/name' } });
    expect(preset).toBe('laptop');
    expect(config.encoder).toMatchObject({ kind: 'pretrained', source: 'org/name', trainable: 'all' });
  });

  it('replaces a preset encoder by one of another kind instead of mixing their fields', () => {
    expect(resolveConfig({ encoder: { kind: 'mel', width: 64 } }, 'paper').config.encoder).toMatchObject({
      kind: 'mel',
      width: 64,
    });
  });

  it('switches off with none what a preset brings, and still does so when the result is read again', () => {
    const asked = mergeLayers({ settings: ['augment.noise=none', 'augment.warp=none'] });
    const { config } = resolveConfig(asked, 'mel');
    expect(config.augment).toMatchObject({ noise: 'none', warp: 'none', tempo: [0.88, 1.12] });
    expect(resolveConfig(config, 'mel').config).toEqual(config);
    // Axes that only the mel encoder has are no obstacle to another encoder once they are off.
    const other = mergeLayers({
      settings: [
        'augment.warp=none',
        'augment.tempo=none',
        'encoder.kind=pretrained',
        'encoder.source=org/model',
      ],
    });
    expect(resolveConfig(other, 'mel').config.encoder.kind).toBe('pretrained');
    expect(() => checkConfig({ augment: { speed: [1.1, 0.9] } })).toThrow(/speed: must be \[low, high\]/);
  });

  it('has the published set-up under paper', () => {
    const { config } = resolveConfig({ corpus: 'ravdess' }, 'paper');
    expect(config).toMatchObject({
      encoder: { source: 'microsoft/wavlm-large', trainable: 'none' },
      epochs: 20,
      poolingHeads: 16,
      batch: { size: 16 },
      losses: { kl: 1, focal: 1, center: 1, supcon: 1 },
      mix: { kind: 'eam', snr: [-5, 10] },
      optimiser: { learningRate: 1e-4, centerLearningRate: 5e-3, schedule: 'decay', decay: 0.875 },
    });
  });

  it.each([
    [{ augment: { tempo: [0.9, 1.1] as [number, number] } }, /tempo and warp need the mel encoder/],
    [{ encoder: { source: 'x', lora: { rank: 8 } } }, /need trainable: none/],
    [{ encoder: { source: 'x', width: 4 } }, /width/],
    [{ encoder: { source: '' } }, /encoder.source/],
    [{ encoder: { kind: 'other' } }, /encoder/],
  ])('refuses %j for a pretrained encoder', (asked, message) => {
    const config = {
      corpus: 'ravdess',
      ...asked,
      encoder: { source: 'x', ...('encoder' in asked ? asked.encoder : {}) },
    };
    expect(() => resolveConfig(config as TrainConfigInput, 'laptop')).toThrow(message);
  });

  it('gives the demo corpus the quick preset and recorded corpora the mel one', () => {
    expect(resolveConfig({}).preset).toBe('quick');
    expect(resolveConfig({ corpus: 'ravdess' }).preset).toBe('mel');
    expect(() => resolveConfig({}, 'huge')).toThrow(/unknown preset "huge"/);
  });

  it('reads values of --set as JSON, else as text', () => {
    expect(parseSetting('mix.snr=[0,5]')).toEqual({ mix: { snr: [0, 5] } });
    expect(parseSetting('mix.kind=lam')).toEqual({ mix: { kind: 'lam' } });
    for (const wrong of ['epochs', '=3', 'a..b=1', '__proto__.x=1 y'])
      expect(() => parseSetting(wrong)).toThrow(UsageError);
  });
});

describe('checkConfig', () => {
  it.each([
    [{ epoch: 3 }, /epoch/],
    [{ epochs: 0 }, /epochs/],
    [{ epochs: '3' }, /epochs/],
    [{ mix: { snr: [10, -5] } }, /mix\.snr/],
    [{ encoder: { width: 100, heads: 3 } }, /heads must divide width/],
    [{ losses: { kl: 0, focal: 0 } }, /only they train the classifier/],
    [{ folds: [] }, /folds/],
  ])('names the field that does not hold: %j', (input, message) => {
    expect(() => checkConfig(input)).toThrow(message);
    expect(() => checkConfig(input)).toThrow(UsageError);
  });

  it('hashes equal settings equally, whatever their order', () => {
    const a = checkConfig({ epochs: 3, mix: { kind: 'lam', probability: 0.1 } });
    const b = checkConfig({ mix: { probability: 0.1, kind: 'lam' }, epochs: 3 });
    expect(configHash(a)).toBe(configHash(b));
    expect(configHash(checkConfig({ epochs: 4 }))).not.toBe(configHash(a));
  });
});

describe('readConfigFile', () => {
  it('reads JSON, YAML and the run.json of a run', async () => {
    await writeFile(join(folder, 'a.json'), '{"epochs": 5}');
    await writeFile(join(folder, 'a.yaml'), 'epochs: 6\nmix:\n  kind: none\n');
    await writeFile(
      join(folder, 'run.json'),
      JSON.stringify({ schema: 'ser-native/run@1', config: { epochs: 7 } }),
    );
    expect(await readConfigFile(join(folder, 'a.json'))).toEqual({ epochs: 5 });
    expect(await readConfigFile(join(folder, 'a.yaml'))).toEqual({ epochs: 6, mix: { kind: 'none' } });
    expect(await readConfigFile(join(folder, 'run.json'))).toEqual({ epochs: 7 });
  });

  it('says what is wrong with a file', async () => {
    await writeFile(join(folder, 'broken.json'), '{"epochs": ');
    await writeFile(join(folder, 'list.yaml'), '- 1\n');
    await expect(readConfigFile(join(folder, 'none.json'))).rejects.toThrow(/no such file/);
    await expect(readConfigFile(join(folder, 'broken.json'))).rejects.toThrow(/neither valid JSON nor YAML/);
    await expect(readConfigFile(join(folder, 'list.yaml'))).rejects.toThrow(/object of settings/);
  });
});
