/** Speakers and their classes: a table whose cells say by colour how much of a class each speaker has. */
import { html, type Markup } from '../../report/page/html.js';
import type { CorpusDescription, SpeakerDescription } from '../types.js';
import { levelOf, times } from '../words.js';

/** Rows shown at once, and rows in all: a page of thousands of rows serves nobody. */
const SHOWN = 24;
const MOST = 1000;

export function speakersSection(description: CorpusDescription): Markup {
  const { perSpeaker, sessions } = description;
  const listed = perSpeaker.slice(0, MOST);
  const rest = listed.slice(SHOWN);
  const beyond = perSpeaker.length - listed.length;
  return html`
<section id="speakers">
  <h2>Speakers</h2>
  <p class="note">Utterances of each speaker in each class; the colour is the share of the speaker's most frequent class. Folds keep a speaker in one part.</p>
  ${table(description, listed.slice(0, SHOWN))}
  ${rest.length > 0 && html`<details><summary>${times(rest.length, 'more speaker')}</summary>${table(description, rest)}</details>`}
  ${beyond > 0 && html`<p class="note">and ${beyond} more, which <code>--json</code> lists.</p>`}
  ${sessions && sessionTable(sessions)}
</section>`;
}

function table(
  { perClass, audio, genders, sessions }: CorpusDescription,
  speakers: readonly SpeakerDescription[],
): Markup {
  const down = (name: string, kind = '') =>
    html`<th scope="col" class="down ${kind}"><span>${name}</span></th>`;
  const rows = speakers.map((one) => {
    const most = Math.max(1, ...Object.values(one.classes));
    const cells = perClass.map(({ class: name }) => {
      const count = one.classes[name]!;
      const share = count / most;
      const tone = share > 0.85 ? 'strong' : share > 0.68 ? 'mid' : '';
      return html`<td class="cell ${tone} ${count === 0 ? 'zero' : ''}" style="--share:${(0.8 * share).toFixed(3)}" title="${one.speaker}, ${name}: ${count}">${count}</td>`;
    });
    return html`<tr><th scope="row">${one.speaker}${genders && html` <small>${one.gender ?? ''}</small>`}</th>${cells}<td class="gap key">${one.utterances}</td>${audio && html`<td>${one.seconds === undefined ? '' : (one.seconds / 60).toFixed(1)}</td><td>${one.level === undefined ? '' : levelOf(one.level)}</td>`}${sessions && html`<td class="left">${(one.sessions ?? []).join(' ')}</td>`}</tr>`;
  });
  return html`<div class="scroll"><table class="confusion"><caption class="hidden">Utterances of each speaker in each class</caption><thead><tr><td></td>${perClass.map(({ class: name }) => down(name))}${down('utterances', 'gap')}${audio && html`${down('minutes')}${down('dBFS')}`}${sessions && down('sessions')}</tr></thead><tbody>${rows}</tbody></table></div>`;
}

function sessionTable(sessions: Record<string, number>): Markup {
  const entries = Object.entries(sessions);
  return html`<h3>Sessions</h3><p class="list">${entries.slice(0, MOST).map(([name, n]) => html`<span>${name}: ${n}</span> `)}</p>`;
}
