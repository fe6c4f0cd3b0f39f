import { describe, expect, test } from '@jest/globals';

import { parseEvaluations, parseName } from '../../../lib/corpus/msp-improv/evaluation-file.js';

test('a name tells sentence, intended emotion, speaker, session, scenario and turn', () => {
  expect(parseName('MSP-IMPROV-S07H-M04-T-MF12')).toEqual({
    sentence: '07',
    intended: 'H',
    speaker: 'M04',
    gender: 'male',
    session: '4',
    scenario: 'T',
    turn: 'MF12',
  });
  expect(parseName('UTD-IMPROV-S01A-F01-P-FM01')?.speaker).toBe('F01');
  for (const other of [
    'MSP-IMPROV-S07H-M07-T-MF12',
    'MSP-IMPROV-S07X-M01-T-MF12',
    'MSP-PODCAST_0001_0008',
    '',
  ])
    expect(parseName(other)).toBeUndefined();
});

const LINES = [
  'UTD-IMPROV-S07H-M04-T-MF12.avi; H; A:2.500000; V:4.000000; D:NaN ; N:4.250000;',
  '20140301_a-1; Happy; Happy,Excited (shy; amused); A:2.000000; V:4.000000; D:3.000000; N:NaN;',
  '20140301_b_2; Neutral; ; A:3.000000; V:4.000000; D:3.000000; N:4.000000;',
  '20140301_a-1; Happy; Happy; A:2.000000; V:4.000000; D:3.000000; N:4.000000;',
  '20140301_c; Other; Amused; A:2.000000; V:4.000000; D:3.000000; N:4.000000;',
  '',
  'stray; Sad; Sad; A:1.000000; V:1.000000; D:1.000000; N:1.000000;',
  'UTD-IMPROV-S07H-M04-S-MF12.avi; X; A:NaN; V:NaN; D:NaN; N:NaN;',
  '',
];

describe('the label file', () => {
  test('has a block per turn: NaN, a blank before the semicolon, raters that stand twice', () => {
    const { evaluations, unreadable } = parseEvaluations(LINES.join('\n'));
    expect(unreadable).toEqual([]);
    expect(evaluations).toEqual([
      {
        id: 'MSP-IMPROV-S07H-M04-T-MF12',
        consensus: 'H',
        activation: '2.500000',
        valence: '4.000000',
        dominance: 'NaN',
        naturalness: '4.250000',
        raters: ['Happy', 'Neutral', 'Other'],
        line: 1,
      },
      expect.objectContaining({ id: 'MSP-IMPROV-S07H-M04-S-MF12', consensus: 'X', raters: [], line: 8 }),
    ]);
    expect(parseEvaluations(LINES.join('\r\n')).evaluations).toEqual(evaluations);
  });

  test('a damaged header is reported by line, and its raters count for nobody', () => {
    const lines = ['UTD-IMPROV-S07H-M04-T-MF12.avi; H; A:2.5', LINES[1]!, '', ...LINES.slice(7)];
    const { evaluations, unreadable } = parseEvaluations(lines.join('\n'));
    expect(unreadable).toEqual([1]);
    expect(evaluations.map(({ raters }) => raters)).toEqual([[]]);
  });
});
