/**
 * Reads `config.json` and `preprocessor_config.json` of a Hugging Face checkpoint.
 *
 * Class defaults of transformers differ from what the released checkpoints were trained with, so a field that matters must be
 * in the file. Excepted are fields that released files lack because they are younger than the files: each has its default
 * beside it below.
 */
import { access } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import type { PretrainedEncoderConfig, SslEncoderConfig, WhisperEncoderConfig } from '../../bindings.js';
import { DataError, UsageError } from '../errors.js';
import { readJson } from './read-json.js';

const SAMPLE_RATE = 16_000;
const SSL_TYPES = ['wav2vec2', 'hubert', 'wavlm'] as const;
export const SUPPORTED_MODEL_TYPES = [...SSL_TYPES, 'whisper'] as const;

/** Larger sizes than any released model has; what lies above is a damaged file. */
const size = z.int().min(1).max(65_536);
const sizes = z.array(size).min(1).max(32);
const dropout = z.number().min(0).lt(1);
const share = z.number().min(0).max(1);

const sslSchema = z.looseObject({
  conv_dim: sizes,
  conv_kernel: sizes,
  conv_stride: sizes,
  conv_bias: z.boolean(),
  feat_extract_norm: z.enum(['group', 'layer']),
  feat_extract_activation: z.string(),
  do_stable_layer_norm: z.boolean(),
  hidden_act: z.string(),
  hidden_size: size,
  num_hidden_layers: size,
  num_attention_heads: size,
  intermediate_size: size,
  layer_norm_eps: z.number().positive().lt(1),
  num_conv_pos_embeddings: size,
  num_conv_pos_embedding_groups: size,
  hidden_dropout: dropout,
  attention_dropout: dropout,
  activation_dropout: dropout,
  feat_proj_dropout: dropout,
  layerdrop: share,
  apply_spec_augment: z.boolean(),
  mask_time_prob: share,
  mask_time_length: size,
  mask_feature_prob: share,
  mask_feature_length: size,
  // The minimum numbers of masks came with transformers 4.13; wav2vec2's and HuBERT's files are older. WavLM's have both.
  mask_time_min_masks: z.int().min(0).max(1000).default(2),
  mask_feature_min_masks: z.int().min(0).max(1000).default(0),
  // HuBERT alone may do without that norm; files of hubert-large, and all of the other families, do not name it.
  feat_proj_layer_norm: z.boolean().default(true),
  // Only stated, never needed: the lists say it.
  num_feat_extract_layers: z.int().optional(),
  // Asked for by young files only; older ones mean "no".
  conv_pos_batch_norm: z.boolean().nullish(),
  add_adapter: z.boolean().nullish(),
  adapter_attn_dim: z.int().nullish(),
  position_embeddings_type: z.string().nullish(),
  quantization_config: z.unknown().optional(),
});

const wavlmSchema = sslSchema.extend({ num_buckets: size, max_bucket_distance: size });

const whisperSchema = z.looseObject({
  num_mel_bins: size,
  d_model: size,
  encoder_layers: size,
  encoder_attention_heads: size,
  encoder_ffn_dim: size,
  max_source_positions: size,
  activation_function: z.string(),
  scale_embedding: z.boolean(),
  dropout,
  attention_dropout: dropout,
  activation_dropout: dropout,
  encoder_layerdrop: share,
  // Came after the first releases, whose files lack it.
  apply_spec_augment: z.boolean().default(false),
  quantization_config: z.unknown().optional(),
});

const sslInputSchema = z.looseObject({
  feature_extractor_type: z.string().optional(),
  feature_size: z.int(),
  sampling_rate: z.number(),
  do_normalize: z.boolean(),
});

const whisperInputSchema = z.looseObject({
  feature_extractor_type: z.string().optional(),
  feature_size: z.int(),
  sampling_rate: z.number(),
  n_fft: z.int(),
  hop_length: z.int(),
  // Of transformers 4.46 and later; older files mean none.
  dither: z.number().default(0),
});

