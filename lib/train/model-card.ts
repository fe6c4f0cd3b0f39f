/** Model checkpoints: safetensors whose metadata say what the model is, so that one file is enough to predict. */
import { open } from 'node:fs/promises';
import { z } from 'zod';
import type { ModelConfig } from '../../bindings.js';
import type { TrainConfig } from '../config/schema.js';
import { DataError, hasCode } from '../errors.js';
import type { TrainEncoder } from './train-encoder.js';
import type { ModelCard } from './types.js';

/** The model that a configuration describes, for a corpus of so many classes. */
export function modelConfig(config: TrainConfig, encoder: TrainEncoder, classes: number): ModelConfig {
  return {
    classes,
    encoder: { ...encoder.config },
    ...(encoder.adapt ? { adapt: encoder.adapt } : {}),
    pooling: config.pooling,
    poolingHeads: config.poolingHeads ?? largestDivisor(encoder.config.width, 16),
    embedding: config.embedding,
    headDropout: config.headDropout,
  };
}

/** The largest divisor of `width` up to `most`: FLAM's heads where the configuration names none. */
export function largestDivisor(width: number, most: number): number {
  let divisor = Math.min(width, most);
  while (width % divisor !== 0) divisor--;
  return divisor;
}

/** Safetensors metadata are text to text. */
export function cardMetadata(card: ModelCard): Record<string, string> {
  return { format: card.format, card: JSON.stringify(card) };
}

const cardSchema = z.looseObject({
  format: z.literal('ser-native/model@1'),
  version: z.string(),
  model: z.looseObject({ classes: z.int().positive(), encoder: z.looseObject({ kind: z.string() }) }),
  origin: z.looseObject({ source: z.string(), revision: z.string().optional() }).optional(),
  classes: z.array(z.string()).min(1),
  trim: z.number().min(0),
  corpus: z.string(),
  synthetic: z.boolean(),
  protocol: z.string(),
  planHash: z.string().optional(),
  fold: z.int(),
  seed: z.int(),
  epoch: z.int(),
  temperature: z.number().positive().optional(),
});

/** Larger headers than this are refused, as the reference reader of the format does. */
const MAX_HEADER = 100_000_000;

/**
 * Reads what a checkpoint says of itself, without its weights.
 *
 * @throws DataError `E_CHECKPOINT` where the file is missing, truncated or not one of ours
 */
export async function readModelCard(path: string): Promise<ModelCard> {
  const refuse = (problem: string, cause?: unknown) =>
    new DataError(`${path} is no usable checkpoint: ${problem}`, {
      code: 'E_CHECKPOINT',
      cure: 'Name a run folder, or a best.safetensors that `ser-native train` wrote.',
      cause,
    });
  const file = await open(path, 'r').catch((error: unknown) => {
    throw refuse(hasCode(error, 'ENOENT') ? 'there is no such file' : (error as Error).message, error);
  });
  try {
    const { size } = await file.stat();
    const head = Buffer.alloc(8);
    if (size < 8 || (await file.read(head, 0, 8, 0)).bytesRead < 8)
      throw refuse('it is shorter than a header');
    const length = Number(head.readBigUInt64LE());
    if (length > MAX_HEADER || 8 + length > size)
      throw refuse('it is truncated, or not in the safetensors format');
    const text = Buffer.alloc(length);
    await file.read(text, 0, length, 8);
    let header: Record<string, { data_offsets?: [number, number] } & Record<string, string>>;
    try {
      header = JSON.parse(text.toString('utf8'));
    } catch (error) {
      throw refuse('its header is not JSON', error);
    }
    const ends = Object.entries(header).map(([name, tensor]) =>
      name === '__metadata__' ? 0 : (tensor.data_offsets?.[1] ?? 0),
    );
    const expected = 8 + length + Math.max(0, ...ends);
    if (expected !== size)
      throw refuse(`it should have ${expected} bytes and has ${size}; it was probably cut off`);
    const card = header.__metadata__?.card;
    if (!card) throw refuse('it holds tensors, but no description of a ser-native model');
    const parsed = cardSchema.safeParse(JSON.parse(card));
    if (!parsed.success)
      throw refuse(`its description does not hold: ${parsed.error.issues[0]?.path.join('.')}`);
    if (parsed.data.classes.length !== parsed.data.model.classes)
      throw refuse('its classes do not match its classifier');
    return parsed.data as unknown as ModelCard;
  } finally {
    await file.close();
  }
}
