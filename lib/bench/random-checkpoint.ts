/**
 * Checkpoints of a released encoder's shape with random weights: its speed is that of the released model, what it computes means
 * nothing. Written as transformers reads them.
 */
import { existsSync } from 'node:fs';
import { mkdir, open, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Shape } from './shapes.js';

type Sizes = readonly number[];
/** Name and sizes. */
export type TensorShape = readonly [name: string, sizes: Sizes];

interface SslJson {
  conv_dim: number[];
  conv_kernel: number[];
  conv_bias: boolean;
  feat_extract_norm: 'group' | 'layer';
  hidden_size: number;
  num_hidden_layers: number;
  num_attention_heads: number;
  intermediate_size: number;
  num_conv_pos_embeddings: number;
  num_conv_pos_embedding_groups: number;
  num_buckets: number;
}

interface WhisperJson {
  num_mel_bins: number;
  d_model: number;
  encoder_layers: number;
  encoder_ffn_dim: number;
  max_source_positions: number;
}

const linear = (name: string, out: number, inner: number, bias = true): TensorShape[] => [
  [`${name}.weight`, [out, inner]],
  ...(bias ? [[`${name}.bias`, [out]] as const] : []),
];
const norm = (name: string, size: number): TensorShape[] => [
  [`${name}.weight`, [size]],
  [`${name}.bias`, [size]],
];

/** Tensors of an encoder under transformers' names. */
export function tensorsOf(config: Record<string, unknown>): TensorShape[] {
  return config.model_type === 'whisper'
    ? whisperTensors(config as unknown as WhisperJson)
    : sslTensors(config as unknown as SslJson, config.model_type === 'wavlm');
}

function sslTensors(config: SslJson, wavlm: boolean): TensorShape[] {
  const { hidden_size: width, intermediate_size: inner, num_attention_heads: heads } = config;
  const tensors: TensorShape[] = [['masked_spec_embed', [width]]];
  let channels = 1;
  config.conv_dim.forEach((out, layer) => {
    const name = `feature_extractor.conv_layers.${layer}`;
    tensors.push([`${name}.conv.weight`, [out, channels, config.conv_kernel[layer]!]]);
    if (config.conv_bias) tensors.push([`${name}.conv.bias`, [out]]);
    if (config.feat_extract_norm === 'layer' || layer === 0) tensors.push(...norm(`${name}.layer_norm`, out));
    channels = out;
  });
  tensors.push(...norm('feature_projection.layer_norm', channels));
  tensors.push(...linear('feature_projection.projection', width, channels));
  const taps = config.num_conv_pos_embeddings;
  tensors.push(
    ['encoder.pos_conv_embed.conv.bias', [width]],
    ['encoder.pos_conv_embed.conv.weight_g', [1, 1, taps]],
    ['encoder.pos_conv_embed.conv.weight_v', [width, width / config.num_conv_pos_embedding_groups, taps]],
    ...norm('encoder.layer_norm', width),
  );
  for (let layer = 0; layer < config.num_hidden_layers; layer++) {
    const name = `encoder.layers.${layer}`;
    for (const part of ['k', 'v', 'q', 'out'])
      tensors.push(...linear(`${name}.attention.${part}_proj`, width, width));
    if (wavlm) {
      tensors.push([`${name}.attention.gru_rel_pos_const`, [1, heads, 1, 1]]);
      tensors.push(...linear(`${name}.attention.gru_rel_pos_linear`, 8, width / heads));
      if (layer === 0) tensors.push([`${name}.attention.rel_attn_embed.weight`, [config.num_buckets, heads]]);
    }
    tensors.push(
      ...norm(`${name}.layer_norm`, width),
      ...linear(`${name}.feed_forward.intermediate_dense`, inner, width),
      ...linear(`${name}.feed_forward.output_dense`, width, inner),
      ...norm(`${name}.final_layer_norm`, width),
    );
  }
  return tensors;
}

