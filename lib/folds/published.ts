/**
 * Protocols of one corpus each, whose lists of speakers or sessions are published (or fixed by us, which the summary then says).
 * They hold for complete copies: a list none of whose speakers is there is refused.
 */

import { byLists, type Protocol } from './partition.js';

interface Published {
  name: string;
  corpus: string;
  summary: string;
  of: 'speaker' | 'session';
  /** What is tested together, a fold for each. */
  lists: readonly (readonly string[])[];
  /** Fold that validates under `next-fold`, by index; the next one where absent. */
  validatedBy?: (index: number) => number;
}

const actors = (...numbers: number[]): string[] =>
  numbers.map((number) => `Actor_${String(number).padStart(2, '0')}`);

/** One list each. */
const each = (names: readonly string[]): string[][] => names.map((name) => [name]);

/** Women first, as in the names' order: `Ses01F`, `Ses01M`, `Ses02F`, .. */
const iemocapSpeakers = ['1', '2', '3', '4', '5'].flatMap((session) => [
  `Ses0${session}F`,
  `Ses0${session}M`,
]);

const CREMAD_FIRST = 1001;
const CREMAD_ACTORS = 91;

/** All that are published, in the order of `--help`. */
export const PUBLISHED: readonly Published[] = [
  {
    name: 'demo-4fold',
    corpus: 'demo',
    summary: 'the synthetic demo corpus, a man and a woman per fold',
    of: 'speaker',
    lists: [
      ['m1', 'f1'],
      ['m2', 'f2'],
      ['m3', 'f3'],
      ['m4', 'f4'],
    ],
  },
  {
    name: 'ravdess-6fold',
    corpus: 'ravdess',
    summary: 'RAVDESS, actors 1-4, 5-8, .., 21-24 (as MSAF)',
    of: 'speaker',
    lists: [
      actors(1, 2, 3, 4),
      actors(5, 6, 7, 8),
      actors(9, 10, 11, 12),
      actors(13, 14, 15, 16),
      actors(17, 18, 19, 20),
      actors(21, 22, 23, 24),
    ],
  },
  {
    name: 'ravdess-6fold-emobox',
    corpus: 'ravdess',
    summary: 'RAVDESS, the six groups of EmoBox',
    of: 'speaker',
    lists: [
      actors(1, 11, 20, 21),
      actors(4, 10, 12, 14),
      actors(8, 9, 19, 23),
      actors(3, 5, 7, 24),
      actors(2, 15, 16, 18),
      actors(6, 13, 17, 22),
    ],
  },
  {
    name: 'ravdess-5fold',
    corpus: 'ravdess',
    summary: 'RAVDESS, the five groups of Luna-Jimenez et al.',
    of: 'speaker',
    lists: [
      actors(2, 5, 14, 15, 16),
      actors(3, 6, 7, 13, 18),
      actors(10, 11, 12, 19, 20),
      actors(8, 17, 21, 23, 24),
      actors(1, 4, 9, 22),
    ],
  },
  {
    name: 'iemocap-5fold',
    corpus: 'iemocap',
    summary: 'IEMOCAP, leave one session out',
    of: 'session',
    lists: each(['1', '2', '3', '4', '5']),
  },
  {
    name: 'iemocap-10fold',
    corpus: 'iemocap',
    summary: "IEMOCAP, leave one speaker out; the session's other speaker validates",
    of: 'speaker',
    lists: each(iemocapSpeakers),
    // Pairs of a session are neighbours, at an even index and the odd one after it. The other half of a test
    // conversation is thus never trained on.
    validatedBy: (index) => (index % 2 === 0 ? index + 1 : index - 1),
  },
  {
    name: 'msp-improv-6fold',
    corpus: 'msp-improv',
    summary: 'MSP-IMPROV, leave one session out',
    of: 'session',
    lists: each(['1', '2', '3', '4', '5', '6']),
  },
  {
    name: 'savee-4fold',
    corpus: 'savee',
    summary: 'SAVEE, leave one speaker out, in the order JE, KL, DC, JK (as EmoBox)',
    of: 'speaker',
    lists: each(['JE', 'KL', 'DC', 'JK']),
  },
  {
    name: 'emodb-10fold',
    corpus: 'emodb',
    summary: 'EMO-DB, leave one speaker out',
    of: 'speaker',
    lists: each(['03', '08', '09', '10', '11', '12', '13', '14', '15', '16']),
  },
  {
    name: 'cremad-5fold',
    corpus: 'cremad',
    summary: 'CREMA-D, every fifth actor together (no published list exists; this one is ours)',
    of: 'speaker',
    lists: Array.from({ length: 5 }, (_, fold) =>
      Array.from({ length: CREMAD_ACTORS }, (_, index) => index)
        .filter((index) => index % 5 === fold)
        .map((index) => String(CREMAD_FIRST + index)),
    ),
  },
];

export const publishedProtocols: readonly Protocol[] = PUBLISHED.map(
  ({ name, corpus: of, summary, of: kind, lists, validatedBy }): Protocol => ({
    name,
    summary,
    misfit: (corpus) => (corpus.name === of ? undefined : `it lists the ${kind}s of ${of}`),
    partition: (corpus) => ({
      kind: 'groups',
      groups: byLists(corpus, kind, lists).map((group, index) =>
        validatedBy ? { ...group, validatedBy: validatedBy(index) } : group,
      ),
    }),
  }),
);
