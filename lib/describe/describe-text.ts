/** The description of a corpus for a terminal. */
import { dirname } from 'node:path';
import { listSome } from '../corpus/audio-files.js';
import { formatBytes, formatDuration } from '../format.js';
import type { Distribution, Histogram } from '../metrics/distribution.js';
import { type Column, columnsOf, fittedTable, printable, sparkline, wrap } from '../text-layout.js';
import type { CorpusDescription } from './types.js';
import { levelOf, percentOf, secondsOf, sourcesText, times } from './words.js';

export interface DescriptionStyle {
  bold(text: string): string;
  dim(text: string): string;
  yellow(text: string): string;
}

const PLAIN: DescriptionStyle = { bold: (t) => t, dim: (t) => t, yellow: (t) => t };

/** Speakers listed; of more, the page and --json have all. */
const SHOWN_SPEAKERS = 30;

/** Counts, lengths, levels and warnings as text without a trailing line break, no wider than `width` columns. */
export function renderDescriptionText(
  description: CorpusDescription,
  options: { width?: number; style?: DescriptionStyle } = {},
): string {
  const { width = 80, style = PLAIN } = options;
  const blocks = [
    heading(description, width, style),
    classLines(description, width, style),
    speakerLines(description, width, style),
    sessionLines(description, width, style),
    audioLines(description, width, style),
    labelLines(description, width, style),
    droppedLines(description, width, style),
    protocolLines(description, width, style),
    warningLines(description, width, style),
  ];
  return blocks
    .filter((block) => block.length > 0)
    .map((block) => block.join('\n'))
    .join('\n\n');
}

function heading(description: CorpusDescription, width: number, style: DescriptionStyle): string[] {
  const { audio, genders } = description;
  const facts = [
    times(description.utterances, 'utterance'),
    `${times(description.perSpeaker.length, 'speaker')}${genders ? ` (${gendersText(genders)})` : ''}`,
    times(description.perClass.length, 'class', 'classes'),
    ...(audio ? [formatDuration(audio.seconds.total)] : []),
  ];
  const choices = Object.entries(description.choices ?? {}).map(([name, value]) => `${name}=${value}`);
  const name = printable(description.corpus);
  const [first, ...more] = wrap(`${name}: ${facts.join(', ')}`, width);
  const told = (text: string, how: (text: string) => string) => wrap(text, width).map(how);
  return [
    style.bold(name) + first!.slice(name.length),
    ...more,
    ...(description.root ? [style.dim(printable(description.root))] : []),
    ...(choices.length > 0 ? told(`choices ${choices.join(', ')}`, style.dim) : []),
    ...(description.synthetic ? told('Synthetic speech, computed by the tool.', style.yellow) : []),
    ...(description.partial
      ? told('A partial copy: figures on it compare with no published ones.', style.yellow)
      : []),
    ...(audio
      ? []
      : told(
          'Labels only: no audio was read. Without --no-audio lengths and levels are told too.',
          style.dim,
        )),
  ];
}

function gendersText({ male, female, unknown }: NonNullable<CorpusDescription['genders']>): string {
  return [
    ...(female > 0 ? [`${female} female`] : []),
    ...(male > 0 ? [`${male} male`] : []),
    ...(unknown > 0 ? [`${unknown} unknown`] : []),
  ].join(', ');
}

function titled(lines: string[], style: DescriptionStyle): string[] {
  return lines.map((line, i) => (i === 0 ? style.dim(line) : line));
}

function classLines(description: CorpusDescription, width: number, style: DescriptionStyle): string[] {
  const heard = description.audio !== undefined;
  const sourced = description.perClass.some((one) => sourcesText(one) !== '');
  // Which labels were joined is worth more than what can be computed; how one label is spelt is not.
  const joined = description.perClass.some(({ sources }) => Object.keys(sources).length > 1);
  const rows = description.perClass.map((one) => [
    printable(one.class),
    String(one.utterances),
    percentOf(one.utterances / description.utterances),
    String(one.speakers),
    one.seconds ? secondsOf(one.seconds.mean) : '',
    one.level ? `${levelOf(one.level.mean)} \u00b1 ${one.level.std.toFixed(1)}` : '',
    printable(sourcesText(one)),
  ]);
  return titled(
    fittedTable(
      [
        { title: 'class', cut: true },
        { title: 'utterances', align: 'right' },
        { title: 'share', align: 'right', optional: 1 },
        { title: 'speakers', align: 'right', optional: 2 },
        ...(heard
          ? ([
              { title: 'mean s', align: 'right' },
              { title: 'level dBFS', align: 'right' },
            ] as const)
          : []),
        ...(sourced ? [{ title: 'labels of the source', optional: joined ? 0 : 3 }] : []),
      ],
      heard ? rows : rows.map((row) => row.filter((_, c) => c !== 4 && c !== 5)),
      width,
    ),
    style,
  );
}

