import type { Corpus, Emotion } from '../../lib/corpus/types.js';
import { renderDescriptionText } from '../../lib/describe/describe-text.js';
import { descriptionOf } from '../../lib/describe/description.js';
import { renderCorpusPage } from '../../lib/describe/page/page.js';
import { columnsOf } from '../../lib/text-layout.js';

/** Labels alone, with everything that a corpus can have, and names that are markup. */
function voted(): Corpus {
  const utterances = Array.from({ length: 120 }, (_, i) => {
    const emotion = i % 3 === 0 ? 'anger' : 'happiness';
    const votes: Partial<Record<Emotion, number>> =
      i === 3 ? { anger: 1, happiness: 2 } : { [emotion]: 3, anger: emotion === 'anger' ? 2 : 1 };
    return {
      id: `u${String(i).padStart(3, '0')}`,
      path: `/data/u${i}.wav`,
      emotion,
      speaker: `<b>s${i % 40}</b>`,
      session: `Ses0${(i % 5) + 1}`,
      text: i % 2 === 0 ? `only ${emotion}` : 'both',
      votes: votes as Record<Emotion, number>,
      source: { emotion: emotion === 'anger' ? 'ang' : i % 2 === 0 ? 'hap' : 'exc' },
    };
  });
  return {
    name: 'voted',
    root: '/data/<script>',
    synthetic: false,
    partial: true,
    choices: { classes: '4' },
    classes: ['happiness', 'anger'],
    utterances,
    dropped: [{ reason: 'label xxx & co', paths: ['/data/x1.wav', '/data/x2.wav'] }],
    warnings: ['A partial copy.'],
  };
}

describe('descriptionOf', () => {
  const description = descriptionOf(voted());
  it('tells source labels, texts and votes', () => {
    expect(description.perClass[0]).toMatchObject({ sources: { exc: 40, hap: 40 } });
    // Odd utterances share a text; of the even ones each class has a text of its own.
    expect(description.texts).toMatchObject({ utterances: 120, distinct: 3, inOneClass: 60 });
    expect(description.votes!.utterances).toBe(120);
    expect(description.votes!.outvoted).toBe(1);
    expect(description.perClass[1]!.votes!.anger).toBeGreaterThan(0.9);
    expect(description.perClass[0]!.votes).toEqual({ happiness: 0.75, anger: 0.25 });
    expect(description.dropped).toEqual({ 'label xxx & co': 2 });
    expect(description.partial).toBe(true);
  });
});

describe('renderCorpusPage', () => {
  const page = renderCorpusPage({
    description: descriptionOf(voted()),
    version: '1.2.3',
    command: 'ser-native corpus',
  });
  it('needs nothing from elsewhere and escapes names', () => {
    expect(page).not.toMatch(/https?:\/\/|<script|src=/);
    expect(page).not.toContain('<b>s1');
    expect(page).toContain('&#60;b&#62;s1');
  });
  it('has a row for every speaker, and says that it is partial and of labels only', () => {
    for (let speaker = 0; speaker < 40; speaker++) expect(page).toContain(`&#62;s${speaker}&#60;`);
    expect(page).toMatch(/partial copy/i);
    expect(page).toMatch(/Only labels were read/);
  });
});

describe('renderDescriptionText', () => {
  it.each([60, 80, 120])('keeps to %i columns', (width) => {
    const text = renderDescriptionText(descriptionOf(voted()), { width });
    for (const line of text.split('\n')) expect(columnsOf(line)).toBeLessThanOrEqual(width);
    expect(text).toContain('and 10 more speakers');
    expect(text).toMatch(/Mind: A partial copy\./);
  });
});
