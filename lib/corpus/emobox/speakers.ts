/**
 * Who speaks an utterance of an EmoBox list. The lists themselves do not say, and without speakers no honest fold exists.
 *
 * EmoBox' own table takes the marker wearer of IEMOCAP (`Ses01F`_impro04_M000) for the speaker, which is wrong for half of the
 * utterances; names that spell the speaker are therefore read here, and the table is asked only about other corpora.
 */

import { parseId } from '../iemocap/label-files.js';
import type { Utterance } from '../types.js';

export type Voice = Pick<Utterance, 'speaker' | 'session' | 'gender'>;

/** By EmoBox' name of the corpus: the voice that the stem of an audio file spells. */
const FROM_STEM: Readonly<Record<string, (stem: string) => Voice | undefined>> = {
  iemocap(stem) {
    const parts = parseId(stem);
    return parts && { speaker: parts.speaker, session: parts.session, gender: parts.gender };
  },
  ravdess(stem) {
    const actor = /^\d\d(?:-\d\d){5}-(\d\d)$/.exec(stem)?.[1];
    if (actor === undefined) return undefined;
    return { speaker: `Actor_${actor}`, gender: Number(actor) % 2 === 1 ? 'male' : 'female' };
  },
  savee(stem) {
    const speaker = /^(DC|JE|JK|KL)_/.exec(stem)?.[1];
    return speaker === undefined ? undefined : { speaker, gender: 'male' };
  },
  emodb(stem) {
    const speaker = /^(\d\d)[ab]\d\d/.exec(stem)?.[1];
    return speaker === undefined ? undefined : { speaker };
  },
  cremad(stem) {
    const speaker = /^(1\d{3})_/.exec(stem)?.[1];
    return speaker === undefined ? undefined : { speaker };
  },
};

/** The voice that the name of an audio file spells, where the corpus' names do. @param stem without folder and extension */
export function voiceOfStem(dataset: string, stem: string): Voice | undefined {
  return FROM_STEM[dataset.toLowerCase()]?.(stem);
}
