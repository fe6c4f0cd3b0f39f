/** The table of speakers for a terminal: who they are, and how many utterances of each class. */
import { columnsOf, type FilledColumn, filledTable, printable } from '../text-layout.js';
import type { CorpusDescription } from './types.js';
import { levelOf } from './words.js';

/** Speakers listed; of more, the page and --json have all. */
const SHOWN_SPEAKERS = 30;

/** Lines of the table, the titles first, and how many speakers it leaves out. */
export function speakerTable(
  description: CorpusDescription,
  width: number,
): { lines: string[]; more: number } {
  const { perSpeaker, perClass, audio } = description;
  const shown = perSpeaker.slice(0, SHOWN_SPEAKERS);
  const gendered = description.genders !== undefined;
  const sessions = perSpeaker.some((speaker) => speaker.sessions !== undefined);
  const columns: FilledColumn[] = [
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
  const counts = titles.map((title, c) => ({
    title,
    align: 'right' as const,
    cells: shown.map((one) => String(one.classes[perClass[c]!.class] || '\u00b7')),
  }));
  return { lines: filledTable([...fixed, ...counts], width), more: perSpeaker.length - shown.length };
}

/** Counts by class are worth more than the optional columns, which give way to them one by one where the width is short. */
function roomForClasses(
  columns: readonly FilledColumn[],
  classes: CorpusDescription['perClass'],
  shown: CorpusDescription['perSpeaker'],
  width: number,
): { fixed: readonly FilledColumn[]; titles: string[] } {
  const widths = classes.map((one) =>
    Math.max(...shown.map((speaker) => String(speaker.classes[one.class]).length)),
  );
  let fixed = columns;
  for (;;) {
    const taken = Math.max(...filledTable(fixed, Infinity).map(columnsOf));
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

/**
 * Titles of the classes' columns: whole, or cut to the longest beginning that fits; none where even three letters do not, or
 * no longer tell the classes apart.
 */
function classTitles(names: readonly string[], widths: readonly number[], room: number): string[] {
  const fits = (letters: number) =>
    names.reduce((sum, name, c) => sum + 2 + Math.max(Math.min(columnsOf(name), letters), widths[c]!), 0) <=
    room;
  for (const letters of [12, 10, 8, 7, 6, 5, 4, 3]) {
    if (!fits(letters)) continue;
    const titles = names.map((name) => [...printable(name)].slice(0, letters).join(''));
    return new Set(titles).size === names.length ? titles : [];
  }
  return [];
}
