/** What a fold needs to be trained, from what a whole run has. */
import type { Fold } from '../folds/types.js';
import { packageVersion } from '../runtime/version.js';
import type { FoldJob } from './fold.js';
import { modelConfig } from './model-card.js';
import { trainPart } from './train-fraction.js';
import type { Workshop } from './workshop.js';

/** One fold of one seed: which, under what name it is resumed, and where it lies. */
export interface FoldPart
  extends Pick<FoldJob, 'fold' | 'foldsAfter' | 'configHash' | 'directory' | 'onEpoch' | 'profiler'> {
  seed: number;
  fold: Fold;
}

export function foldJob(workshop: Workshop, { seed, fold, ...part }: FoldPart): FoldJob {
  const { encoder, prepared, engine, source, emit, signal } = workshop;
  const config = { ...workshop.config, seed };
  const { plan, corpus, rows, voices, active } = prepared;
  return {
    ...part,
    engine,
    store: source,
    config,
    fold: { ...fold, train: trainPart(fold, config, corpus.utterances) },
    encoder,
    planHash: plan.hash,
    classes: corpus.classes,
    rows,
    voices,
    active,
    card: {
      format: 'ser-native/model@1',
      version: packageVersion(),
      model: modelConfig(config, encoder, corpus.classes.length),
      ...(encoder.origin ? { origin: encoder.origin } : {}),
      classes: corpus.classes,
      trim: config.trim,
      corpus: corpus.name,
      synthetic: corpus.synthetic,
      protocol: plan.protocol,
      planHash: plan.hash,
      seed,
    },
    emit,
    signal,
  };
}
