import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { mapLabels, readLabelMap } from '../../lib/evaluate/label-map.js';

const known = ['neutral', 'happiness', 'sadness', 'anger'];
const utterance = (id: string, emotion: string, own = emotion) => ({ id, emotion, source: { emotion: own } });
const utterances = [
  utterance('1', 'anger', 'ang'),
  utterance('2', 'happiness', 'hap'),
  utterance('3', 'excitement', 'exc'),
  utterance('4', 'excitement', 'exc'),
  utterance('5', 'fear', 'fea'),
];

describe('mapLabels', () => {
  it('takes classes of the same name, and leaves the rest out by name', () => {
    const { classes, leftOut, mapped, warnings } = mapLabels(utterances, known);
    expect(Object.fromEntries(classes)).toEqual({ 1: 'anger', 2: 'happiness' });
    expect(leftOut).toEqual({ excitement: 2, fear: 1 });
    expect(mapped).toEqual({});
    expect(warnings).toEqual([]);
  });

  it.each([
    ['the label that the corpus itself uses', 'exc'],
    ['a word of the vocabulary', 'excitement'],
    ['another spelling of one', 'Excited'],
  ])('counts excitement as happiness where the map says so by %s', (_what, label) => {
    const { classes, leftOut, mapped } = mapLabels(utterances, known, new Map([[label, 'happy']]));
    expect(classes.get('3')).toBe('happiness');
    expect(leftOut).toEqual({ fear: 1 });
    expect(Object.values(mapped)).toEqual(['happiness']);
  });

  it('leaves out what is mapped to null, even where the model has the class', () => {
    const { classes, leftOut } = mapLabels(utterances, known, new Map([['ang', null]]));
    expect(classes.has('1')).toBe(false);
    expect(leftOut.ang).toBe(1);
  });

  it('names labels that no utterance has', () => {
    const { warnings } = mapLabels(utterances, known, new Map([['frustration', 'anger']]));
    expect(warnings[0]).toMatch(/frustration.*labels are anger, excitement/);
  });

  it('refuses a class that the model does not have, and names the near one', () => {
    expect(() => mapLabels(utterances, known, new Map([['exc', 'angry bird']]))).toThrow(/"angry bird"/);
    expect(() => mapLabels(utterances, known, new Map([['exc', 'hapiness']]))).toThrow(
      expect.objectContaining({ code: 'E_LABEL_MAP', cure: 'Did you mean happiness?' }),
    );
  });
});

describe('readLabelMap', () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'ser-label-map-'));
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  it.each([
    ['map.json', '{"exc": "happiness", "fea": null}'],
    ['map.yaml', 'exc: happiness\nfea:\n'],
    ['map.csv', 'label,class\nexc,happiness\nfea,\n'],
  ])('reads %s', async (name, text) => {
    await writeFile(join(folder, name), text);
    expect([...(await readLabelMap(join(folder, name)))]).toEqual([
      ['exc', 'happiness'],
      ['fea', null],
    ]);
  });

  it.each([
    ['list.json', '["exc"]', /cannot be used/],
    ['cut.json', '{"exc": ', /cannot be used/],
    ['number.yaml', 'exc: 3\n', /exc/],
    ['header.csv', 'exc,happiness\n', /label,class/],
  ])('refuses %s with what is expected', async (name, text, message) => {
    await writeFile(join(folder, name), text);
    await expect(readLabelMap(join(folder, name))).rejects.toThrow(message);
    await expect(readLabelMap(join(folder, name))).rejects.toMatchObject({
      code: 'E_LABEL_MAP',
      cure: expect.stringContaining('label'),
    });
  });

  it('says that a file is missing', async () => {
    await expect(readLabelMap(join(folder, 'none.json'))).rejects.toThrow(/does not exist/);
  });
});
