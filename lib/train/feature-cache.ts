/**
 * Features of a frozen encoder, computed once for a corpus and kept on disk: where neither mixing nor augmentation can change
 * what the encoder sees, every epoch, fold, seed and run would compute the same frames again.
 */
import { createHash } from 'node:crypto';
import { mkdir, open, readFile, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { canonicalJson } from '../config/resolve.js';
import type { NativeModel, NativeStore, RowSource, SerEngine } from '../native/engine.js';
import { cacheRoot } from '../runtime/cache.js';
import { fileSha256, writeAtomically, writeTextAtomically } from './atomic-file.js';
import { rangeOf } from './augment.js';
import { modelConfig } from './model-card.js';
import type { SettledConfig } from './precision.js';
import type { Prepared } from './prepare.js';
import { type LabelledRow, storeRows } from './step-request.js';
import type { TrainEncoder } from './train-encoder.js';
import type { TrainEvent } from './types.js';

/** Utterances computed at a time. */
const CHUNK = 16;

interface FeatureIndex {
  schema: 'ser-native/features@1';
  width: number;
  /** First frame and frames of each utterance. */
  rows: Record<string, [offset: number, length: number]>;
  frames: number;
}

export interface FeatureRequest {
  config: SettledConfig;
  encoder: TrainEncoder;
  prepared: Prepared;
  engine: SerEngine;
  native: NativeStore;
  emit: (event: TrainEvent) => void;
  signal?: AbortSignal;
}

/** Why the frames of a frozen encoder still differ from epoch to epoch, or null where they cannot. */
export function changesInput({ mix, augment, encoder }: SettledConfig): string | null {
  if (mix.kind !== 'none' && mix.probability + (mix.probabilityEnd ?? 0) > 0)
    return `mix ${mix.kind} changes what the encoder hears`;
  const kinds = (['speed', 'gain', 'noise'] as const).filter((kind) => rangeOf(augment[kind]) !== undefined);
  if (kinds.length > 0) return `augmentation (${kinds.join(', ')}) changes what the encoder hears`;
  if (augment.timeMasks + augment.bandMasks > 0) return 'SpecAugment masks what the encoder sees';
  return encoder.kind === 'pretrained' && encoder.hiddenStates === 'sum'
    ? 'the learned sum over layers changes its frames'
    : null;
}

/**
 * What training reads: the store of features of a frozen encoder where that is sound, else the samples. Gives the rows of
 * `prepared` their place in it, and tells which of the two it is.
 */
export async function cachedFeatures(request: FeatureRequest): Promise<RowSource> {
  const { config, encoder, prepared, engine, native, emit } = request;
  if (encoder.adapt?.trainableLayers !== 0 || encoder.adapt.loraRank > 0) return native;
  const reason = changesInput(maskless(config, encoder));
  if (reason) {
    emit({ type: 'features-refused', reason });
    return native;
  }
  const key = await cacheKey(request);
  const folder = join(cacheRoot(), 'features');
  const path = join(folder, `${key}.f32`);
  const kept = await readIndex(path);
  const index = kept ?? (await compute(request, folder, path));
  for (const [id, [offset, length]] of Object.entries(index.rows)) {
    const row = prepared.rows.get(id);
    if (row) row.frames = { offset, length };
  }
  emit({ type: 'features', done: prepared.rows.size, total: prepared.rows.size, path, etaSeconds: null });
  return engine.openFeatures(path, index.frames, index.width);
}

/** Encoders without a spectrogram have nothing that SpecAugment's settings here could mask. */
function maskless(config: SettledConfig, encoder: TrainEncoder): SettledConfig {
  return encoder.config.kind === 'ssl'
    ? { ...config, augment: { ...config.augment, timeMasks: 0, bandMasks: 0 } }
    : config;
}

/** Everything that the frames depend on: weights, shape, arithmetic, and the samples of every utterance. */
async function cacheKey({ config, encoder, prepared }: FeatureRequest): Promise<string> {
  const hash = createHash('sha256').update(canonicalJson(encoder.config)).update(config.precision);
  for (const file of encoder.files) hash.update(await fileSha256(file));
  for (const [id, row] of [...prepared.rows].sort(([a], [b]) => (a < b ? -1 : 1))) {
    const whole = prepared.store.entries.get(id)!;
    const { offset, length } = row.entry;
    hash.update(`${id}\0${whole.samplesSha256}\0${offset - whole.offset}\0${length}\n`);
  }
  return hash.digest('hex').slice(0, 32);
}

async function readIndex(path: string): Promise<FeatureIndex | null> {
  try {
    const index = JSON.parse(await readFile(`${path}.json`, 'utf8')) as FeatureIndex;
    const { size } = await stat(path);
    return index.schema === 'ser-native/features@1' && size === index.frames * index.width * 4 ? index : null;
  } catch {
    return null; // not there, or not whole: it is computed again
  }
}

async function compute(request: FeatureRequest, folder: string, path: string): Promise<FeatureIndex> {
  const { config, encoder, prepared, engine } = request;
  await mkdir(folder, { recursive: true });
  await rm(`${path}.json`, { force: true });
  const model = await engine.createModel(modelConfig(config, encoder, prepared.corpus.classes.length), 0);
  try {
    await model.loadPretrained(encoder.files);
    let index: FeatureIndex | undefined;
    await writeAtomically(path, async (partial) => {
      await (await open(partial, 'w')).close(); // what an interrupted run has left must not stay in front
      index = await append(request, model, partial, path);
    });
    await writeTextAtomically(`${path}.json`, `${JSON.stringify(index)}\n`);
    return index!;
  } finally {
    await model.release();
  }
}

async function append(
  { config, encoder, prepared, native, emit, signal }: FeatureRequest,
  model: NativeModel,
  partial: string,
  path: string,
): Promise<FeatureIndex> {
  const started = performance.now();
  const rows: LabelledRow[] = [...prepared.rows.values()].sort((a, b) => a.entry.length - b.entry.length);
  const index: FeatureIndex = {
    schema: 'ser-native/features@1',
    width: encoder.config.width,
    rows: {},
    frames: 0,
  };
  for (let first = 0; first < rows.length; first += CHUNK) {
    const members = rows.slice(first, first + CHUNK);
    const counts = await model.appendFeatures(native, storeRows(members), partial, {
      precision: config.precision,
      signal,
    });
    members.forEach(({ id }, at) => {
      index.rows[id] = [index.frames, counts[at]!];
      index.frames += counts[at]!;
    });
    const done = Math.min(first + CHUNK, rows.length);
    const elapsed = (performance.now() - started) / 1000;
    if (done < rows.length)
      emit({
        type: 'features',
        done,
        total: rows.length,
        path,
        etaSeconds: (elapsed / done) * (rows.length - done),
      });
  }
  return index;
}
