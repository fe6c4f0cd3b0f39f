import { describe, expect, test } from '@jest/globals';

import { emotionOf } from '../../lib/corpus/emotion-labels.js';
import { corpusReaders, madeChoices, readCorpus } from '../../lib/corpus/index.js';
import { nearestName } from '../../lib/corpus/nearest-name.js';
import type { Corpus } from '../../lib/corpus/types.js';
import { UsageError } from '../../lib/errors.js';
import { protocolSummaries } from '../../lib/folds/index.js';

describe('registry', () => {
  test('an unknown corpus lists those there are and the nearest', async () => {
    const error: unknown = await readCorpus('ravdes').catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(UsageError);
    expect((error as UsageError).message).toContain(
      'demo, ravdess, iemocap, msp-improv, savee, emodb, cremad, emobox, manifest, folder',
    );
    expect((error as UsageError).cure).toBe('Did you mean ravdess?');
  });

  test('options of a wrong type, and data for a corpus that reads none, are usage errors', async () => {
    await expect(readCorpus('ravdess', { data: 7 as unknown as string })).rejects.toThrow(
      /option data: .*string/,
    );
    await expect(readCorpus('ravdess', null as unknown as undefined)).rejects.toThrow(UsageError);
    const error: unknown = await readCorpus('demo', { data: '/my/recordings' }).catch(
      (reason: unknown) => reason,
    );
    expect(error).toBeInstanceOf(UsageError);
    expect((error as UsageError).cure).toContain('--corpus folder');
  });

  test('default protocols exist', () => {
    const names = protocolSummaries.map(({ name }) => name);
    for (const { defaultProtocol } of corpusReaders) {
      expect(names).toContain(defaultProtocol.replace(/^group-\d+$/, 'group-K'));
    }
  });
});

test.each([
  ['hap', 'happiness'],
  ['Happy', 'happiness'],
  [' HAPPINESS ', 'happiness'],
  ['ANG', 'anger'],
  ['fearful', 'fear'],
  ['pleasant_surprise', 'surprise'],
  ['Frustrated', 'frustration'],
  ['Wut', 'Wut'],
])('label %j is %s', (label, emotion) => {
  expect(emotionOf(label)).toBe(emotion);
});

test('the nearest name is offered only where it is likely', () => {
  expect(nearestName('RAVDESS-6-fold', ['ravdess-6fold', 'loso'])).toBe('ravdess-6fold');
  expect(nearestName('mani', ['manifest', 'folder'])).toBe('manifest');
  expect(nearestName('podcast', ['ravdess', 'demo'])).toBeUndefined();
});

test('only choices that differ from the defaults are worth a word', () => {
  const made = (choices: Record<string, string>) =>
    madeChoices({ name: 'iemocap', choices } as unknown as Corpus);
  expect(made({ classes: '4', part: 'all' })).toBeUndefined();
  expect(made({ classes: '6', part: 'all' })).toEqual({ classes: '6' });
  expect(madeChoices({ name: 'demo' } as unknown as Corpus)).toBeUndefined();
});
