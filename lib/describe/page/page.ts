/** The page of a corpus: one file that needs nothing else, neither network nor script. */
import { formatDuration } from '../../format.js';
import { document } from '../../report/page/document.js';
import { html, type Markup } from '../../report/page/html.js';
import type { CorpusDescription } from '../types.js';
import { levelOf, percentOf, secondsOf, sourcesText, times } from '../words.js';
import { audioSection } from './audio.js';
import { speakersSection } from './speakers.js';
import { CORPUS_STYLE } from './style.js';

export interface CorpusPageInput {
  description: CorpusDescription;
  /** Of this package. */
  version: string;
  /** Shown for making the page again. */
  command: string;
}

/** The same input gives the same text. Names of classes, speakers and files are escaped. */
export function renderCorpusPage({ description, version, command }: CorpusPageInput): string {
  return document({
    version,
    title: `${description.corpus}: ${description.utterances} utterances`,
    style: CORPUS_STYLE,
    header: header(description),
    sections: [
      classesSection(description),
      speakersSection(description),
      audioSection(description),
      labelsSection(description),
      droppedSection(description),
      protocolsSection(description),
      html`
<section id="again">
  <h2>Make this page again</h2>
  <pre class="command">${command}</pre>
</section>`,
    ],
  });
}

function header(description: CorpusDescription): Markup {
  const { corpus, root, audio, genders, choices, synthetic, partial, warnings } = description;
  const facts = [
    times(description.utterances, 'utterance'),
    times(description.perSpeaker.length, 'speaker'),
    ...(genders ? [`${genders.female} female, ${genders.male} male`] : []),
    times(description.perClass.length, 'class', 'classes'),
    ...Object.entries(choices ?? {}).map(([name, value]) => `${name}=${value}`),
  ];
  return html`<h1>${corpus} <span>what is in it</span></h1>
  <p class="facts">${facts.map((fact, i) => html`${i > 0 && ' \u00b7 '}<span>${fact}</span>`)}</p>
  ${root && html`<p class="facts">${root}</p>`}
  ${synthetic && html`<p class="mark-box"><strong>Synthetic speech.</strong> This corpus is computed by the tool itself, not recorded.</p>`}
  ${partial && html`<p class="mark-box"><strong>A partial copy.</strong> Figures on it compare with no published ones.</p>`}
  <dl class="cards">
    <div class="card main"><dt>utterances</dt><dd>${description.utterances}</dd><dd class="what">${times(description.perClass.length, 'class', 'classes')}</dd></div>
    <div class="card"><dt>speakers</dt><dd>${description.perSpeaker.length}</dd><dd class="what">${perSpeaker(description)}</dd></div>
    <div class="card"><dt>audio</dt><dd>${audio ? formatDuration(audio.seconds.total) : '\u2013'}</dd><dd class="what">${audio ? `${secondsOf(audio.seconds.mean)} s in the mean, ${secondsOf(audio.seconds.min)} to ${secondsOf(audio.seconds.max)} s` : 'not read'}</dd></div>
  </dl>
  ${warningBox(warnings)}`;
}

function perSpeaker({ perSpeaker: speakers }: CorpusDescription): string {
  const counts = speakers.map(({ utterances }) => utterances);
  const [least, most] = [Math.min(...counts), Math.max(...counts)];
  return least === most ? `${least} utterances each` : `${least} to ${most} utterances each`;
}

function warningBox(warnings: CorpusDescription['warnings']): Markup {
  if (warnings.length === 0) return html`<p class="note">Nothing to warn of.</p>`;
  return html`<aside class="warnings" aria-label="Warnings"><strong>${warnings.length === 1 ? 'Mind this' : `Mind these ${warnings.length}`}</strong><ul>${warnings.map(
    ({ message, items = [] }) =>
      html`<li>${message}${items.length > 3 && html`<details><summary>all ${items.length}</summary>${items.join(', ')}</details>`}</li>`,
  )}</ul></aside>`;
}