function speakerLines(description: CorpusDescription, width: number, style: DescriptionStyle): string[] {
  const { perSpeaker, perClass, audio } = description;
  const shown = perSpeaker.slice(0, SHOWN_SPEAKERS);
  const gendered = description.genders !== undefined;
  const sessions = perSpeaker.some((speaker) => speaker.sessions !== undefined);
  const columns: (Column & { cells: string[] })[] = [
    { title: 'speaker', cut: true, cells: shown.map(({ speaker }) => printable(speaker)) },
    ...(gendered ? [{ title: 'gender', optional: 2, cells: shown.map(({ gender }) => gender ?? '') }] : []),
    ...(sessions
      ? [
          {
            title: 'sessions',
            optional: 3,
            cells: shown.map((one) => printable((one.sessions ?? []).join(' '))),
          },
        ]
      : []),
    { title: 'utterances', align: 'right', cells: shown.map(({ utterances }) => String(utterances)) },
    ...(audio
      ? ([
          {
            title: 'minutes',
            align: 'right',
            optional: 4,
            cells: shown.map(({ seconds }) => (seconds === undefined ? '' : (seconds / 60).toFixed(1))),
          },
          {
            title: 'dBFS',
            align: 'right',
            optional: 1,
            cells: shown.map(({ level }) => (level === undefined ? '' : levelOf(level))),
          },
        ] as const)
      : []),
  ];
  const { fixed, titles } = roomForClasses(columns, perClass, shown, width);
  const lines = fittedTable(
    [...fixed, ...titles.map((title) => ({ title, align: 'right' as const }))],
    shown.map((one, i) => [
      ...fixed.map(({ cells }) => cells[i]!),
      ...titles.map((_, c) => String(one.classes[perClass[c]!.class] || '\u00b7')),
    ]),
    width,
  );
  const more = perSpeaker.length - shown.length;
  return [
    ...titled(lines, style),
    ...(more > 0 ? [style.dim(`and ${times(more, 'more speaker')}; --json and --html list all`)] : []),
  ];
}

/** Counts by class are worth more than the optional columns, which give way to them one by one where the width is short. */
function roomForClasses(
  columns: readonly (Column & { cells: string[] })[],
  classes: CorpusDescription['perClass'],
  shown: CorpusDescription['perSpeaker'],
  width: number,
): { fixed: readonly (Column & { cells: string[] })[]; titles: string[] } {
  const widths = classes.map((one) =>
    Math.max(...shown.map((speaker) => String(speaker.classes[one.class]).length)),
  );
  let fixed = columns;
  for (;;) {
    const rows = shown.map((_, i) => fixed.map(({ cells }) => cells[i]!));
    const taken = Math.max(...fittedTable(fixed, rows, Infinity).map(columnsOf));
    const titles = classTitles(
      classes.map((one) => one.class),
      widths,
      width - taken,
    );
    if (titles.length > 0) return { fixed, titles };
    const least = Math.max(...fixed.map(({ optional = 0 }) => optional));
    if (least === 0) return { fixed: columns, titles: [] };
    fixed = fixed.filter(({ optional = 0 }) => optional !== least);
  }
}

/** Titles of the classes' columns: whole, or cut to the longest beginning that fits; none where even three letters do not. */
function classTitles(names: readonly string[], widths: readonly number[], room: number): string[] {
  const fits = (letters: number) =>
    names.reduce((sum, name, c) => sum + 2 + Math.max(Math.min(columnsOf(name), letters), widths[c]!), 0) <=
    room;
  for (const letters of [12, 10, 8, 7, 6, 5, 4, 3]) {
    if (fits(letters)) return names.map((name) => [...printable(name)].slice(0, letters).join(''));
  }
  return [];
}

/** A fact with its name in front; further lines are indented to it. */
function fact(name: string, text: string, width: number, style: DescriptionStyle): string[] {
  const [first, ...more] = wrap(`${name.padEnd(9)} ${printable(text)}`, width, ' '.repeat(10));
  return [style.dim(first!.slice(0, 9)) + first!.slice(9), ...more];
}

function sessionLines(
  { sessions, splits }: CorpusDescription,
  width: number,
  style: DescriptionStyle,
): string[] {
  const counted = (counts: Record<string, number>) =>
    listSome(
      Object.entries(counts).map(([key, n]) => `${key} ${n}`),
      12,
    );
  return [
    ...(sessions ? fact('sessions', counted(sessions), width, style) : []),
    ...(splits ? fact('split', counted(splits), width, style) : []),
  ];
}