function whisperTensors(config: WhisperJson): TensorShape[] {
  const { d_model: width, encoder_ffn_dim: inner } = config;
  const prefix = 'model.encoder';
  const tensors: TensorShape[] = [
    [`${prefix}.conv1.weight`, [width, config.num_mel_bins, 3]],
    [`${prefix}.conv1.bias`, [width]],
    [`${prefix}.conv2.weight`, [width, width, 3]],
    [`${prefix}.conv2.bias`, [width]],
    [`${prefix}.embed_positions.weight`, [config.max_source_positions, width]],
  ];
  for (let layer = 0; layer < config.encoder_layers; layer++) {
    const name = `${prefix}.layers.${layer}`;
    tensors.push(
      ...linear(`${name}.self_attn.k_proj`, width, width, false),
      ...['v', 'q', 'out'].flatMap((part) => linear(`${name}.self_attn.${part}_proj`, width, width)),
      ...norm(`${name}.self_attn_layer_norm`, width),
      ...linear(`${name}.fc1`, inner, width),
      ...linear(`${name}.fc2`, width, inner),
      ...norm(`${name}.final_layer_norm`, width),
    );
  }
  return [...tensors, ...norm(`${prefix}.layer_norm`, width)];
}

const count = (sizes: Sizes): number => sizes.reduce((product, size) => product * size, 1);

/** Centre and half width of a uniform draw that keeps activations near unit size through the depth of the network. */
function spread(name: string, sizes: Sizes): [centre: number, half: number] {
  if (name.endsWith('weight_g') || name.endsWith('gru_rel_pos_const')) return [1.05, 0.05];
  if (name.includes('layer_norm') && name.endsWith('weight')) return [1, 0.15];
  if (name.endsWith('bias') || name.endsWith('embed_positions.weight')) return [0, 0.08];
  if (name.endsWith('rel_attn_embed.weight') || name.endsWith('masked_spec_embed')) return [0, 0.8];
  return [0, Math.sqrt(3 / count(sizes.slice(1)))];
}

/** Uniform numbers in [0, 1) (mulberry32): a checkpoint has hundreds of millions, for which the package's own draws are slow. */
function fastUniform(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Writes the folder unless it is there whole; resolves to it. */
export async function writeRandomCheckpoint(
  shape: Shape,
  directory: string,
  seed: number,
  signal?: AbortSignal,
): Promise<string> {
  const weights = join(directory, 'model.safetensors');
  if (existsSync(weights)) return directory;
  await mkdir(directory, { recursive: true });
  const text = (value: unknown) => `${JSON.stringify(value, null, 2)}\n`;
  await writeFile(join(directory, 'config.json'), text(shape.config));
  await writeFile(join(directory, 'preprocessor_config.json'), text(shape.preprocessor));

  const tensors = tensorsOf(shape.config);
  const header: Record<string, unknown> = { __metadata__: { format: 'pt' } };
  let at = 0;
  for (const [name, sizes] of tensors) {
    const bytes = 4 * count(sizes);
    header[name] = { dtype: 'F32', shape: sizes, data_offsets: [at, at + bytes] };
    at += bytes;
  }
  const json = Buffer.from(JSON.stringify(header));
  // Aligned, as the format asks for; JSON may end in spaces.
  const padded = Buffer.alloc(Math.ceil(json.length / 8) * 8, ' ');
  json.copy(padded);
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(padded.length));
  // Under another name until it is whole.
  const file = await open(`${weights}.part`, 'w');
  try {
    await file.writeFile(Buffer.concat([length, padded]));
    const uniform = fastUniform(seed);
    for (const [name, sizes] of tensors) {
      signal?.throwIfAborted();
      const [centre, half] = spread(name, sizes);
      const values = new Float32Array(count(sizes));
      for (let i = 0; i < values.length; i++) values[i] = centre + half * (2 * uniform() - 1);
      await file.writeFile(new Uint8Array(values.buffer));
    }
  } finally {
    await file.close();
  }
  await rename(`${weights}.part`, weights);
  return directory;
}