function classesSection({ perClass, utterances, audio }: CorpusDescription): Markup {
  const most = Math.max(...perClass.map((one) => one.utterances));
  const sourced = perClass.some(({ class: name, sources }) =>
    Object.keys(sources).some((label) => label !== name),
  );
  const rows = perClass.map(
    (one) =>
      html`<tr><th scope="row">${one.class}</th><td class="meter"><i style="--share:${(one.utterances / most).toFixed(3)}"></i></td><td class="key">${one.utterances}</td><td>${percentOf(one.utterances / utterances)}</td><td>${one.speakers}</td>${audio && html`<td>${one.seconds ? secondsOf(one.seconds.mean) : ''}</td><td>${one.level ? `${levelOf(one.level.mean)} \u00b1 ${one.level.std.toFixed(1)}` : ''}</td>`}${sourced && html`<td class="sources">${sourcesText(one)}</td>`}</tr>`,
  );
  return html`
<section id="classes">
  <h2>Classes</h2>
  <div class="scroll"><table class="figures"><thead><tr><th scope="col">class</th><th></th><th scope="col">utterances</th><th scope="col">share</th><th scope="col">speakers</th>${audio && html`<th scope="col">mean s</th><th scope="col">level, dBFS</th>`}${sourced && html`<th scope="col" class="left">labels of the source</th>`}</tr></thead><tbody>${rows}</tbody></table></div>
</section>`;
}

/** Texts and rater votes, where the corpus has them. */
function labelsSection({ texts, votes, perClass }: CorpusDescription): Markup | null {
  if (!texts && !votes) return null;
  return html`
<section id="labels">
  <h2>Texts and votes</h2>
  ${
    texts &&
    html`<h3>Texts</h3><p class="note">${times(texts.distinct, 'text')} in ${times(texts.utterances, 'utterance')}.${texts.inOneClass > 0 && ` ${times(texts.inOneClass, 'utterance')} with a text that is spoken more than once, but in one class only: there the words alone tell the class.`}</p>
  <details><summary>The most frequent</summary><div class="scroll"><table class="figures"><thead><tr><th scope="col">text</th><th scope="col">utterances</th><th scope="col">classes</th></tr></thead><tbody>${texts.frequent.map((one) => html`<tr><th scope="row" class="left">${one.text}</th><td>${one.utterances}</td><td>${one.classes}</td></tr>`)}</tbody></table></div></details>`
  }
  ${
    votes &&
    html`<h3>Rater votes</h3><p class="note">${votes.perUtterance.toFixed(1)} votes on these classes for each of ${votes.utterances} utterances. ${percentOf(votes.agreement)} of them agree with the label; ${percentOf(votes.unanimous)} of the utterances are unanimous; ${votes.outvoted} carry a label that another class outvoted. A row is the label, a cell the mean share of the votes for a class, in percent.</p>
  <div class="scroll"><table class="confusion"><thead><tr><td></td>${perClass.map(({ class: name }) => html`<th scope="col" class="down"><span>${name}</span></th>`)}</tr></thead><tbody>${perClass.map(
    (one) =>
      html`<tr><th scope="row">${one.class}</th>${perClass.map(({ class: name }) => {
        const share = one.votes?.[name] ?? 0;
        const tone = share > 0.85 ? 'strong' : share > 0.68 ? 'mid' : '';
        return html`<td class="cell ${tone} ${name === one.class ? 'right' : ''} ${share === 0 ? 'zero' : ''}" style="--share:${share.toFixed(3)}">${(100 * share).toFixed(0)}</td>`;
      })}</tr>`,
  )}</tbody></table></div>`
  }
</section>`;
}

function droppedSection({ droppedFiles, root }: CorpusDescription): Markup | null {
  if (droppedFiles.length === 0) return null;
  return html`
<section id="dropped">
  <h2>What was left out</h2>
  <div class="scroll"><table class="figures"><thead><tr><th scope="col">why</th><th scope="col">files</th><th scope="col" class="left">for example</th></tr></thead><tbody>${droppedFiles.map(({ reason, files, examples }) => html`<tr><th scope="row" class="left">${reason}</th><td>${files}</td><td class="sources path">${below(examples[0] ?? '', root)}</td></tr>`)}</tbody></table></div>
</section>`;
}

/** A path below the corpus' folder without that folder, which the page names at its head. */
function below(path: string, root: string | undefined): string {
  return root && path.startsWith(root) ? path.slice(root.length).replace(/^[\\/]/, '') : path;
}

function protocolsSection({ protocols }: CorpusDescription): Markup | null {
  if (protocols.length === 0) return null;
  return html`
<section id="protocols">
  <h2>Protocols that fit</h2>
  <div class="scroll"><table class="figures"><thead><tr><th scope="col">name</th><th scope="col">folds</th><th scope="col" class="left">how folds are made</th></tr></thead><tbody>${protocols.map((one) => html`<tr class="${one.default ? 'preferred' : ''}"><th scope="row">${one.name}</th><td>${one.folds ?? ''}</td><td class="left">${one.problem ? html`<em>cannot be planned:</em> ${one.problem}` : one.summary}${one.default && ' (default)'}</td></tr>`)}</tbody></table></div>
</section>`;
}
