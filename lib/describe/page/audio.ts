/** Lengths and levels: how they are spread, and how they differ by class. */

import { formatDuration } from '../../format.js';
import type { Distribution } from '../../metrics/distribution.js';
import { html, type Markup } from '../../report/page/html.js';
import type { AudioDescription, CorpusDescription } from '../types.js';
import { levelOf, percentOf, secondsOf, times } from '../words.js';
import { boxChart, histogramChart } from './charts.js';

export function audioSection({ audio, perClass }: CorpusDescription): Markup {
  if (!audio) {
    return html`
<section id="audio">
  <h2>Lengths and levels</h2>
  <p class="note">Only labels were read. Without <code>--no-audio</code> this page also shows lengths, levels and what is odd about the recordings.</p>
</section>`;
  }
  const { seconds, level } = audio;
  const length = { unit: 's', format: (value: number) => String(Number(value.toPrecision(3))) };
  const dB = { unit: 'dBFS', format: (value: number) => levelOf(value).replace('.0', '') };
  const boxes = (of: 'seconds' | 'level') =>
    perClass.flatMap((one) => {
      const spread = one[of];
      return spread ? { name: one.class, spread } : [];
    });
  return html`
<section id="audio">
  <h2>Lengths and levels</h2>
  <p class="note">Level is the root mean square of an utterance in dB below full scale, where a sine of full scale has \u22123. Boxes hold the middle half of a class, whiskers nine tenths.</p>
  <div class="columns">
    <figure><figcaption>Length</figcaption>${histogramChart(seconds.histogram, { ...length, id: 'lengths', title: 'Lengths of the utterances' })}</figure>
    <figure><figcaption>Length by class</figcaption>${boxChart(boxes('seconds'), { ...length, id: 'class-lengths', title: 'Lengths by class' })}</figure>
    <figure><figcaption>Level</figcaption>${histogramChart(level.rms.histogram, { ...dB, id: 'levels', title: 'Levels of the utterances' })}</figure>
    <figure><figcaption>Level by class</figcaption>${boxChart(boxes('level'), { ...dB, id: 'class-levels', title: 'Levels by class' })}</figure>
  </div>
  ${spreadTable(audio)}
  ${shortcutNote(audio)}
  ${facts(audio)}
</section>`;
}

function spreadTable({ seconds, level }: AudioDescription): Markup {
  const row = (name: string, spread: Distribution, format: (value: number) => string) =>
    html`<tr><th scope="row">${name}</th>${[spread.min, spread.p5, spread.median, spread.mean, spread.p95, spread.max].map((value) => html`<td>${format(value)}</td>`)}</tr>`;
  return html`<div class="scroll"><table class="figures"><thead><tr><th></th>${['least', '5 %', 'median', 'mean', '95 %', 'most'].map((name) => html`<th scope="col">${name}</th>`)}</tr></thead><tbody>${row('length, s', seconds, secondsOf)}${row('level, dBFS', level.rms, levelOf)}${row('peak, dBFS', level.peak, levelOf)}</tbody></table></div>`;
}

function shortcutNote({ shortcuts: { level, length, chance } }: AudioDescription): Markup | null {
  if (level === null || length === null) return null;
  return html`<p class="note">Shortcuts: guessing the class of an unheard speaker from the level alone gives a UA of ${percentOf(level)}, from the length alone ${percentOf(length)}; chance is ${percentOf(chance)}.</p>`;
}

function facts({
  seconds,
  silence,
  sourceRates,
  decoders,
  bad,
  duplicates,
  store,
}: AudioDescription): Markup {
  const listed = (counts: Record<string, number>, name: (key: string) => string) =>
    Object.entries(counts)
      .map(([key, n]) => `${name(key)}: ${n}`)
      .join(', ');
  const rows: [string, string][] = [
    ['audio in all', formatDuration(seconds.total)],
    ['before the first sound', percentOf(silence.leading)],
    ['after the last sound', percentOf(silence.trailing)],
    [
      'sampling rate of the sources',
      listed(sourceRates, (rate) => (rate === 'unknown' ? rate : `${Number(rate) / 1000} kHz`)),
    ],
    ['decoded by', listed(decoders, (name) => name)],
    ['cannot be used', bad.length === 0 ? 'none' : times(bad.length, 'file')],
    [
      'occur more than once',
      duplicates.length === 0
        ? 'none'
        : duplicates
            .map((ids) => ids.join(' = '))
            .slice(0, 12)
            .join('; '),
    ],
    ['decoded samples', `${(store.bytes / 1e6).toFixed(0)} MB, ${store.path}`],
  ];
  return html`<table class="facts-list"><caption class="hidden">Facts on the audio</caption><tbody>${rows.map(([name, value]) => html`<tr><th scope="row">${name}</th><td>${value}</td></tr>`)}</tbody></table>`;
}
