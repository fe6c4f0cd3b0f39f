#!/usr/bin/env node
/**
 * Writes plans/<protocol>.json: every published protocol stated by speakers or sessions, with what is known of the complete
 * corpus to hold a copy against. No utterance of a licensed corpus is listed.
 *   node scripts/make-plans.mjs          write (after npm run build)
 *   node scripts/make-plans.mjs --check  exit 1 where a file differs
 *
 * Three grades, by what is published. Where file names follow from a rule, the ids are the real ones: counts of each fold and
 * the hash of the plan. Where only counts of each speaker or session are published: counts of each fold. Else the total.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { cremadStems } from '../dist/corpus/cremad/stems.js';
import { demoCorpus } from '../dist/corpus/demo/index.js';
import { emodbCounts } from '../dist/corpus/emodb.js';
import { publishedInSession, SESSIONS } from '../dist/corpus/iemocap/published.js';
import { ravdessStems } from '../dist/corpus/ravdess.js';
import { saveeIds } from '../dist/corpus/savee.js';
import { planFolds, stateByGroups } from '../dist/folds/index.js';

const FOLDER = new URL('../plans/', import.meta.url);

/** The planner needs two classes in every part, and looks at no other label: every other utterance is of the second. */
const corpusOf = (name, rows, choices) => ({
  name,
  synthetic: false,
  classes: ['a', 'b'],
  utterances: rows.map((row, index) => ({ path: '', emotion: index % 2 ? 'b' : 'a', ...row })),
  dropped: [],
  warnings: [],
  choices,
});

const repeat = (count, row) => Array.from({ length: count }, () => row);
/** Stand-ins for utterances whose ids are not known: the plan states none of them. */
const counted = (rows) => rows.map((row, index) => ({ ...row, id: `u${String(index).padStart(5, '0')}` }));

const ravdess = corpusOf(
  'ravdess',
  ravdessStems().map((id) => ({ id, speaker: `Actor_${id.slice(-2)}` })),
);
const savee = corpusOf(
  'savee',
  saveeIds().map((id) => ({ id, speaker: id.slice(0, 2) })),
);
const cremad = corpusOf(
  'cremad',
  cremadStems().map((id) => ({ id, speaker: id.slice(0, 4) })),
  { labels: 'intended' },
);
const emodb = corpusOf(
  'emodb',
  counted(
    [...emodbCounts()].flatMap(([cell, count]) =>
      repeat(count, { speaker: /^speaker (\d\d) /.exec(cell)[1] }),
    ),
  ),
);
const iemocapTurns = SESSIONS.map((session) =>
  ['neu', 'hap', 'exc', 'sad', 'ang'].reduce((sum, label) => sum + publishedInSession(label, session), 0),
);
const IEMOCAP_CHOICES = { classes: '4', part: 'all' };
/** Published by session; how many of them each of its two speakers spoke is not, so that they are dealt out in turn. */
const iemocap = corpusOf(
  'iemocap',
  counted(
    SESSIONS.flatMap((session, index) =>
      repeat(iemocapTurns[index], { session }).map((row, turn) => ({
        ...row,
        speaker: `Ses0${session}${turn % 2 ? 'M' : 'F'}`,
      })),
    ),
  ),
  IEMOCAP_CHOICES,
);
/** 7798 turns in all; neither sessions nor speakers are counted in the publications. */
const mspImprov = corpusOf(
  'msp-improv',
  counted(
    repeat(7798, {}).map((_, turn) => {
      const session = String((turn % 6) + 1);
      return { session, speaker: `${turn % 4 < 2 ? 'F' : 'M'}0${session}` };
    }),
  ),
  { scenario: 'all' },
);

const REAL = { hash: true, counts: true };
const COUNTS = { hash: false, counts: true };
const TOTAL = { hash: false, counts: false };

const PLANS = [
  [demoCorpus(), 'demo-4fold', 'speaker', REAL, 'ser-native'],
  [ravdess, 'ravdess-6fold', 'speaker', REAL, 'contiguous actors, as in MSAF'],
  [ravdess, 'ravdess-6fold-emobox', 'speaker', REAL, 'EmoBox (Ma et al. 2024)'],
  [ravdess, 'ravdess-5fold', 'speaker', REAL, 'Luna-Jimenez et al.'],
  [savee, 'savee-4fold', 'speaker', REAL, 'EmoBox (Ma et al. 2024)'],
  [
    cremad,
    'cremad-5fold',
    'speaker',
    REAL,
    'ser-native: actors in order, modulo 5; no published list exists',
  ],
  [emodb, 'emodb-10fold', 'speaker', COUNTS, 'leave one speaker out, the convention of the field'],
  [iemocap, 'iemocap-5fold', 'session', COUNTS, 'leave one session out, the convention of the field'],
  [
    iemocap,
    'iemocap-10fold',
    'speaker',
    TOTAL,
    "leave one speaker out, the session's other speaker validates, the convention of the field",
  ],
  [mspImprov, 'msp-improv-6fold', 'session', TOTAL, 'leave one session out, the convention of the field'],
];

/** One fold a line. */
function format({ folds, ...rest }) {
  const head = JSON.stringify(rest, null, 1).slice(0, -2);
  return `${head},\n "folds": [\n  ${folds.map((fold) => JSON.stringify(fold)).join(',\n  ')}\n ]\n}\n`;
}

mkdirSync(FOLDER, { recursive: true });
let differing = 0;
for (const [corpus, protocol, by, known, source] of PLANS) {
  const stated = stateByGroups(planFolds({ corpus, protocol }), corpus, { by, source, ...known });
  const text = format(stated);
  const file = new URL(`${protocol}.json`, FOLDER);
  if (!process.argv.includes('--check')) writeFileSync(file, text);
  else if (readFileSync(file, 'utf8') !== text) {
    differing++;
    console.error(`${fileURLToPath(file)} is out of date: run node scripts/make-plans.mjs`);
  }
}
process.exitCode = differing > 0 ? 1 : 0;