export interface EncoderConfigOptions {
  /** Whisper only: pad to 30 s as transformers does. Default false. */
  window30?: boolean;
}

/**
 * What the checkpoint in `directory` is.
 *
 * @throws UsageError `E_ENCODER_UNSUPPORTED`, naming all that the files ask for and the engine has not;
 *   DataError `E_ENCODER_CONFIG` where a file is missing, damaged or lacks a field
 */
export async function readEncoderConfig(
  directory: string,
  options: EncoderConfigOptions = {},
): Promise<PretrainedEncoderConfig> {
  const path = join(directory, 'config.json');
  const json = await readJson(path);
  if (json === undefined) {
    throw new DataError(`${directory} is no checkpoint: it has no config.json`, {
      code: 'E_ENCODER_CONFIG',
      cure: 'Name a folder as transformers writes it (config.json, preprocessor_config.json and the weights), or a model of the hub.',
    });
  }
  const { model_type: type } = check(z.looseObject({ model_type: z.string() }), json, path);
  if (type === 'whisper') return await readWhisper(json, path, directory, options.window30 ?? false);
  const family = SSL_TYPES.find((each) => each === type);
  if (family === undefined) {
    throw unsupported(path, [
      `model_type ${JSON.stringify(type)} (supported: ${SUPPORTED_MODEL_TYPES.join(', ')})`,
    ]);
  }
  if (options.window30) {
    throw new UsageError(`window30 is for Whisper only; ${path} is of model_type ${type}`, {
      code: 'E_ENCODER_WINDOW',
      cure: 'Leave it out: this encoder runs every utterance at its own length.',
    });
  }
  return await readSsl(family, json, path, directory);
}

async function readSsl(
  family: SslEncoderConfig['family'],
  json: unknown,
  path: string,
  directory: string,
): Promise<SslEncoderConfig> {
  const config: z.infer<typeof sslSchema> =
    family === 'wavlm' ? check(wavlmSchema, json, path) : check(sslSchema, json, path);
  const refused = new Refusals();
  refused.unless(config.hidden_act === 'gelu', 'hidden_act', config.hidden_act, '"gelu"');
  refused.unless(
    config.feat_extract_activation === 'gelu',
    'feat_extract_activation',
    config.feat_extract_activation,
    '"gelu"',
  );
  refused.unless(!config.add_adapter, 'add_adapter', config.add_adapter, 'false');
  refused.unless(config.adapter_attn_dim == null, 'adapter_attn_dim', config.adapter_attn_dim, 'null');
  refused.unless(!config.conv_pos_batch_norm, 'conv_pos_batch_norm', config.conv_pos_batch_norm, 'false');
  refused.unless(
    config.position_embeddings_type == null || config.position_embeddings_type === 'conv',
    'position_embeddings_type',
    config.position_embeddings_type,
    '"conv"',
  );
  refused.quantized(config.quantization_config);
  refused.unless(
    family === 'hubert' || config.feat_proj_layer_norm,
    'feat_proj_layer_norm',
    config.feat_proj_layer_norm,
    `true in ${family}`,
  );
  refused.raise(path);

  const convolutions = config.conv_dim.length;
  const lengths = {
    conv_kernel: config.conv_kernel.length,
    conv_stride: config.conv_stride.length,
    num_feat_extract_layers: config.num_feat_extract_layers ?? convolutions,
  };
  for (const [name, length] of Object.entries(lengths)) {
    if (length !== convolutions) {
      throw malformed(
        path,
        `conv_dim names ${convolutions} convolutions, ${name} ${name.startsWith('num') ? 'says' : 'names'} ${length}`,
      );
    }
  }
  requireDivides(path, config, 'num_attention_heads', 'hidden_size');
  requireDivides(path, config, 'num_conv_pos_embedding_groups', 'hidden_size');

  const input = await readSslInput(directory);
  const { num_buckets: buckets, max_bucket_distance: maxDistance } = config;
  return {
    kind: 'ssl',
    family,
    convChannels: config.conv_dim,
    convKernels: config.conv_kernel,
    convStrides: config.conv_stride,
    convBias: config.conv_bias,
    groupNorm: config.feat_extract_norm === 'group',
    projectNorm: config.feat_proj_layer_norm,
    width: config.hidden_size,
    layers: config.num_hidden_layers,
    heads: config.num_attention_heads,
    feedForward: config.intermediate_size,
    preNorm: config.do_stable_layer_norm,
    normEpsilon: config.layer_norm_eps,
    positionKernel: config.num_conv_pos_embeddings,
    positionGroups: config.num_conv_pos_embedding_groups,
    // The other families have no relative position bias; the engine does not look at the numbers then.
    buckets: family === 'wavlm' ? (buckets as number) : 320,
    maxDistance: family === 'wavlm' ? (maxDistance as number) : 800,
    normalize: input.do_normalize,
    hiddenDropout: config.hidden_dropout,
    attentionDropout: config.attention_dropout,
    activationDropout: config.activation_dropout,
    projectionDropout: config.feat_proj_dropout,
    layerDrop: config.layerdrop,
    ...(config.apply_spec_augment &&
      config.mask_time_prob + config.mask_feature_prob > 0 && {
        specAugment: {
          timeProb: config.mask_time_prob,
          timeLength: config.mask_time_length,
          timeMin: config.mask_time_min_masks,
          featureProb: config.mask_feature_prob,
          featureLength: config.mask_feature_length,
          featureMin: config.mask_feature_min_masks,
        },
      }),
  };
}

