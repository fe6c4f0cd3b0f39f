/** What a reader of an evaluation's figures must know, in sentences, for every form that they are shown in. */
import { listSome } from '../corpus/audio-files.js';
import { count, percent } from '../report/format.js';
import type { Evaluation } from './types.js';

/** What the models judged: one line under the title. */
export function described(evaluation: Evaluation): string {
  const { corpus, classes } = evaluation;
  return [
    `${judges(evaluation)}; ${count(corpus.utterances, 'utterance')}`,
    count(corpus.speakers, 'speaker'),
    `${classes.length} classes (${classes.join(', ')})`,
  ].join(', ');
}

function judges({ kind, basis, conditions }: Evaluation): string {
  const { models } = conditions[0]!;
  const several = count(models.length, 'model');
  if (kind === 'own')
    return models.length === 1
      ? `${models[0]!.name} on its own test part`
      : `${several}, each on the test part of its own fold`;
  if (models.length === 1) return `${models[0]!.name} on all of it`;
  return `${several}, each on all of it${basis === 'ensemble' ? ', and the average of the folds' : ''}`;
}

/** What `mean` is over, as the run's report says it; null where there is one fold's model at most. */
export function meanName({ conditions }: Evaluation): string | null {
  const folds = conditions[0]!.models.filter(({ fold }) => fold > 0);
  const seeds = new Set(folds.map(({ seed }) => seed)).size;
  if (folds.length < 2) return null;
  return seeds > 1 ? `Mean of ${seeds} seeds` : `Mean of ${folds.length} folds`;
}

/** What `overall` is called. */
export function basisName({ basis, conditions }: Evaluation): string {
  if (basis === 'pooled' && conditions[0]!.models.length > 1) return 'All pooled';
  return basis === 'ensemble'
    ? 'Average of the folds'
    : (conditions[0]!.models.find(({ fold }) => fold > 0)?.name ?? 'final');
}

/** Notes in the order of weight; warnings first. */
export function notes(evaluation: Evaluation): string[] {
  const {
    trained,
    corpus,
    kind,
    classes,
    classesLeftOut,
    labelsLeftOut,
    labelsMapped,
    leftOut,
    noise,
    conditions,
  } = evaluation;
  const found = [...evaluation.warnings];
  if (corpus.partial) found.push('The corpus is not complete: no figure here compares with a published one.');
  if (kind === 'other')
    found.push(`Trained on ${trained.corpus} (${trained.protocol}), judged on ${corpus.name}.`);
  const mapped = Object.entries(labelsMapped).map(([label, name]) => `${label} as ${name}`);
  if (mapped.length > 0)
    found.push(`Labels counted under another name, as the label map says: ${mapped.join(', ')}.`);
  const labels = Object.entries(labelsLeftOut).map(([label, n]) => `${label} ${n}`);
  if (labels.length > 0)
    found.push(
      `Utterances left out, since no class of the model stands for their label: ${labels.join(', ')}.`,
    );
  if (classesLeftOut.length > 0) {
    found.push(
      evaluation.otherClasses === 'renormalise'
        ? `The model also knows ${listSome(classesLeftOut, 8)}, which nothing here is labelled: its probabilities are taken over the ${classes.length} shared classes. With --other-classes error a prediction of another class is wrong instead.`
        : `The model also knows ${listSome(classesLeftOut, 8)}, which nothing here is labelled: a prediction of one counts as wrong. With --other-classes renormalise its probabilities are taken over the shared classes instead.`,
    );
  }
  for (const [reason, n] of Object.entries(leftOut))
    found.push(`${count(n, 'utterance')} left out: ${reason}.`);
  if (noise) {
    found.push(
      `Noise: ${noise.description}, seed ${noise.seed}; the SNR is over the active part of each utterance (from its first to its last frame within 40 dB of the loudest).`,
    );
  }
  if (conditions.length > 1) {
    found.push(clippingNote(conditions));
    const smallest = 2 ** (1 - corpus.speakers);
    if (corpus.speakers > 1 && smallest > 0.05)
      found.push(`With ${corpus.speakers} speakers no p can be below ${smallest}, however large the change.`);
  }
  return found;
}

function clippingNote(conditions: Evaluation['conditions']): string {
  const cut = conditions.filter(({ clipped }) => clipped >= 0.001);
  const listed = cut.map(({ name, clipped }) => `${percent(clipped)} % of the samples under ${name}`);
  const rest = conditions.some(({ clipped }) => clipped > 0) ? 'less than 0.1 % of the samples' : 'nothing';
  return (
    'What is heard is rounded to 16 bits and cut off at full scale, as a recording would be; cut off: ' +
    `${listed.length === 0 ? `${rest} under any condition` : listed.join(', ')}.`
  );
}

/** Notes that every evaluation has, to be told once, and those of each. */
export function sharedNotes(evaluations: readonly Evaluation[]): { shared: string[]; own: string[][] } {
  const all = evaluations.map(notes);
  const shared = all.length > 1 ? all[0]!.filter((note) => all.every((others) => others.includes(note))) : [];
  return { shared, own: all.map((found) => found.filter((note) => !shared.includes(note))) };
}
