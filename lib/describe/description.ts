/** From a corpus, and its decoded audio where there is any, to its description. Nothing is read or written here. */
import type { Measurements } from '../audio/measure.js';
import type { SampleStore } from '../audio/types.js';
import { byCodeUnit } from '../corpus/audio-files.js';
import type { Corpus } from '../corpus/types.js';
import { naturalOrder } from '../folds/group-speakers.js';
import { describeAudio, hear, hearClasses, hearSpeakers } from './audio.js';
import { countBy, inOrder } from './count.js';
import { describeClasses, describeSpeakers, describeTexts, describeVotes } from './labels.js';
import { describeProtocols } from './protocols.js';
import type { CorpusDescription } from './types.js';
import { audioWarnings, labelWarnings } from './warnings.js';

export interface DecodedAudioOf {
  store: SampleStore;
  measurements: ReadonlyMap<string, Measurements>;
}

/** Paths named for each reason of leaving files out. */
const EXAMPLES = 3;

export function descriptionOf(corpus: Corpus, decoded?: DecodedAudioOf): CorpusDescription {
  const { utterances } = corpus;
  const heard = decoded ? hear(corpus, decoded.store, decoded.measurements) : [];
  const audio = decoded ? describeAudio(corpus, decoded.store, heard) : undefined;
  const perClass = hearClasses(describeClasses(corpus), heard);
  const perSpeaker = hearSpeakers(describeSpeakers(corpus), heard);
  const sessions = countBy(utterances, ({ session }) => session);
  const splits = countBy(utterances, ({ split }) => split);
  const texts = describeTexts(utterances);
  const votes = describeVotes(utterances);
  const genders = gendersOf(perSpeaker);
  return {
    schema: 'ser-native/corpus@1',
    corpus: corpus.name,
    ...(corpus.root ? { root: corpus.root } : {}),
    synthetic: corpus.synthetic,
    ...(corpus.partial ? { partial: true } : {}),
    ...(corpus.choices && Object.keys(corpus.choices).length > 0 ? { choices: corpus.choices } : {}),
    utterances: utterances.length,
    classes: Object.fromEntries(perClass.map((one) => [one.class, one.utterances])),
    speakers: Object.fromEntries(perSpeaker.map((one) => [one.speaker, one.utterances])),
    ...(sessions.size > 0 ? { sessions: inOrder(sessions, naturalOrder) } : {}),
    dropped: Object.fromEntries(corpus.dropped.map(({ reason, paths }) => [reason, paths.length])),
    droppedFiles: corpus.dropped.map(({ reason, paths }) => ({
      reason,
      files: paths.length,
      examples: paths.slice(0, EXAMPLES),
    })),
    ...(genders ? { genders } : {}),
    ...(splits.size > 0 ? { splits: inOrder(splits, byCodeUnit) } : {}),
    perClass,
    perSpeaker,
    ...(texts ? { texts } : {}),
    ...(votes ? { votes } : {}),
    ...(audio ? { audio } : {}),
    protocols: describeProtocols(corpus, decoded?.store),
    warnings: [
      ...labelWarnings(corpus, perClass, perSpeaker),
      ...(audio ? audioWarnings(corpus, audio, perClass, heard) : []),
    ],
  };
}

/** Speakers by gender; undefined where the corpus names none. */
function gendersOf(speakers: CorpusDescription['perSpeaker']): CorpusDescription['genders'] {
  const count = (gender?: string) => speakers.filter((speaker) => speaker.gender === gender).length;
  const unknown = count();
  return unknown === speakers.length ? undefined : { male: count('male'), female: count('female'), unknown };
}