/** Whether to normalise differs between WavLM Base and Large and cannot be told from the weights, so the file must be there. */
async function readSslInput(directory: string): Promise<z.infer<typeof sslInputSchema>> {
  const found = await readInput(directory);
  if (found === undefined) {
    throw new DataError(
      `${directory} has no preprocessor_config.json, which says whether waveforms are normalised`,
      {
        code: 'E_ENCODER_CONFIG',
        cure: 'Take it from where the checkpoint comes from, or write one: {"feature_size": 1, "sampling_rate": 16000, "do_normalize": true or false}.',
      },
    );
  }
  const input = check(sslInputSchema, found.json, found.path);
  const refused = new Refusals();
  refused.extractor(input.feature_extractor_type, 'Wav2Vec2FeatureExtractor');
  refused.unless(input.feature_size === 1, 'feature_size', input.feature_size, '1');
  refused.unless(
    input.sampling_rate === SAMPLE_RATE,
    'sampling_rate',
    input.sampling_rate,
    String(SAMPLE_RATE),
  );
  refused.raise(found.path);
  return input;
}

async function readWhisper(
  json: unknown,
  path: string,
  directory: string,
  window30: boolean,
): Promise<WhisperEncoderConfig> {
  const config = check(whisperSchema, json, path);
  const refused = new Refusals();
  refused.unless(
    config.activation_function === 'gelu',
    'activation_function',
    config.activation_function,
    '"gelu"',
  );
  refused.unless(!config.scale_embedding, 'scale_embedding', config.scale_embedding, 'false');
  refused.unless(!config.apply_spec_augment, 'apply_spec_augment', config.apply_spec_augment, 'false');
  refused.unless(
    !window30 || config.max_source_positions === 1500,
    'max_source_positions',
    config.max_source_positions,
    '1500 with window30',
  );
  refused.quantized(config.quantization_config);
  refused.raise(path);
  requireDivides(path, config, 'encoder_attention_heads', 'd_model');
  await checkWhisperInput(directory, config.num_mel_bins);
  return {
    kind: 'whisper',
    bands: config.num_mel_bins,
    width: config.d_model,
    layers: config.encoder_layers,
    heads: config.encoder_attention_heads,
    feedForward: config.encoder_ffn_dim,
    positions: config.max_source_positions,
    window30,
    dropout: config.dropout,
    attentionDropout: config.attention_dropout,
    activationDropout: config.activation_dropout,
    layerDrop: config.encoder_layerdrop,
  };
}