function audioLines({ audio }: CorpusDescription, width: number, style: DescriptionStyle): string[] {
  if (!audio) return [];
  const { seconds, level, silence, sourceRates, decoders, store } = audio;
  const listed = (counts: Record<string, number>, name: (key: string) => string) =>
    Object.entries(counts)
      .map(([key, n]) => (Object.keys(counts).length === 1 ? name(key) : `${name(key)} ${n}`))
      .join(', ');
  const row = (
    name: string,
    spread: Distribution & { histogram: Histogram },
    unit: string,
    format: (value: number) => string,
  ) => [
    name,
    ...[spread.min, spread.mean, spread.median, spread.p95, spread.max].map(format),
    unit,
    sparkline(spread.histogram.counts),
  ];
  const table = fittedTable(
    [
      { title: '' },
      ...['min', 'mean', 'median', 'p95', 'max'].map((title) => ({ title, align: 'right' as const })),
      { title: '' },
      { title: '', optional: 1 },
    ],
    [
      row('length', seconds, 's', secondsOf),
      row('level', level.rms, 'dBFS', levelOf),
      row('peak', level.peak, 'dBFS', levelOf),
    ],
    width,
  );
  const rates = listed(sourceRates, (rate) =>
    rate === 'unknown' ? 'rate unknown' : `${Number(rate) / 1000} kHz`,
  );
  return [
    ...titled(table, style),
    ...fact(
      'silence',
      `${percentOf(silence.leading)} of the audio before the first sound, ${percentOf(silence.trailing)} after the last`,
      width,
      style,
    ),
    ...fact('sources', `${rates}, decoded by ${listed(decoders, (name) => name)}`, width, style),
    ...fact('store', `${formatBytes(store.bytes)} in ${dirname(store.path)}`, width, style),
  ];
}

function labelLines({ texts, votes }: CorpusDescription, width: number, style: DescriptionStyle): string[] {
  const lines: string[] = [];
  if (texts) {
    const told =
      texts.inOneClass > 0 ? `; ${times(texts.inOneClass, 'utterance')} with a text of one class alone` : '';
    lines.push(
      ...fact('texts', `${texts.distinct} in ${times(texts.utterances, 'utterance')}${told}`, width, style),
    );
  }
  if (votes) {
    lines.push(
      ...fact(
        'votes',
        `${votes.perUtterance.toFixed(1)} for each of ${times(votes.utterances, 'utterance')}; ${percentOf(votes.agreement)} agree with the ` +
          `label, ${percentOf(votes.unanimous)} of the utterances are unanimous`,
        width,
        style,
      ),
    );
  }
  return lines;
}

function droppedLines({ droppedFiles }: CorpusDescription, width: number, style: DescriptionStyle): string[] {
  if (droppedFiles.length === 0) return [];
  const lines = droppedFiles.flatMap(({ reason, files, examples }) => {
    const example = printable(examples[0]?.split(/[\\/]/).at(-1) ?? '');
    return wrap(
      `${String(files).padStart(8)}  ${reason}${example ? ` (${example})` : ''}`,
      width,
      ' '.repeat(10),
    );
  });
  return [style.dim('left out  why, and an example'), ...lines];
}

function protocolLines({ protocols }: CorpusDescription, width: number, style: DescriptionStyle): string[] {
  const planned = protocols
    .filter(({ problem }) => problem === undefined)
    .map((one) => ({ ...one, name: one.default ? `${one.name} (default)` : one.name }));
  const longest = Math.max(0, ...planned.map(({ name }) => name.length));
  const lead = (name: string, folds: string) => `${name.padEnd(longest)}  ${folds.padStart(5)}`;
  return [
    ...(planned.length > 0 ? [style.dim(lead('protocol', 'folds'))] : []),
    ...planned.flatMap(({ name, folds = '', summary }) =>
      wrap(`${lead(name, String(folds))}  ${summary}`, width, ' '.repeat(longest + 9)),
    ),
    ...protocols.flatMap(({ name, problem }) =>
      problem ? wrap(printable(`${name} cannot be planned: ${problem}`), width) : [],
    ),
  ];
}

function warningLines(
  { audio, warnings }: CorpusDescription,
  width: number,
  style: DescriptionStyle,
): string[] {
  if (warnings.length === 0)
    return [style.dim(audio ? 'Nothing to warn of.' : 'Nothing to warn of in the labels.')];
  return warnings.flatMap(({ message }) => wrap(`Mind: ${printable(message)}`, width).map(style.yellow));
}
