import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { readCorpus } from '../../lib/corpus/index.js';
import { writeManifest } from '../../lib/corpus/write-manifest.js';
import { makeTree, removeTrees } from './temporary-tree.js';

afterAll(removeTrees);

test('a manifest reads back as the corpus it was written from', async () => {
  const root = await makeTree({
    'joy/anna/01.wav': 'x',
    'joy/anna/a, "quoted".wav': 'x',
    'Sad/ben/02.flac': 'x',
  });
  const corpus = await readCorpus('folder', { data: root });
  await writeManifest(corpus, join(root, 'list.csv'));
  const text = await readFile(join(root, 'list.csv'), 'utf8');
  expect(text.split('\n')[0]).toBe('path,emotion,speaker,id,source_emotion');
  expect(text).toContain('joy/anna/01.wav,happiness,anna,01,joy');
  const back = await readCorpus('manifest', { data: join(root, 'list.csv') });
  const known = ({ id, path, emotion, speaker }: (typeof back.utterances)[number]) => ({
    id,
    path,
    emotion,
    speaker,
  });
  expect(back.utterances.map(known)).toEqual(corpus.utterances.map(known));
  expect(back.classes).toEqual(corpus.classes);
});

test('audio elsewhere is named by its whole path; session, gender, text and split are kept', async () => {
  const root = await makeTree({
    'in/a.wav': 'x',
    'in/b.wav': 'x',
    'in/list.csv':
      'path,emotion,speaker,session,gender,text,split,take\na.wav,anger,p,s1,f,"one, two",train,7\nb.wav,fear,q,s2,m,three,test,8\n',
    'out/empty': '',
  });
  const corpus = await readCorpus('manifest', { data: join(root, 'in/list.csv') });
  const copy = join(root, 'out/list.csv');
  await writeManifest(corpus, copy);
  const back = await readCorpus('manifest', { data: copy });
  expect(back.utterances.map(({ source: _, ...rest }) => rest)).toEqual(
    corpus.utterances.map(({ source: _, ...rest }) => rest),
  );
  expect(back.utterances[0]!.source).toMatchObject({ take: '7', source_emotion: 'anger' });
});

test('the demo corpus has no files to list', async () => {
  await expect(writeManifest(await readCorpus('demo'), 'list.csv')).rejects.toMatchObject({
    code: 'E_NO_FILES',
    exitCode: 2,
  });
});