/** Whisper has one front-end, whose bands config.json states, so the file may be missing; where it is, it must agree. */
async function checkWhisperInput(directory: string, bands: number): Promise<void> {
  const found = await readInput(directory);
  if (found === undefined) return;
  const input = check(whisperInputSchema, found.json, found.path);
  const refused = new Refusals();
  refused.extractor(input.feature_extractor_type, 'WhisperFeatureExtractor');
  const expected = {
    feature_size: bands,
    sampling_rate: SAMPLE_RATE,
    n_fft: 400,
    hop_length: 160,
    dither: 0,
  };
  for (const [name, value] of Object.entries(expected)) {
    refused.unless(input[name] === value, name, input[name], String(value));
  }
  refused.raise(found.path);
}

/** The feature extractor's file; transformers 5 writes a processor's into `processor_config.json` instead. */
async function readInput(directory: string): Promise<{ json: unknown; path: string } | undefined> {
  const path = join(directory, 'preprocessor_config.json');
  const json = await readJson(path);
  if (json !== undefined) return { json, path };
  const processor = join(directory, 'processor_config.json');
  const whole = z.looseObject({ feature_extractor: z.looseObject({}) }).safeParse(await readJson(processor));
  return whole.success
    ? { json: whole.data.feature_extractor, path: `${processor} (feature_extractor)` }
    : undefined;
}

/** The weights of a checkpoint. */
export interface CheckpointFiles {
  format: 'safetensors' | 'pickle';
  /** Absolute or as `directory` was given; more than one where the weights are split. */
  files: string[];
}

/** How weights may be stored, the preferred first: safetensors can be mapped, and nothing in it can run. */
const WEIGHTS = [
  { name: 'model.safetensors', format: 'safetensors', index: false },
  { name: 'model.safetensors.index.json', format: 'safetensors', index: true },
  { name: 'pytorch_model.bin', format: 'pickle', index: false },
  { name: 'pytorch_model.bin.index.json', format: 'pickle', index: true },
] as const;

export type WeightsFile = (typeof WEIGHTS)[number];

/** Which of the files called `names` holds the weights, or lists the files that do. */
export function chooseWeights(names: ReadonlySet<string>): WeightsFile | undefined {
  return WEIGHTS.find(({ name }) => names.has(name));
}

/** What is said of a checkpoint without weights in a format that can be read. */
export function noWeights(where: string): DataError {
  return new DataError(
    `${where} holds no weights: none of ${WEIGHTS.map(({ name }) => name).join(', ')} is there`,
    {
      code: 'E_ENCODER_WEIGHTS',
      cure: 'Take a checkpoint with PyTorch or safetensors weights; those of TensorFlow and JAX cannot be read.',
    },
  );
}

/**
 * Files that hold the weights of the checkpoint in `directory`.
 *
 * @throws DataError `E_ENCODER_WEIGHTS` where there are none, the index is damaged or names what is not beside it
 */
export async function checkpointFiles(directory: string): Promise<CheckpointFiles> {
  const present = await existing(
    directory,
    WEIGHTS.map(({ name }) => name),
  );
  const weights = chooseWeights(present);
  if (weights === undefined) throw noWeights(directory);
  const path = join(directory, weights.name);
  if (!weights.index) return { format: weights.format, files: [path] };
  const shards = await readShards(path, weights);
  const there = await existing(directory, shards);
  const missing = shards.filter((name) => !there.has(name));
  if (missing.length > 0) {
    throw new DataError(
      `${path} lists ${shards.length} files, of which ${missing.length} are missing: ${missing.join(', ')}`,
      {
        code: 'E_ENCODER_WEIGHTS',
        cure: 'Fetch them as well: `ser-native pull` takes all files of a model.',
        details: { missing },
      },
    );
  }
  return { format: weights.format, files: shards.map((name) => join(directory, name)) };
}

