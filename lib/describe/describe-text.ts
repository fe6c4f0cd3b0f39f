/** The description of a corpus for a terminal. */
import { dirname } from 'node:path';
import { listSome } from '../corpus/audio-files.js';
import { formatBytes, formatDuration } from '../format.js';
import type { Distribution, Histogram } from '../metrics/distribution.js';
import { type Column, filledTable, fittedTable, printable, sparkline, wrap } from '../text-layout.js';
import { speakerTable } from './speakers-text.js';
import type { ClassDescription, CorpusDescription } from './types.js';
import { levelOf, percentOf, secondsOf, sourcesText, times } from './words.js';

export interface DescriptionStyle {
  bold(text: string): string;
  dim(text: string): string;
  yellow(text: string): string;
}

const PLAIN: DescriptionStyle = { bold: (t) => t, dim: (t) => t, yellow: (t) => t };

/** Counts, lengths, levels and warnings as text without a trailing line break, no wider than `width` columns. */
export function renderDescriptionText(
  description: CorpusDescription,
  options: { width?: number; style?: DescriptionStyle } = {},
): string {
  const { width = 80, style = PLAIN } = options;
  const blocks = [
    heading(description, width, style),
    classLines(description, width, style),
    titledSpeakers(description, width, style),
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
  const { perClass, utterances } = description;
  const column = (
    title: string,
    cell: (one: ClassDescription) => string,
    more: Omit<Column, 'title'> = {},
  ) => ({
    title,
    cells: perClass.map(cell),
    ...more,
  });
  const right = { align: 'right' } as const;
  return titled(
    filledTable(
      [
        column('class', (one) => printable(one.class), { cut: true }),
        column('utterances', (one) => String(one.utterances), right),
        column('share', (one) => percentOf(one.utterances / utterances), { ...right, optional: 1 }),
        column('speakers', (one) => String(one.speakers), { ...right, optional: 2 }),
        ...(heard
          ? [
              column('mean s', ({ seconds }) => (seconds ? secondsOf(seconds.mean) : ''), right),
              column(
                'level dBFS',
                ({ level }) => (level ? `${levelOf(level.mean)} \u00b1 ${level.std.toFixed(1)}` : ''),
                right,
              ),
            ]
          : []),
        ...(sourced
          ? [
              column('labels of the source', (one) => printable(sourcesText(one)), {
                optional: joined ? 0 : 3,
              }),
            ]
          : []),
      ],
      width,
    ),
    style,
  );
}

function titledSpeakers(description: CorpusDescription, width: number, style: DescriptionStyle): string[] {
  const { lines, more } = speakerTable(description, width);
  return [
    ...titled(lines, style),
    ...(more > 0 ? [style.dim(`and ${times(more, 'more speaker')}; --json and --html list all`)] : []),
  ];
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
