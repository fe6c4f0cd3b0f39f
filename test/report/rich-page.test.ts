/** What the page shows beyond the figures: intervals, groups, calibration, audit, maps, spectrograms, deletion test. */

import { renderReportPage } from '../../lib/report/index.js';
import { verdict } from '../../lib/report/page/deletion.js';
import type { ReportPageInput } from '../../lib/report/types.js';
import { unbalanced, visible } from './markup.js';
import { foldResult, pageInput, richInput } from './tiny-run.js';

function pageOf(change: (input: ReportPageInput) => void): string {
  const input = structuredClone(richInput());
  change(input);
  return renderReportPage(input);
}

/** Text of the section with this id. */
function section(page: string, id: string): string {
  const found = new RegExp(`<section id="${id}"[\\s\\S]*?</section>`).exec(page);
  expect(found).not.toBeNull();
  return visible(found![0]);
}

test('is well-formed, self-contained and without script, with everything on it', () => {
  const page = renderReportPage(richInput());
  expect(unbalanced(page)).toEqual([]);
  expect(page).not.toMatch(/https?:|\/\/[a-z]|@import|url\(|<script|<iframe|<img|\son[a-z]+=/i);
  expect(page).not.toMatch(/NaN|undefined|Infinity|\[object/);
  const ids = [...page.matchAll(/ id="([^"]*)"/g)].map(([, id]) => id);
  expect(new Set(ids).size).toBe(ids.length);
  const targets = [...page.matchAll(/href="#([^"]*)"/g)].map(([, id]) => id);
  expect(targets.length).toBeGreaterThan(8);
  for (const target of targets) expect(ids).toContain(target);
  for (const [, labelled] of page.matchAll(/aria-labelledby="([^"]*)"/g))
    for (const id of labelled!.split(' ')) expect(ids).toContain(id);
  for (const [, id] of page.matchAll(/<label for="([^"]*)"/g)) expect(ids).toContain(id);
});

test('the headline: both selections with intervals, over how many speakers', () => {
  const page = renderReportPage(richInput());
  const text = visible(page);
  expect(text).toContain('4 speakers');
  expect(text).toMatch(/pooled 90\.0, 95 % \[71\.0, 97\.0\]/);
  const rows = [...page.matchAll(/<tr class="(?:selected|bestOnTest)">.*?<\/tr>/g)].map(([row]) =>
    visible(row),
  );
  expect(rows).toHaveLength(2);
  for (const row of rows) expect(row.match(/\[71\.0, 97\.0\]/g)).toHaveLength(3); // macro F1 has none here
  expect(text).toContain('95 % intervals of the pooled figures, over the 4 held-out speakers');
  const single = pageOf(({ report }) => {
    for (const pooled of Object.values(report.pooled))
      pooled.ci95 = { wa: null, ua: null, wf1: null, mf1: null };
  });
  expect(visible(single)).toContain('a single speaker says nothing');
});

test('every cell of the confusion matrix is a count and its share of the row', () => {
  const { report } = richInput();
  const page = renderReportPage(richInput());
  const cells = [...page.matchAll(/<td class="cell [^>]*>(\d+)<small>([\d.]*)<\/small><\/td>/g)];
  const expected = (['selected', 'bestOnTest'] as const).flatMap((selection) =>
    report.pooled[selection].confusion.flatMap((row) => {
      const support = row.reduce((a, b) => a + b);
      return row.map((count) => [String(count), count === 0 ? '' : ((100 * count) / support).toFixed(1)]);
    }),
  );
  expect(cells.map(([, count, share]) => [count, share])).toEqual(expected);
});

test('emotions, speakers, sessions and genders with their figures', () => {
  const page = renderReportPage(richInput());
  expect(section(page, 'emotions')).toMatch(/100\.0 \/ 80\.0|80\.0 \/ 100\.0/);
  const speakers = section(page, 'speakers');
  expect(speakers).toContain('Lowest: 50.0 % (s1-0); highest: 80.0 % (s2-1)');
  expect(speakers).toMatch(/Sessions .*first, second|Sessions .*first 50\.0/);
  expect(speakers).toContain('Genders');
});

test('reliability before and after temperature', () => {
  const certainty = section(renderReportPage(richInput()), 'certainty');
  expect(certainty).toContain('As trained ECE 21.0 %, Brier 0.340');
  expect(certainty).toContain('After temperature ECE 11.0 %, Brier 0.240');
  expect(certainty).toContain('1.25 to 1.50');
  const plain = pageOf(({ report }) => {
    delete report.calibration!.scaled;
    delete report.calibration!.temperatures;
  });
  expect(section(plain, 'certainty')).not.toMatch(/temperature/i);
});

test('a map for each fold, chosen without a script', () => {
  const page = renderReportPage(richInput());
  expect(page.match(/<input type="radio" name="map"/g)).toHaveLength(2);
  expect(page.match(/<input [^>]* checked>/g)).toHaveLength(1);
  const map = section(page, 'map');
  expect(map).toContain('places in two maps do not compare');
  expect(map).toContain('4 of 9 utterances');
  expect(map).toContain('62.5 %');
  expect(map).toContain('u1-2: b, taken for a');
  const one = pageOf((input) => void input.maps!.pop());
  expect(one).not.toContain('<input');
  expect(pageOf((input) => void delete input.maps)).not.toContain('id="map"');
});

test('spectrograms are pictures in the page; players only where audio was asked for', () => {
  const page = renderReportPage(richInput());
  expect(page).toContain('href="data:image/png;base64,iVBORw0KGgo="');
  expect(page).not.toMatch(/<audio|media-src/);
  const loud = pageOf((input) => Object.assign(input, { audio: { 'u1-0': 'UklGRg==', other: 'AAAA' } }));
  expect(loud.match(/<audio controls/g)).toHaveLength(1);
  expect(loud).toContain('src="data:audio/wav;base64,UklGRg=="');
  expect(loud).toContain('media-src data:');
  expect(loud).not.toContain('AAAA');
});

test('the deletion test says what its figures allow', () => {
  const page = section(renderReportPage(richInput()), 'deletion');
  expect(page).toContain('falls from 90.0 to 40.0 %; without as many frames elsewhere to 70.0 %');
  expect(page).toContain('13.0 points more than others (95 % interval [5.0, 20.0])');
  expect(page).toContain('do point to what the decision rests on, though no better than loudness alone');
  const test = richInput().deletion!;
  const of = (random: [number, number] | null, loudest: [number, number] | null = [0.01, 0.05]) =>
    verdict({
      ...test,
      gap: { random: { mean: 0.1, ci95: random }, loudest: { mean: 0.03, ci95: loudest } },
    });
  expect(of([0.02, 0.2])).toMatch(/and more so than loudness/);
  expect(of([0.02, 0.2], [-0.1, -0.02])).toMatch(/less than loudness alone/);
  expect(of([-0.02, 0.2])).toMatch(/no more than chance.*Do not read/);
  expect(of([-0.2, -0.02])).toMatch(/Do not read/);
  expect(of(null)).toMatch(/no verdict/);
  expect(pageOf((input) => Object.assign(input, { deletion: null }))).not.toContain('id="deletion"');
});

test('the audit: clean, and not', () => {
  expect(section(renderReportPage(richInput()), 'audit')).toMatch(
    /No leak found.*speakers; recordings.*texts are shared/,
  );
  const leaky = pageOf(({ report }) => Object.assign(report.audit!, { leaks: 2 }));
  expect(section(leaky, 'audit')).toContain('2 leaks: these figures are not of unseen speech.');
});

test('what a run is not is said before its figures', () => {
  const page = visible(
    pageOf(({ report }) => Object.assign(report, { synthetic: true, partial: true, protocolFolds: 6 })),
  );
  const figures = page.indexOf('UA, validation-selected');
  for (const mark of ['Synthetic speech.', 'Partial corpus.', 'Unfinished: 2 of 6 folds.']) {
    expect(page.indexOf(mark)).toBeGreaterThan(0);
    expect(page.indexOf(mark)).toBeLessThan(figures);
  }
  const plain = visible(renderReportPage(richInput()));
  expect(plain).not.toMatch(/Synthetic speech|Partial corpus|Unfinished/);
});

test('names from data are escaped wherever the page has grown', () => {
  const evil = '"><script>alert(1)</script>&\'';
  const page = pageOf((input) => {
    const { report } = input;
    report.classes = [evil, 'b'];
    for (const group of Object.values(report.groups!)) for (const one of group) one.name = evil;
    report.audit = { leaks: 1, warnings: [evil], checked: [evil] };
    for (const map of input.maps!) {
      for (const point of map.points) Object.assign(point, { id: evil, label: evil, predicted: evil });
      map.points[0]!.predicted = 'b';
    }
    Object.assign(input, { audio: { [evil]: 'UklGRg==' } });
    for (const spot of input.spotlights) Object.assign(spot, { id: evil, label: evil, predicted: evil });
  });
  expect(page).not.toContain('<script');
  expect(unbalanced(page)).toEqual([]);
});

test('a protocol of hundreds of folds and speakers does not flood the page', () => {
  const folds = Array.from({ length: 300 }, (_, i) =>
    foldResult(i + 1, 'aabb', i % 3 === 0 ? 'abab' : 'aabb'),
  );
  const page = renderReportPage(pageInput({ folds, protocolFolds: 300 }));
  expect(page.length).toBeLessThan(1_500_000);
  // What a reader sees without opening anything.
  const open = page.replace(/<details>[\s\S]*?<\/details>/g, '');
  expect(open.length).toBeLessThan(150_000);
  expect(visible(open)).toContain('UA of the folds: lowest 50.0 % (fold 1), median 100.0 %');
  expect(visible(open)).toMatch(/600 speakers, lowest first/);
  expect(visible(page)).toContain('s300-1');
  expect(visible(page)).toContain('The curves of 252 more folds are in metrics.jsonl');
});
