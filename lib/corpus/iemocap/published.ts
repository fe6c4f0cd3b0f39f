/**
 * What the published IEMOCAP holds (Busso et al. 2008, doi 10.1007/s10579-008-9076-6): its dialogs, and how many utterances have
 * which label.
 */

export const SESSIONS = ['1', '2', '3', '4', '5'] as const;
export type Session = (typeof SESSIONS)[number];
export type Part = 'improvised' | 'scripted';

/** Utterances of sessions 1 to 5 with each label that some choice takes. */
const BY_SESSION: Record<string, readonly number[]> = {
  neu: [384, 362, 320, 258, 384],
  hap: [135, 117, 135, 65, 143],
  exc: [143, 210, 151, 238, 299],
  sad: [194, 197, 305, 143, 245],
  ang: [229, 137, 240, 327, 170],
  fru: [280, 325, 382, 481, 381],
};
/** Improvised utterances over all sessions; the literature gives none for `fru`. */
const IMPROVISED: Record<string, number> = { neu: 1099, hap: 284, exc: 663, sad: 608, ang: 289 };

const sum = (numbers: readonly number[]): number => numbers.reduce((a, b) => a + b, 0);

/** Utterances with a label in one session, both parts together. */
export function publishedInSession(label: string, session: Session): number {
  return BY_SESSION[label]![SESSIONS.indexOf(session)]!;
}

/** Utterances with a label in one part or all of the corpus; undefined where no figure is published. */
export function publishedInPart(label: string, part: Part | 'all'): number | undefined {
  const all = sum(BY_SESSION[label]!);
  if (part === 'all') return all;
  const improvised = IMPROVISED[label];
  if (improvised === undefined) return undefined;
  return part === 'improvised' ? improvised : all - improvised;
}

/** Names of the 151 dialogs, by session and who wears the markers. Some were recorded in two takes, `a` and `b`. */
export function publishedDialogs(session: Session): string[] {
  const scripts = ['01_1', '01_2', '01_3', '02_1', '02_2', '03_1', '03_2'];
  const improvisations = ['01', '02', '03', '04', '05', '06', '07', '08'];
  return ['F', 'M'].flatMap((wearer) => {
    const name = `Ses0${session}${wearer}`;
    let improvised = session === '1' ? improvisations.slice(0, 7) : improvisations;
    let scripted = scripts;
    if (name === 'Ses03M')
      improvised = improvised.flatMap((take) =>
        take === '05' || take === '08' ? [`${take}a`, `${take}b`] : [take],
      );
    if (name === 'Ses05M') scripted = ['01_1', '01_1b', ...scripts.slice(1)];
    return [
      ...improvised.map((take) => `${name}_impro${take}`),
      ...scripted.map((take) => `${name}_script${take}`),
    ];
  });
}
