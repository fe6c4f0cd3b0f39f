/** The protocols that a corpus can be judged under, tried out. */
import type { SampleStore } from '../audio/types.js';
import type { Corpus } from '../corpus/types.js';
import { SerError } from '../errors.js';
import { defaultProtocol, planFolds, protocolSummaries, protocolsFor } from '../folds/index.js';

import type { ProtocolDescription } from './types.js';

/** A plan names every utterance in every fold: beyond this many names it is not tried, since that would take seconds. */
const MAX_NAMES = 2_000_000;

/** @param store where audio was decoded: its hashes find recordings that a protocol would part */
export function describeProtocols(corpus: Corpus, store?: SampleStore): ProtocolDescription[] {
  const preferred = defaultProtocol(corpus);
  const usable = store
    ? { ...corpus, utterances: corpus.utterances.filter(({ id }) => store.entries.has(id)) }
    : corpus;
  const samplesSha256 = store && new Map([...store.entries].map(([id, one]) => [id, one.samplesSha256]));
  const names = protocolsFor(corpus);
  return [...new Set([preferred, ...names])].map((name) => {
    const described = { name, summary: summaryOf(name), default: name === preferred };
    if (namesInPlan(name, corpus) > MAX_NAMES) return described;
    try {
      return {
        ...described,
        folds: planFolds({ corpus: usable, protocol: name, samplesSha256 }).folds.length,
      };
    } catch (error) {
      if (!(error instanceof SerError)) throw error;
      return { ...described, problem: error.cure ? `${error.message} ${error.cure}` : error.message };
    }
  });
}

/** Utterance names in the plan of a protocol that makes a fold of every speaker or session. */
function namesInPlan(protocol: string, { utterances }: Corpus): number {
  const folds = new Set(
    protocol === 'loso'
      ? utterances.map(({ speaker }) => speaker)
      : protocol === 'leave-one-session-out'
        ? utterances.map(({ session }) => session)
        : [],
  );
  return folds.size * utterances.length;
}

function summaryOf(name: string): string {
  const groups = /^group-(\d+)$/.exec(name);
  if (groups) return `${groups[1]} groups of whole speakers, balanced by classes and counts`;
  return protocolSummaries.find((protocol) => protocol.name === name)?.summary ?? '';
}
