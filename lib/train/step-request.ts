/** Turns plans (batch, mix, augmentation) into the one request that the addon takes per step. */
import type { MixRows, Rows, StepRequest } from '../../bindings.js';
import type { StoreEntry } from '../audio/types.js';
import type { TrainConfig } from '../config/schema.js';
import type { MixPlan, MixRow } from '../mix/types.js';
import { hash32 } from '../random/philox.js';
import { drawAugment } from './augment.js';
import type { LearningRates } from './learning-rate.js';

/** An utterance as training sees it: where its samples lie and which class it is. */
export interface LabelledRow {
  id: string;
  /** Index into the corpus' classes. */
  label: number;
  /** Shares of the raters' votes over the classes, in place of the one class in the loss. C. */
  soft?: Float32Array;
  /** Its samples in the store, without the silence that `trim` leaves out. */
  entry: Pick<StoreEntry, 'offset' | 'length'>;
  /** The same in a store of features, counted in frames. */
  frames?: { offset: number; length: number };
}

/** Rows of the store for these utterances. */
export function storeRows(utterances: readonly LabelledRow[], unit: 'samples' | 'frames' = 'samples'): Rows {
  const part = (utterance: LabelledRow) => (unit === 'frames' ? utterance.frames! : utterance.entry);
  return {
    unit,
    offsets: Float64Array.from(utterances, (utterance) => part(utterance).offset),
    lengths: Int32Array.from(utterances, (utterance) => part(utterance).length),
    keys: Uint32Array.from(utterances, (u) => hash32(u.id)),
  };
}

/** Soft labels where an utterance has one, else one-hot; a row of zeros where there is no utterance. B x C. */
function labelRows(utterances: readonly (LabelledRow | undefined)[], classes: number): Float32Array {
  const result = new Float32Array(utterances.length * classes);
  utterances.forEach((utterance, row) => {
    if (utterance?.soft) result.set(utterance.soft, row * classes);
    else if (utterance) result[row * classes + utterance.label] = 1;
  });
  return result;
}

export interface StepContext {
  config: TrainConfig;
  /** What the rows are taken from. */
  unit: 'samples' | 'frames';
  /** Of the encoder's spectrogram; 0 where it has none. */
  bands: number;
  classes: number;
  fold: number;
  /** Counts from 1. */
  epoch: number;
  /** Counts from 0 over the whole fold. */
  step: number;
  rates: LearningRates;
  byId: ReadonlyMap<string, LabelledRow>;
  mixes: ReadonlyMap<string, MixRow>;
}

/** The request of one training step. */
export function stepRequest(ids: readonly string[], context: StepContext): StepRequest {
  const { config, classes, byId, mixes, fold, epoch } = context;
  const utterances = ids.map((id) => byId.get(id)!);
  const request: StepRequest = {
    rows: storeRows(utterances, context.unit),
    labels: labelRows(utterances, classes),
    augment: drawAugment(ids, config.augment, context.bands, { seed: config.seed, fold, epoch }),
    step: context.step,
    learningRate: context.rates.model,
    centerLearningRate: context.rates.centers,
  };
  if (config.mix.kind !== 'none') {
    const rows = ids.map((id) => mixes.get(id));
    const partners = rows.map((row) => (row ? byId.get(row.partner)! : undefined));
    request.mix = mixRows(config.mix.kind, rows, partners);
    request.partnerLabels = labelRows(partners, classes);
  }
  return request;
}

function mixRows(
  kind: 'eam' | 'lam',
  rows: readonly (MixRow | undefined)[],
  partners: readonly (LabelledRow | undefined)[],
): MixRows {
  return {
    kind,
    active: Uint8Array.from(rows, (row) => (row ? 1 : 0)),
    partnerOffsets: Float64Array.from(partners, (partner) => partner?.entry.offset ?? 0),
    partnerLengths: Int32Array.from(partners, (partner) => partner?.entry.length ?? 0),
    starts: Int32Array.from(rows, (row) => row?.start ?? 0),
    partnerStarts: Int32Array.from(rows, (row) => row?.partnerStart ?? 0),
    segmentLengths: Int32Array.from(rows, (row) => row?.length ?? 0),
    snr: Float64Array.from(rows, (row) => row?.snr ?? 0),
    lambda: Float64Array.from(rows, (row) => row?.lambda ?? 0),
  };
}

/** A plan's rows by utterance. */
export function mixesById(plan: MixPlan): Map<string, MixRow> {
  return new Map(plan.rows.map((row) => [row.id, row]));
}
