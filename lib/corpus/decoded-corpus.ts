/** A corpus with its decoded audio: where its store lies, and who answers for speech that no file holds. */
import { openOrBuildStore, storeDirectory } from '../audio/store.js';
import type { StoreOptions } from '../audio/store-options.js';
import type { SampleStore } from '../audio/types.js';
import { cacheRoot } from '../runtime/cache.js';
import { DEMO_VERSION, synthesiseDemo } from './demo/index.js';
import type { Corpus } from './types.js';

/** Folder of a corpus' sample store in the cache. */
export function corpusStoreDirectory(corpus: Corpus): string {
  return storeDirectory(cacheRoot(), corpus.name, corpus.root);
}

/** Opens the sample store of a corpus, decoding what it lacks; see `openOrBuildStore`. */
export function openCorpusStore(
  corpus: Corpus,
  options: Omit<StoreOptions, 'name' | 'utterances' | 'directory' | 'synthesise' | 'synthesiser'>,
): Promise<SampleStore> {
  return openOrBuildStore({
    ...options,
    name: corpus.name,
    utterances: corpus.utterances.map(({ id, path }) => ({ id, path })),
    directory: corpusStoreDirectory(corpus),
    synthesise: synthesiseDemo,
    synthesiser: `synth@${DEMO_VERSION}`,
  });
}
