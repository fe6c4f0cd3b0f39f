/** From a configuration to what training needs: corpus, decoded store, fold plan. */

import { activePart } from '../audio/active-part.js';
import { readSamples } from '../audio/read-samples.js';
import type { SampleStore } from '../audio/types.js';
import type { TrainConfig } from '../config/schema.js';
import { openCorpusStore } from '../corpus/decoded-corpus.js';
import { readCorpus } from '../corpus/index.js';
import type { Corpus } from '../corpus/types.js';
import { DataError, UsageError } from '../errors.js';
import { loadPlan, planFolds } from '../folds/index.js';
import type { FoldPlan } from '../folds/types.js';
import type { Voice } from './evaluate.js';
import type { LabelledRow } from './step-request.js';
import type { TrainEvent } from './types.js';

/** For `mix.segment: voiced`: sound within this many dB of the loudest frame counts as heard. */
const VOICED_FLOOR_DB = 40;

export interface Prepared {
  corpus: Corpus;
  store: SampleStore;
  /** All folds of the protocol, whichever are run. */
  plan: FoldPlan;
  /** Folds to run in this sitting, in order. */
  running: number[];
  rows: Map<string, LabelledRow>;
  voices: Map<string, Voice>;
  active?: Map<string, [number, number]>;
}

/** Reads, decodes and plans; tells as it goes. */
export async function prepare(
  config: TrainConfig,
  emit: (event: TrainEvent) => void,
  signal?: AbortSignal,
): Promise<Prepared> {
  const whole = await readCorpus(config.corpus, {
    data: config.data,
    allowPartial: config.allowPartial,
    speakerPattern: config.speakerPattern,
    speakers: config.speakers,
    choices: config.choices,
  });
  emit({
    type: 'corpus',
    name: whole.name,
    synthetic: whole.synthetic,
    utterances: whole.utterances.length,
    speakers: new Set(whole.utterances.map((utterance) => utterance.speaker)).size,
    classes: whole.classes,
    dropped: whole.dropped.map(({ reason, paths }) => ({ reason, files: paths.length })),
  });
  for (const message of whole.warnings) emit({ type: 'warning', message });

  const started = performance.now();
  const store = await openCorpusStore(whole, {
    onBadAudio: config.onBadAudio,
    signal,
    onWarning: (message) => emit({ type: 'warning', message }),
    onProgress: ({ done, total, etaSeconds }) => emit({ type: 'decode', done, total, etaSeconds }),
  });
  const seconds = (performance.now() - started) / 1000;
  emit({ type: 'store', utterances: store.entries.size, seconds, bad: store.bad });
  for (const bad of store.bad) emit({ type: 'warning', message: `left out ${bad.path}: ${bad.reason}` });
  warnOfDecoding(store, emit);

  const corpus = { ...whole, utterances: whole.utterances.filter(({ id }) => store.entries.has(id)) };
  if (corpus.utterances.length === 0) {
    throw new DataError(`no utterance of corpus ${corpus.name} can be used`, {
      code: 'E_NO_UTTERANCES',
      cure: 'Look at the reasons above; --on-bad-audio fail lists all of them.',
      details: store.bad,
    });
  }
  const samplesSha256 = new Map([...store.entries].map(([id, entry]) => [id, entry.samplesSha256]));
  const { protocol, validation, validationSpeakers } = config;
  const plan =
    config.plan === undefined
      ? planFolds({ corpus, protocol, validation, validationSpeakers, samplesSha256 })
      : await loadPlan(config.plan, whole, {
          samplesSha256,
          leftOut: new Set(store.bad.map(({ id }) => id)),
        });
  for (const message of plan.warnings ?? []) emit({ type: 'warning', message });
  const running = chosenFolds(config.folds, plan);
  emit({ type: 'plan', protocol: plan.protocol, hash: plan.hash, folds: plan.folds.length, running });

  const index = new Map(corpus.classes.map((name, label) => [name, label]));
  const rows = new Map<string, LabelledRow>();
  const active = config.mix.kind === 'eam' && config.mix.segment === 'voiced' ? new Map() : undefined;
  for (const { id, emotion, votes } of corpus.utterances) {
    const { offset, length } = store.entries.get(id)!;
    const [start, end] = config.trim > 0 ? activePart(readSamples(store, id), config.trim) : [0, length];
    rows.set(id, {
      id,
      label: index.get(emotion)!,
      ...(config.labels === 'soft' && votes ? { soft: softLabel(corpus.classes, votes) } : {}),
      entry: { offset: offset + start, length: end - start },
    });
    active?.set(id, activePart(readSamples(store, id).subarray(start, end), VOICED_FLOOR_DB));
  }
  const voices = new Map(
    corpus.utterances.map(({ id, speaker, session, gender }): [string, Voice] => [
      id,
      { speaker, session, gender },
    ]),
  );
  return { corpus, store, plan, running, rows, voices, active };
}

/** Shares of the votes, in the order of `classes`; undefined where no vote fell on one of them. */
function softLabel(classes: readonly string[], votes: Record<string, number>): Float32Array | undefined {
  const counts = classes.map((name) => votes[name] ?? 0);
  const sum = counts.reduce((total, count) => total + count, 0);
  return sum > 0 ? Float32Array.from(counts, (count) => count / sum) : undefined;
}

/** Files that were decoded with a complaint (truncated, clipped): the first few by name, the rest counted. */
function warnOfDecoding(store: SampleStore, emit: (event: TrainEvent) => void): void {
  const complained = [...store.entries.values()].filter(
    (entry) => entry.warnings && entry.warnings.length > 0,
  );
  for (const { id, warnings } of complained.slice(0, 5)) {
    emit({ type: 'warning', message: `${id}: ${warnings!.join('; ')}` });
  }
  if (complained.length > 5) {
    emit({
      type: 'warning',
      message: `${complained.length - 5} more files were decoded with a complaint; see the store's index`,
    });
  }
}

function chosenFolds(asked: TrainConfig['folds'], plan: FoldPlan): number[] {
  const all = plan.folds.map((fold) => fold.fold);
  if (asked === 'all') return all;
  const unknown = asked.filter((fold) => !all.includes(fold));
  if (unknown.length > 0) {
    throw new UsageError(
      `protocol ${plan.protocol} has folds 1 to ${all.length}, not ${unknown.join(', ')}`,
      {
        code: 'E_FOLDS',
        cure: `Name folds of 1 to ${all.length}, e.g. --folds 1,2, or --folds all.`,
      },
    );
  }
  return all.filter((fold) => asked.includes(fold));
}
