import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { checkpointFiles, readEncoderConfig } from '../../lib/encoder/hf-config.js';
import { failure } from './failure.js';
import {
  HUBERT_LARGE,
  SSL_INPUT,
  WAV2VEC2_LARGE,
  WAVLM_BASE,
  WHISPER_INPUT,
  WHISPER_TINY,
} from './hub-fixtures.js';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'ser-config-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function write(name: string, json: unknown): void {
  writeFileSync(join(folder, name), typeof json === 'string' ? json : JSON.stringify(json));
}

/** A checkpoint's two files, with changes; undefined takes a field away. */
function ssl(config: object, input: object | null = SSL_INPUT): void {
  write('config.json', config);
  if (input) write('preprocessor_config.json', input);
}

test('WavLM Base, every field', async () => {
  ssl(WAVLM_BASE);
  expect(await readEncoderConfig(folder)).toEqual({
    kind: 'ssl',
    family: 'wavlm',
    convChannels: [512, 512, 512, 512, 512, 512, 512],
    convKernels: [10, 3, 3, 3, 3, 2, 2],
    convStrides: [5, 2, 2, 2, 2, 2, 2],
    convBias: false,
    groupNorm: true,
    projectNorm: true,
    width: 768,
    layers: 12,
    heads: 12,
    feedForward: 3072,
    preNorm: false,
    normEpsilon: 1e-5,
    positionKernel: 128,
    positionGroups: 16,
    buckets: 320,
    maxDistance: 800,
    normalize: false,
    hiddenDropout: 0.1,
    attentionDropout: 0.1,
    activationDropout: 0,
    projectionDropout: 0.1,
    layerDrop: 0.05,
    specAugment: {
      timeProb: 0.05,
      timeLength: 10,
      timeMin: 2,
      featureProb: 0,
      featureLength: 10,
      featureMin: 0,
    },
  });
});

test('a file of transformers 4.5 is read: the fields that it is too old for have the values it was made with', async () => {
  ssl(WAV2VEC2_LARGE, { ...SSL_INPUT, do_normalize: true, feature_extractor_type: undefined });
  expect(await readEncoderConfig(folder)).toMatchObject({
    family: 'wav2vec2',
    preNorm: true,
    groupNorm: false,
    convBias: true,
    normalize: true,
    specAugment: { timeMin: 2, featureMin: 0 },
  });
});

test('HuBERT may do without the norm before its projection; no mask means no SpecAugment', async () => {
  ssl({ ...HUBERT_LARGE, feat_proj_layer_norm: false, mask_time_prob: 0 });
  const config = await readEncoderConfig(folder);
  expect(config).toMatchObject({ family: 'hubert', projectNorm: false });
  expect(config).not.toHaveProperty('specAugment');
  ssl({ ...HUBERT_LARGE, apply_spec_augment: false });
  expect(await readEncoderConfig(folder)).not.toHaveProperty('specAugment');
});

test('transformers 5 keeps the feature extractor in processor_config.json', async () => {
  ssl(WAVLM_BASE, null);
  write('processor_config.json', {
    feature_extractor: { ...SSL_INPUT, do_normalize: true },
    processor_class: 'Wav2Vec2Processor',
  });
  expect(await readEncoderConfig(folder)).toMatchObject({ normalize: true });
});

test('Whisper, with and without its preprocessor file', async () => {
  const expected = {
    kind: 'whisper',
    bands: 80,
    width: 384,
    layers: 4,
    heads: 6,
    feedForward: 1536,
    positions: 1500,
    window30: false,
    dropout: 0,
    attentionDropout: 0,
    activationDropout: 0,
    layerDrop: 0,
  };
  write('config.json', WHISPER_TINY);
  expect(await readEncoderConfig(folder)).toEqual(expected);
  write('preprocessor_config.json', WHISPER_INPUT);
  expect(await readEncoderConfig(folder, { window30: true })).toEqual({ ...expected, window30: true });
});

test.each([
  ['add_adapter', { add_adapter: true }],
  ['adapter_attn_dim', { adapter_attn_dim: 16 }],
  ['conv_pos_batch_norm', { conv_pos_batch_norm: true }],
  ['hidden_act', { hidden_act: 'gelu_new' }],
  ['feat_extract_activation', { feat_extract_activation: 'relu' }],
  ['feat_proj_layer_norm', { feat_proj_layer_norm: false }],
  ['position_embeddings_type', { position_embeddings_type: 'rotary' }],
  ['quantization_config', { quantization_config: { load_in_8bit: true } }],
])('%s that the engine has not is refused by name', async (name, change) => {
  ssl({ ...WAVLM_BASE, ...change });
  expect(await failure(readEncoderConfig(folder))).toMatchObject({
    code: 'E_ENCODER_UNSUPPORTED',
    exitCode: 2,
    message: expect.stringContaining(name),
  });
});

test('all that is not supported is said at once', async () => {
  ssl({ ...WAVLM_BASE, add_adapter: true, hidden_act: 'relu' });
  expect(await failure(readEncoderConfig(folder))).toMatchObject({
    details: {
      unsupported: [expect.stringContaining('hidden_act "relu"'), expect.stringContaining('add_adapter')],
    },
  });
});

test.each(['wav2vec2-conformer', 'wav2vec2-bert', 'data2vec-audio', 'unispeech-sat', 'bert'])(
  'model_type %s is refused, and those that are supported are listed',
  async (type) => {
    ssl({ ...WAVLM_BASE, model_type: type });
    expect(await failure(readEncoderConfig(folder))).toMatchObject({
      code: 'E_ENCODER_UNSUPPORTED',
      message: expect.stringMatching(new RegExp(`"${type}".*wav2vec2, hubert, wavlm, whisper`)),
    });
  },
);