/** Names that an index lists, in order, each once: plain file names, since anything else would lead out of the folder. */
export async function readShards(path: string, { format }: WeightsFile): Promise<string[]> {
  const json = await readJson(path);
  const parsed = z.looseObject({ weight_map: z.record(z.string(), z.string()) }).safeParse(json);
  const names = parsed.success ? [...new Set(Object.values(parsed.data.weight_map))].sort() : [];
  if (names.length === 0) {
    throw new DataError(`${path} is no index of weights: it has no weight_map from tensors to files`, {
      code: 'E_ENCODER_WEIGHTS',
      cure: 'Fetch the file anew.',
    });
  }
  const ending = format === 'safetensors' ? '.safetensors' : '.bin';
  const bad = names.find((name) => !/^\w[\w.-]*$/.test(name) || !name.endsWith(ending));
  if (bad !== undefined) {
    throw new DataError(
      `${path} names ${JSON.stringify(bad)}; only plain names of ${ending} files beside it are taken`,
      { code: 'E_ENCODER_WEIGHTS', cure: 'Do not use this checkpoint unless you know who made it.' },
    );
  }
  return names;
}

async function existing(directory: string, names: readonly string[]): Promise<Set<string>> {
  const found = new Set<string>();
  for (const name of names) {
    // Follows links: in the hub's cache a name may outlive the file that it stood for.
    const ok = await access(join(directory, name)).then(
      () => true,
      () => false,
    );
    if (ok) found.add(name);
  }
  return found;
}

/** Collects what a file asks for and the engine has not, so that one error names all of it. */
class Refusals {
  readonly #found: string[] = [];

  unless(supported: boolean, name: string, value: unknown, expected: string): void {
    if (!supported) this.#found.push(`${name} ${JSON.stringify(value)} (supported: ${expected})`);
  }

  extractor(type: string | undefined, expected: string): void {
    this.unless(type === undefined || type === expected, 'feature_extractor_type', type, expected);
  }

  quantized(config: unknown): void {
    if (config != null) this.#found.push('quantization_config (supported: weights that are not quantised)');
  }

  raise(path: string): void {
    if (this.#found.length > 0) throw unsupported(path, this.#found);
  }
}

function unsupported(path: string, what: string[]): UsageError {
  return new UsageError(`${path} asks for what is not supported: ${what.join('; ')}`, {
    code: 'E_ENCODER_UNSUPPORTED',
    cure: 'Choose another checkpoint, e.g. microsoft/wavlm-base-plus, facebook/hubert-large-ls960-ft or openai/whisper-small.',
    details: { unsupported: what },
  });
}

function malformed(path: string, what: string): DataError {
  return new DataError(`${path}: ${what}`, {
    code: 'E_ENCODER_CONFIG',
    cure: 'The file is damaged or was changed by hand; fetch it anew.',
  });
}

function requireDivides(path: string, config: Record<string, unknown>, part: string, whole: string): void {
  if ((config[whole] as number) % (config[part] as number) !== 0) {
    throw malformed(path, `${part} ${config[part]} does not divide ${whole} ${config[whole]}`);
  }
}

function check<T>(schema: z.ZodType<T>, json: unknown, path: string): T {
  const result = schema.safeParse(json);
  if (result.success) return result.data;
  const at = (place: readonly PropertyKey[]): unknown =>
    place.reduce((value: unknown, key) => (value as Record<PropertyKey, unknown>)?.[key], json);
  const found = result.error.issues.map(({ path: place, message }) =>
    place.length > 0 && at(place) === undefined
      ? `${place.join('.')} is missing`
      : `${place.join('.') || 'it'}: ${message}`,
  );
  throw malformed(path, found.join('; '));
}
