import { writeFile } from 'node:fs/promises';
import path from 'node:path';

import { afterAll, describe, expect, test } from '@jest/globals';

import { readCorpus } from '../../lib/corpus/index.js';
import { DataError } from '../../lib/errors.js';
import { makeTree, removeTrees } from './temporary-tree.js';

afterAll(removeTrees);

const AUDIO = { 'audio/a.wav': '', 'audio/b.wav': '', 'audio/c.flac': '' };

async function manifestOf(
  content: string,
  name = 'list.csv',
  files: Record<string, string> = AUDIO,
): Promise<string> {
  return path.join(await makeTree({ ...files, [name]: content }), name);
}

async function refusal(content: string, name?: string): Promise<DataError> {
  const data = await manifestOf(content, name);
  const error: unknown = await readCorpus('manifest', { data }).then(
    () => new Error('was read'),
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(DataError);
  return error as DataError;
}

describe('CSV', () => {
  test('with a byte order mark, CRLF, quotes and all columns', async () => {
    const data = await manifestOf(
      '\uFEFFPath,Emotion,Speaker,id,session,gender,text,split,arousal\r\n' +
        'audio/a.wav,Hap,anna,u1,s1,F,"well, hello",train,0.9\r\n' +
        '\r\n' +
        'audio/b.wav,schadenfreude,bob,,,,,dev,0.1\r\n',
    );
    const corpus = await readCorpus('manifest', { data });
    const root = path.dirname(data);
    expect(corpus.classes).toEqual(['happiness', 'schadenfreude']);
    expect(corpus.utterances).toEqual([
      {
        id: 'b',
        path: path.join(root, 'audio', 'b.wav'),
        emotion: 'schadenfreude',
        speaker: 'bob',
        split: 'validation',
        source: { emotion: 'schadenfreude', arousal: '0.1' },
      },
      {
        id: 'u1',
        path: path.join(root, 'audio', 'a.wav'),
        emotion: 'happiness',
        speaker: 'anna',
        session: 's1',
        gender: 'female',
        text: 'well, hello',
        split: 'train',
        source: { emotion: 'Hap', arousal: '0.9' },
      },
    ]);
  });

  test.each([';', '\t'])('separated by %j', async (separator) => {
    const rows = [
      ['path', 'emotion', 'speaker'],
      ['audio/a.wav', 'sad', 'x'],
      ['audio/b.wav', 'neu', 'y'],
    ];
    const data = await manifestOf(rows.map((row) => row.join(separator)).join('\n'));
    const corpus = await readCorpus('manifest', { data });
    expect(corpus.utterances.map(({ id, emotion }) => [id, emotion])).toEqual([
      ['a', 'sadness'],
      ['b', 'neutral'],
    ]);
  });

  test('takes absolute paths, and the manifest.csv of a folder', async () => {
    const root = await makeTree(AUDIO);
    const lists = await makeTree({
      'manifest.csv': `path,emotion,speaker\n${path.join(root, 'audio/a.wav')},sad,x\n${path.join(root, 'audio/b.wav')},calm,y\n`,
    });
    const corpus = await readCorpus('manifest', { data: lists });
    expect(corpus.utterances.map((one) => one.path)).toEqual([
      path.join(root, 'audio/a.wav'),
      path.join(root, 'audio/b.wav'),
    ]);
  });

  test('in UTF-16, as spreadsheets export it; bytes of no known text are refused', async () => {
    const text = '\uFEFFpath,emotion,speaker\r\naudio/a.wav,sad,Zoë\r\naudio/b.wav,calm,y\r\n';
    const data = await manifestOf('');
    await writeFile(data, Buffer.from(text, 'utf16le'));
    expect((await readCorpus('manifest', { data })).utterances[0]!.speaker).toBe('Zoë');
    await writeFile(data, Buffer.from(text.slice(1), 'latin1'));
    await expect(readCorpus('manifest', { data })).rejects.toThrow(/not UTF-8/);
  });

  test('uses paths for ids where stems are not unique', async () => {
    const data = await manifestOf('path,emotion,speaker\nx/1.wav,sad,x\ny/1.wav,calm,y\n', 'list.csv', {
      'x/1.wav': '',
      'y/1.wav': '',
    });
    expect((await readCorpus('manifest', { data })).utterances.map(({ id }) => id)).toEqual(['x/1', 'y/1']);
  });

  test('reports a missing column with those found', async () => {
    const error = await refusal('path,label,speaker\naudio/a.wav,sad,x\n');
    expect(error.message).toMatch(/line 1: column emotion missing; found path, label, speaker/);
  });

  test('reports every bad row with its line, all at once', async () => {
    const error = await refusal(
      'path,emotion,speaker,id,split\n' +
        'audio/a.wav,sad,x,1,train\n' +
        'audio/b.wav,,y,2,train\n' +
        'audio/nowhere.wav,sad,y,3,train\n' +
        'audio/c.flac,sad,y,1,train\n' +
        'audio/a.wav,sad,y,4,later\n',
    );
    expect(error.message).toContain('line 3: no emotion');
    expect(error.message).toMatch(/line 4: no file at .*nowhere\.wav/);
    expect(error.message).toContain('line 5: the id of line 2 again (1)');
    expect(error.message).toContain('line 6: the file of line 2 again');
    expect(error.message).toContain('line 6: split is train, validation or test, found "later"');
    expect(error.cure).toContain('relative paths start at');
  });

  test('reports rows of the wrong width, broken quotes, and a list without rows', async () => {
    expect((await refusal('path,emotion,speaker\naudio/a.wav,sad\n')).message).toContain(
      'line 2: 2 fields, the header names 3',
    );
    expect((await refusal('path,emotion,speaker\n"audio/a.wav,sad,x\n')).message).toMatch(/[Qq]uote/);
    expect((await refusal('path,emotion,speaker\n')).code).toBe('E_CORPUS_EMPTY');
    expect((await refusal('')).code).toBe('E_CORPUS_EMPTY');
    expect((await refusal('path,emotion,speaker\naudio/a.wav,sad,x\naudio/b.wav,sad,y\n')).message).toContain(
      'sadness',
    );
  });
});

describe('JSON Lines', () => {
  test('with numbers, nulls and blank lines', async () => {
    const data = await manifestOf(
      '{"path":"audio/a.wav","emotion":"angry","speaker":1,"session":2,"text":null}\n\n' +
        '{"path":"audio/c.flac","emotion":"neutral","speaker":"2","valence":0.5}\n',
      'list.jsonl',
    );
    const { utterances } = await readCorpus('manifest', { data });
    expect(
      utterances.map(({ emotion, speaker, session, source }) => ({ emotion, speaker, session, source })),
    ).toEqual([
      { emotion: 'anger', speaker: '1', session: '2', source: { emotion: 'angry' } },
      {
        emotion: 'neutral',
        speaker: '2',
        session: undefined,
        source: { emotion: 'neutral', valence: '0.5' },
      },
    ]);
  });

  test('reports lines that are no JSON objects', async () => {
    const error = await refusal(
      '{"path":"audio/a.wav","emotion":"sad","speaker":"x"}\n[1]\n{"path":\n',
      'list.jsonl',
    );
    expect(error.message).toContain('line 2: expected a JSON object');
    expect(error.message).toContain('line 3: not JSON');
  });

  test('reports missing fields with the line', async () => {
    const error = await refusal('{"path":"audio/a.wav"}\n', 'list.jsonl');
    expect(error.message).toContain('line 1: no emotion, no speaker');
  });
});
