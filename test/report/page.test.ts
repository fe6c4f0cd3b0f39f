import {
  buildReport,
  renderReportMarkdown,
  renderReportPage,
  renderReportText,
} from '../../lib/report/index.js';
import type { ReportPageInput } from '../../lib/report/types.js';
import { unbalanced, visible } from './markup.js';
import { foldResult, pageInput, reportInput } from './tiny-run.js';

/** A page of the input after a change to it. */
function pageOf(change: (input: ReportPageInput) => void): string {
  const input = structuredClone(pageInput());
  change(input);
  return renderReportPage(input);
}

test('holds the figures, honest selection first', () => {
  const page = visible(renderReportPage(pageInput()));
  expect(page).toContain('87.5 ± 17.7');
  expect(page).toContain('100.0 ± 0.0');
  expect(page).toContain('all 8 predictions pooled');
  expect(page.indexOf('Validation-selected')).toBeLessThan(page.indexOf('Best on test'));
  expect(page).toMatch(/Best on test optimistic/);
  expect(page).toContain('npx ser-native train --data &#34;my folder&#34;');
  expect(page).toMatch(/no proof that the model decided/);
  expect(page).toMatch(/a , taken for b|a, taken for b/);
});

test('is well-formed, self-contained, without script, and always the same', () => {
  const page = renderReportPage(pageInput());
  expect(unbalanced(page)).toEqual([]);
  expect(page).not.toMatch(/https?:|\/\/[a-z]|@import|url\(|<script|<iframe|<img|\son[a-z]+=/i);
  expect(page).not.toMatch(/NaN|undefined|Infinity|\[object/);
  const ids = [...page.matchAll(/ id="([^"]*)"/g)].map(([, id]) => id);
  expect(new Set(ids).size).toBe(ids.length);
  expect(renderReportPage(pageInput())).toBe(page);
});

test('every chart has a name and a description', () => {
  const page = renderReportPage(pageInput());
  const charts = [...page.matchAll(/<svg class="chart[^>]*>(.*?)<\/svg>/g)];
  expect(charts.length).toBeGreaterThanOrEqual(6);
  for (const [whole] of charts) {
    expect(whole).toMatch(
      /role="img" aria-labelledby="\S+ \S+"><title id="[^"]+">[^<]+<\/title><desc id="[^"]+">[^<]+<\/desc>/,
    );
  }
});

test('escapes every name that comes from data', () => {
  const evil = '"><script>alert(1)</script>&\'';
  const page = pageOf((input) => {
    const { report } = input;
    report.corpus = evil;
    report.protocol = evil;
    report.classes = [evil, 'b'];
    report.warnings = [evil];
    for (const line of input.predictions!) {
      line.speaker = evil + line.speaker;
      if (line.label === 'a') line.label = evil;
      if (line.predicted === 'a') line.predicted = evil;
    }
    for (const spot of input.spotlights) Object.assign(spot, { id: evil, label: evil, predicted: evil });
    input.config = { [evil]: evil };
    input.command = evil;
    input.environment = { [evil]: evil };
  });
  expect(page).not.toContain('<script');
  expect(page).toContain('&#60;script&#62;alert(1)&#60;/script&#62;');
  expect(unbalanced(page)).toEqual([]);
});

test('an undefined UA is a dash with its reason, and the pooled UA leads', () => {
  const page = renderReportPage(
    pageInput({ folds: [foldResult(1, 'aaaa', 'aaab'), foldResult(2, 'abbb', 'abbb')] }),
  );
  expect(page).toMatch(/<abbr title="[^"]*lacks a class[^"]*">–<\/abbr>/);
  expect(visible(page)).toMatch(/90\.0 % pooled over all predictions/);
  // A figure and its percent sign stay on one line.
  expect(page).toContain('90.0\u00a0%');
  expect(visible(page)).toContain('UA is not defined where a test fold lacks a class');
  expect(page).not.toMatch(/NaN|null/);
});

test('says synthetic, and only where it is', () => {
  expect(renderReportPage(pageInput())).not.toMatch(/synthetic speech/i);
  const page = renderReportPage(pageInput({ synthetic: true, corpus: 'demo' }));
  expect(page).toMatch(/<title>[^<]*synthetic speech/);
  expect(visible(page)).toMatch(/Synthetic speech\. .*not recorded/);
});

test('says which folds there are', () => {
  const page = visible(renderReportPage(pageInput({ protocolFolds: 6 })));
  expect(page).toContain('2 of 6 folds');
  expect(page).toContain('Unfinished: 2 of 6 folds. No figure here is a result of the whole protocol.');
  expect(page).not.toContain('Mind this');
});

test('many warnings do not bury the results, yet all are there', () => {
  const many = Array.from({ length: 40 }, (_, i) => `left out file ${i}.`);
  const input = pageInput({ warnings: many });
  const page = visible(renderReportPage(input));
  expect(page).toContain('Mind these 40');
  for (const warning of many) expect(page).toContain(warning);
  const text = renderReportText(input.report);
  expect(text).toContain('... and 34 more in the report.');
  expect(text.split('\n').length).toBeLessThan(40);
});

test('the paper’s figures are a target, shown where the classes match', () => {
  const classes = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'];
  const ravdess = visible(renderReportPage(pageInput({ corpus: 'ravdess', classes })));
  expect(ravdess).toMatch(/Target paper, not a result of this run 92\.3 93\.4/);
  expect(visible(renderReportPage(pageInput({ corpus: 'ravdess' })))).not.toContain('92.3');
});

test('there is no target for other choices than the paper’s, which are named with the corpus, nor for a partial copy', () => {
  const of = (over: Parameters<typeof pageInput>[0]) => {
    const input = pageInput({ corpus: 'iemocap', classes: ['a', 'b', 'c', 'd'], ...over });
    return [
      visible(renderReportPage(input)),
      renderReportText(input.report),
      renderReportMarkdown(input.report),
    ];
  };
  for (const text of of({})) expect(text).toContain('79.1');
  for (const text of of({ choices: { part: 'improvised' } })) {
    expect(text).not.toContain('79.1');
    expect(text).toMatch(/iemocap \(part=improvised\), /i);
  }
  for (const text of of({ partial: true })) expect(text).not.toContain('79.1');
});

test('without validation it does not speak of one', () => {
  const input = pageInput({ validation: 'none' });
  for (const line of input.epochs) delete line.validation;
  const page = visible(renderReportPage(input));
  expect(page).toContain('Last epoch');
  expect(page).not.toMatch(/validation-selected|on validation/i);
});

test.each([
  ['one epoch', (input: ReportPageInput) => void input.epochs.splice(1, 1)],
  ['no epochs', (input: ReportPageInput) => void Object.assign(input, { epochs: [] })],
  ['no spotlights', (input: ReportPageInput) => void Object.assign(input, { spotlights: [] })],
  ['no predictions', (input: ReportPageInput) => void delete input.predictions],
  [
    'empty weights and envelope',
    (input: ReportPageInput) => void Object.assign(input.spotlights[0]!, { weights: [], envelope: [] }),
  ],
  ['silence', (input: ReportPageInput) => void Object.assign(input.spotlights[0]!, { envelope: [[0, 0]] })],
  [
    'a loss that went through JSON as null',
    (input: ReportPageInput) => {
      input.epochs[0]!.validation!.loss = null as unknown as number;
      input.epochs[1]!.train.total = Number.NaN;
    },
  ],
])('draws a run with %s', (_name, change) => {
  const page = pageOf(change);
  expect(unbalanced(page)).toEqual([]);
  expect(page).not.toMatch(/NaN|undefined|Infinity/);
});

describe('in the terminal', () => {
  const report = buildReport(reportInput({ protocolFolds: 3 }));

  test('fits 80 columns and holds the figures', () => {
    const text = renderReportText(report);
    expect(Math.max(...text.split('\n').map((line) => line.length))).toBeLessThanOrEqual(80);
    expect(text).toMatch(/Validation-selected +87\.5 ± 17\.7 +87\.5 ± 17\.7 +90\.0 +87\.5/);
    expect(text).toMatch(/Best on test \(optimistic\) +100\.0/);
    expect(text).toMatch(/2 of the protocol's 3 folds/);
    expect(text).not.toContain('\u001b');
    expect(text.endsWith('\n')).toBe(false);
  });

  test('colour changes nothing but colour', () => {
    const coloured = renderReportText(report, { colour: true });
    expect(coloured).toContain('\u001b[');
    // biome-ignore lint/suspicious/noControlCharactersInRegex: meant
    expect(coloured.replace(/\u001b\[[\d;]*m/g, '')).toBe(renderReportText(report));
  });

  test('a name cannot send control sequences', () => {
    expect(renderReportText({ ...report, corpus: 'x\u001b[2Jy' })).not.toContain('\u001b');
  });
});

test('Markdown: tables with the figures, names escaped', () => {
  const markdown = renderReportMarkdown({ ...buildReport(reportInput()), corpus: 'a|b <i>' });
  expect(markdown).toContain('| Validation-selected | 87.5 ± 17.7 |');
  expect(markdown).toContain('| 2 | 4 | 2 | 100.0 | 100.0 | 100.0 |');
  expect(markdown).toContain('## a\\|b \\<i\\>');
});

test('a run on part of a corpus says so in every form', () => {
  const report = buildReport(reportInput({ partial: true }));
  for (const render of [renderReportText, renderReportMarkdown]) {
    expect(render(report)).toMatch(/corpus was not complete/);
    expect(render(buildReport(reportInput()))).not.toMatch(/not complete/);
  }
});
