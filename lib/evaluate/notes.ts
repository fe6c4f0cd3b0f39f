/** What a reader of an evaluation's figures must know, in sentences, for every form that they are shown in. */
import { listSome } from '../corpus/audio-files.js';
import { count, percent } from '../report/format.js';
import type { Evaluation } from './types.js';

/** What the models judged: one line under the title. */
export function described(evaluation: Evaluation): string {
  const { corpus, conditions, kind, basis, classes } = evaluation;
  const models = conditions[0]!.models;
  const judges =
    kind === 'own'
      ? `${count(models.length, 'fold')}, each on its own test part`
      : models.length === 1
        ? `${models[0]!.name} on all of it`
        : `${count(models.length, 'model')}, each on all of it${basis === 'ensemble' ? ', and the average of the folds' : ''}`;
  return `${judges}; ${count(corpus.utterances, 'utterance')}, ${count(corpus.speakers, 'speaker')}, ${classes.length} classes (${classes.join(', ')})`;
}

/** What `overall` is called. */
export function basisName({ basis, conditions }: Evaluation): string {
  if (basis === 'pooled') return 'All pooled';
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
    const clipped = conditions.filter((condition) => condition.clipped > 0);
    found.push(
      `What is heard is rounded to 16 bits and cut off at full scale, as a recording would be${
        clipped.length === 0
          ? '; nothing was cut off'
          : `; cut off: ${clipped.map(({ name, clipped: share }) => `${share < 0.001 ? '< 0.1' : percent(share)} % of the samples under ${name}`).join(', ')}`
      }.`,
    );
  }
  return found;
}

/** Notes that every evaluation has, to be told once, and those of each. */
export function sharedNotes(evaluations: readonly Evaluation[]): { shared: string[]; own: string[][] } {
  const all = evaluations.map(notes);
  const shared = all.length > 1 ? all[0]!.filter((note) => all.every((others) => others.includes(note))) : [];
  return { shared, own: all.map((found) => found.filter((note) => !shared.includes(note))) };
}
