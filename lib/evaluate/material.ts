/** The corpus that models are judged on: read, and decoded through the store. */
import type { SampleStore } from '../audio/types.js';
import type { TrainConfig } from '../config/schema.js';
import { openCorpusStore } from '../corpus/decoded-corpus.js';
import { readCorpus } from '../corpus/index.js';
import type { Corpus, CorpusOptions } from '../corpus/types.js';
import { UsageError } from '../errors.js';
import type { Judges } from './judges.js';
import type { EvaluateOptions } from './types.js';

export interface Material {
  corpus: Corpus;
  store: SampleStore;
}

/** What corpus is meant: the one named, else the run's own as the run read it. */
export function corpusAsked(
  options: EvaluateOptions,
  { run, judges }: Judges,
): { name: string; options: CorpusOptions; onBadAudio: 'fail' | 'skip' } {
  const { corpus, data, choices, allowPartial, speakerPattern, speakers, onBadAudio } = options;
  const own = run && (corpus === undefined || corpus === run.config.corpus) ? run.config : null;
  const name = corpus ?? own?.corpus;
  if (name === undefined) {
    throw new UsageError(`the checkpoint does not lie in a run folder, so its corpus must be named`, {
      code: 'E_NO_CORPUS',
      cure: `It was trained on ${judges[0]!.card.corpus}: --corpus ${judges[0]!.card.corpus} --data DIR, or another corpus.`,
    });
  }
  const read: CorpusOptions = own ? corpusOptionsOf(own) : {};
  const asked = { data, choices, allowPartial, speakerPattern, speakers };
  for (const [key, value] of Object.entries(asked))
    if (value !== undefined) Object.assign(read, { [key]: value });
  if (own && choices) read.choices = { ...own.choices, ...choices };
  return { name, options: read, onBadAudio: onBadAudio ?? own?.onBadAudio ?? 'fail' };
}

/** How a run read its corpus. */
export function corpusOptionsOf(config: TrainConfig): CorpusOptions {
  const { data, choices, allowPartial, speakerPattern, speakers } = config;
  return { data, choices, allowPartial, speakerPattern, speakers };
}

/** Reads and decodes; tells as it goes. Utterances whose audio is bad are left out under `skip`. */
export async function openMaterial(
  asked: ReturnType<typeof corpusAsked>,
  { onEvent, signal }: EvaluateOptions,
): Promise<Material> {
  const whole = await readCorpus(asked.name, asked.options);
  onEvent?.({
    type: 'corpus',
    name: whole.name,
    synthetic: whole.synthetic,
    utterances: whole.utterances.length,
    speakers: new Set(whole.utterances.map(({ speaker }) => speaker)).size,
    classes: whole.classes,
  });
  const warn = (message: string) => onEvent?.({ type: 'warning', message });
  for (const message of whole.warnings) warn(message);
  const store = await openCorpusStore(whole, {
    onBadAudio: asked.onBadAudio,
    signal,
    onWarning: warn,
    onProgress: ({ done, total, etaSeconds }) => onEvent?.({ type: 'decode', done, total, etaSeconds }),
  });
  for (const bad of store.bad) warn(`left out ${bad.path}: ${bad.reason}`);
  return {
    corpus: { ...whole, utterances: whole.utterances.filter(({ id }) => store.entries.has(id)) },
    store,
  };
}