test.each([
  ['feature_size', { feature_size: 80 }],
  ['sampling_rate', { sampling_rate: 8000 }],
  ['feature_extractor_type', { feature_extractor_type: 'SeamlessM4TFeatureExtractor' }],
])('a preprocessor with another %s is refused', async (name, change) => {
  ssl(WAVLM_BASE, { ...SSL_INPUT, ...change });
  expect(await failure(readEncoderConfig(folder))).toMatchObject({
    code: 'E_ENCODER_UNSUPPORTED',
    message: expect.stringContaining(name),
  });
});

test.each([
  ['scale_embedding', { scale_embedding: true }, {}],
  ['activation_function', { activation_function: 'relu' }, {}],
  ['apply_spec_augment', { apply_spec_augment: true }, {}],
  ['n_fft', {}, { n_fft: 512 }],
  ['hop_length', {}, { hop_length: 320 }],
  ['feature_size', {}, { feature_size: 128 }],
  ['dither', {}, { dither: 0.1 }],
])('Whisper with another %s is refused', async (name, change, input) => {
  write('config.json', { ...WHISPER_TINY, ...change });
  write('preprocessor_config.json', { ...WHISPER_INPUT, ...input });
  expect(await failure(readEncoderConfig(folder))).toMatchObject({
    code: 'E_ENCODER_UNSUPPORTED',
    message: expect.stringContaining(name),
  });
});

test('a field that has no safe default must be there', async () => {
  for (const name of [
    'do_stable_layer_norm',
    'feat_extract_norm',
    'activation_dropout',
    'max_bucket_distance',
  ]) {
    ssl({ ...WAVLM_BASE, [name]: undefined });
    expect(await failure(readEncoderConfig(folder))).toMatchObject({
      code: 'E_ENCODER_CONFIG',
      exitCode: 3,
      message: expect.stringContaining(`${name} is missing`),
    });
  }
  ssl(WAVLM_BASE, { ...SSL_INPUT, do_normalize: undefined });
  await expect(readEncoderConfig(folder)).rejects.toThrow('do_normalize is missing');
});

test('whether waveforms are normalised is not guessed', async () => {
  ssl(WAVLM_BASE, null);
  expect(await failure(readEncoderConfig(folder))).toMatchObject({
    code: 'E_ENCODER_CONFIG',
    message: expect.stringContaining('preprocessor_config.json'),
  });
});

test.each([
  ['lists of different lengths', { conv_kernel: [10, 3] }, 'conv_kernel names 2'],
  ['another number of convolutions', { num_feat_extract_layers: 5 }, 'num_feat_extract_layers says 5'],
  ['heads that do not divide the width', { num_attention_heads: 7 }, 'num_attention_heads 7 does not divide'],
  ['a value of another type', { conv_bias: 'no' }, 'conv_bias'],
  ['an absurd size', { hidden_size: 1e12 }, 'hidden_size'],
  ['an unknown norm', { feat_extract_norm: 'batch' }, 'feat_extract_norm'],
])('%s are told with the file', async (_, change, message) => {
  ssl({ ...WAVLM_BASE, ...change });
  expect(await failure(readEncoderConfig(folder))).toMatchObject({
    code: 'E_ENCODER_CONFIG',
    message: expect.stringContaining(message),
  });
  await expect(readEncoderConfig(folder)).rejects.toThrow('config.json');
});

test('no config.json, and one that is no JSON', async () => {
  expect(await failure(readEncoderConfig(folder))).toMatchObject({ code: 'E_ENCODER_CONFIG' });
  write('config.json', '{"model_type": ');
  await expect(readEncoderConfig(folder)).rejects.toThrow('no JSON');
});

test('window30 is for Whisper', async () => {
  ssl(WAVLM_BASE);
  expect(await failure(readEncoderConfig(folder, { window30: true }))).toMatchObject({
    code: 'E_ENCODER_WINDOW',
  });
});

test('safetensors win over pickles, one file over an index', async () => {
  write('pytorch_model.bin', '');
  expect(await checkpointFiles(folder)).toEqual({
    format: 'pickle',
    files: [join(folder, 'pytorch_model.bin')],
  });
  write('model.safetensors.index.json', {
    weight_map: { b: 'model-2.safetensors', a: 'model-1.safetensors', c: 'model-1.safetensors' },
  });
  write('model-1.safetensors', '');
  write('model-2.safetensors', '');
  expect(await checkpointFiles(folder)).toEqual({
    format: 'safetensors',
    files: [join(folder, 'model-1.safetensors'), join(folder, 'model-2.safetensors')],
  });
  write('model.safetensors', '');
  expect((await checkpointFiles(folder)).files).toEqual([join(folder, 'model.safetensors')]);
});

test('missing weights and missing parts are named', async () => {
  expect(await failure(checkpointFiles(folder))).toMatchObject({ code: 'E_ENCODER_WEIGHTS' });
  write('pytorch_model.bin.index.json', {
    weight_map: { a: 'pytorch_model-1.bin', b: 'pytorch_model-2.bin' },
  });
  write('pytorch_model-2.bin', '');
  expect(await failure(checkpointFiles(folder))).toMatchObject({
    code: 'E_ENCODER_WEIGHTS',
    details: { missing: ['pytorch_model-1.bin'] },
  });
});

test.each([
  '../other.safetensors',
  '/etc/passwd.safetensors',
  'a/b.safetensors',
  '..\\x.safetensors',
  'notes.txt',
  '',
])('an index that names %j is refused', async (name) => {
  write('model.safetensors.index.json', { weight_map: { a: name } });
  expect(await failure(checkpointFiles(folder))).toMatchObject({
    code: 'E_ENCODER_WEIGHTS',
    message: expect.stringContaining(JSON.stringify(name)),
  });
});
