/**
 * `demo`: a corpus that the tool synthesises itself, so that everything can be tried without a download.
 *
 * It is synthetic speech, and is called so wherever it appears: a good figure on it shows that the tool works, and nothing
 * about recognising people's emotions.
 */

import { UsageError } from '../../errors.js';
import { Random } from '../../random/philox.js';
import { byCodeUnit } from '../audio-files.js';
import type { Corpus, CorpusReader, Utterance } from '../types.js';
import { writeScore } from './score.js';
import { SENTENCES } from './sentences.js';
import { DEMO_EMOTIONS, type DemoEmotion, drawStyle } from './styles.js';
import { render } from './synthesiser.js';
import { VOICES } from './voices.js';

/** Part of every URI: raised when the samples change, so that decoded copies of an older synthesiser are not reused. */
export const DEMO_VERSION = 1;

const URI = /^demo:(\d+)\/(\d+)\/([mf]\d)-([a-z]+)-(\d\d)$/;

function uriOf(seed: number, id: string): string {
  return `demo:${DEMO_VERSION}/${seed}/${id}`;
}

function checkSeed(seed: number): void {
  if (!Number.isSafeInteger(seed) || seed < 0) {
    throw new UsageError(`The demo corpus' seed is a whole number of 0 or more, found ${String(seed)}.`, {
      code: 'E_SEED',
    });
  }
}

/**
 * The synthetic corpus: 8 speakers x 4 emotions x 10 sentences = 320 utterances of about 1 to 2 s, nothing rendered yet.
 *
 * @param seed another seed gives other utterances of the same speakers.
 */
export function demoCorpus(seed = 0): Corpus {
  checkSeed(seed);
  const utterances: Utterance[] = [];
  for (const voice of VOICES) {
    for (const emotion of DEMO_EMOTIONS) {
      for (const [index, text] of SENTENCES.entries()) {
        const id = `${voice.id}-${emotion}-${String(index + 1).padStart(2, '0')}`;
        utterances.push({
          id,
          path: uriOf(seed, id),
          emotion,
          speaker: voice.id,
          gender: voice.gender,
          text,
          source: { emotion },
        });
      }
    }
  }
  utterances.sort((a, b) => byCodeUnit(a.id, b.id));
  return {
    name: 'demo',
    synthetic: true,
    classes: [...DEMO_EMOTIONS],
    utterances,
    dropped: [],
    warnings: [], // that it is synthetic is told by `synthetic`, which every output shows
  };
}

/** Whether a path is a demo URI, which `synthesiseDemo` answers, rather than a file. */
export function isDemoUri(path: string): boolean {
  return path.startsWith('demo:');
}

/**
 * Renders one utterance of the demo corpus.
 *
 * @param uri `demo:VERSION/SEED/ID`, as in `Utterance.path`.
 * @returns mono int16 samples at 16 kHz; the same on every machine, to the bit.
 * @throws UsageError where the URI names no utterance of this version.
 */
export function synthesiseDemo(uri: string): Int16Array {
  const [, version, seedText, speaker, emotion, number] = URI.exec(uri) ?? [];
  const voice = VOICES.find((candidate) => candidate.id === speaker);
  const sentence = SENTENCES[Number(number) - 1];
  const isEmotion = (DEMO_EMOTIONS as readonly (string | undefined)[]).includes(emotion);
  if (Number(version) !== DEMO_VERSION || voice === undefined || sentence === undefined || !isEmotion) {
    throw new UsageError(`"${uri}" names no utterance of the demo corpus.`, {
      code: 'E_DEMO_URI',
      cure: `Expected ${uriOf(0, 'm1-anger-01')} or the like; version ${DEMO_VERSION} is the current one.`,
    });
  }
  const seed = Number(seedText);
  checkSeed(seed);
  const id = `${speaker}-${emotion}-${number}`;
  const style = drawStyle(seed, voice.id, emotion as DemoEmotion, id);
  const score = writeScore(sentence, voice, style, new Random({ seed, stream: 'demo-score', item: id }));
  return render(score, voice, style, seed, id);
}

export const demo: CorpusReader = {
  name: 'demo',
  summary: 'synthetic speech made on the spot: 8 speakers, 4 emotions, 320 utterances (no download)',
  defaultProtocol: 'demo-4fold',
  read: async (options) => {
    // Training on synthetic speech while the user's own data lies unread would be the worst of surprises.
    if (options.data !== undefined) {
      throw new UsageError(`The demo corpus is synthetic and reads no data, but ${options.data} was given.`, {
        code: 'E_DEMO_DATA',
        cure: 'Name the corpus of your data: --corpus folder, manifest, or a known one such as ravdess.',
      });
    }
    return demoCorpus(options.seed ?? 0);
  },
};
