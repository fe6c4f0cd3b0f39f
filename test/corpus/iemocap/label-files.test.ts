import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';

import { describe, expect, test } from '@jest/globals';

import {
  isDialog,
  parseId,
  parseLabels,
  parseTranscription,
} from '../../../lib/corpus/iemocap/label-files.js';

describe('an utterance id', () => {
  test('names the speaker in its last field, whoever wore the markers', () => {
    expect(parseId('Ses01F_impro01_M003')).toEqual({
      dialog: 'Ses01F_impro01',
      session: '1',
      part: 'improvised',
      speaker: 'Ses01M',
      gender: 'male',
    });
    expect(parseId('Ses05M_script01_1b_F017')).toEqual({
      dialog: 'Ses05M_script01_1b',
      session: '5',
      part: 'scripted',
      speaker: 'Ses05F',
      gender: 'female',
    });
    expect(parseId('Ses03M_impro08a_MXX0')?.speaker).toBe('Ses03M');
  });

  test.each([
    'Ses01F_impro01',
    'Ses06F_impro01_F000',
    'Ses01F_impro01_X000',
    'Ses01F_impro01_F000_x',
    'noise',
  ])('%s is none', (name) => {
    expect(parseId(name)).toBeUndefined();
  });

  test('dialogs are told from utterances', () => {
    expect(isDialog('Ses03M_impro05a')).toBe(true);
    expect(isDialog('Ses01F_script01_1')).toBe(true);
    expect(isDialog('music')).toBe(false);
  });
});

const BLOCKS = [
  '% [START_TIME - END_TIME] TURN_NAME EMOTION [V, A, D]',
  '',
  '[1.5000 - 3.2500]\tSes02F_impro01_M000\texc\t[4.0000, 3.5000, 3.0000]',
  'C-E1:\tHappiness; Excited;\t(amused; then tense)',
  'C-E2:\tExcited;\t()',
  'C-E4:\tNeutral state;\t()',
  'C-M1:\tAnger;\t()',
  'A-E1:\tval 4; act 4; dom  ;\t()',
  '',
  '[4.0000 - 5.0000]\tSes02F_impro01_F000\tXXX\t[2.5000, 2.5000, 2.5000]',
  'C-E1:\t;\t()',
  '',
];

describe('a label file', () => {
  test('has a block per utterance; actors do not rate, and a comment is no label', () => {
    const { blocks, unreadable } = parseLabels(BLOCKS.join('\n'));
    expect(unreadable).toEqual([]);
    expect(blocks).toEqual([
      {
        id: 'Ses02F_impro01_M000',
        label: 'exc',
        start: '1.5000',
        end: '3.2500',
        valence: '4.0000',
        activation: '3.5000',
        dominance: '3.0000',
        raters: [['Happiness', 'Excited'], ['Excited'], ['Neutral state']],
        line: 3,
      },
      expect.objectContaining({ id: 'Ses02F_impro01_F000', label: 'xxx', raters: [[]], line: 10 }),
    ]);
  });

  test('is read with Windows line ends and with blanks for tabs', () => {
    const plain = parseLabels(BLOCKS.join('\n'));
    expect(parseLabels(BLOCKS.join('\r\n'))).toEqual(plain);
    expect(parseLabels(BLOCKS.join('\n').replaceAll('\t', '  '))).toEqual(plain);
  });

  test('a damaged header is reported by line, and takes its raters with it', () => {
    const lines = [...BLOCKS];
    lines[9] = '[4.0000 - 5.0000]\tSes02F_impro01_F000';
    lines[10] = 'C-E1:\tAnger;\t()';
    const { blocks, unreadable } = parseLabels(lines.join('\n'));
    expect(unreadable).toEqual([10]);
    expect(blocks.map(({ raters }) => raters.flat())).toEqual([
      ['Happiness', 'Excited', 'Excited', 'Neutral state'],
    ]);
  });
});

test('a transcription gives sentences by id, and passes over other lines', () => {
  const text = [
    'Ses02F_impro01_M000 [001.5000-003.2500]: Are you there? ',
    'Ses02F_impro01_FXX0 [003.3000-003.4000]: Yes: here.',
    'M: [LAUGHTER]',
    'Ses02F_impro01_F000 [004.0000-005.0000]:',
  ].join('\r\n');
  expect([...parseTranscription(text)]).toEqual([
    ['Ses02F_impro01_M000', 'Are you there?'],
    ['Ses02F_impro01_FXX0', 'Yes: here.'],
  ]);
});

const formats = path.resolve('..', 'shared', 'corpora', 'formats');
const withFormats = existsSync(formats) ? test : test.skip;
if (!existsSync(formats)) console.warn(`No genuine lines at ${formats}: the test on them is skipped.`);

withFormats('genuine lines are read', () => {
  const text = (name: string): string => readFileSync(path.join(formats, name), 'latin1');
  const headers = parseLabels(text('IEMOCAP_header_lines_quoted.txt'));
  expect(headers.unreadable).toEqual([]);
  expect(headers.blocks.map(({ label }) => label)).toEqual([
    'neu',
    'neu',
    'neu',
    'xxx',
    'xxx',
    'neu',
    'fru',
    'fru',
    'fru',
  ]);
  const [block] = parseLabels(text('IEMOCAP_EmoEvaluation_Ses01F_impro01_quoted.txt')).blocks;
  expect(block?.raters).toEqual([['Neutral'], ['Neutral'], ['Neutral']]);
  expect(parseTranscription(text('IEMOCAP_transcriptions_quoted.txt')).size).toBe(2);
  const ids = text('EmoBox_iemocap_labels_sample.jsonl').trim().split('\n');
  for (const line of ids) {
    const wav = path.basename((JSON.parse(line) as { wav: string }).wav, '.wav');
    expect(parseId(wav)?.dialog).toBe(wav.slice(0, wav.lastIndexOf('_')));
  }
});
