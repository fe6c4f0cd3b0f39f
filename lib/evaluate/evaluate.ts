/** Judges a trained model, or the models of a run, on a corpus. */
import { DataError } from '../errors.js';
import { openEngine, type SerEngine } from '../native/engine.js';
import type { Condition } from '../perturb/types.js';
import { packageVersion } from '../runtime/version.js';
import { openModel } from '../train/open-model.js';
import { nativePrecision } from '../train/precision.js';
import { conditionReports } from './condition-reports.js';
import { conditionsAsked, noiseAsked } from './conditions.js';
import { type Heard, hear } from './hear.js';
import { findJudges, type Judges } from './judges.js';
import { mapLabels, readLabelMap } from './label-map.js';
import { corpusAsked, openMaterial } from './material.js';
import { assignParts, type Part, type Parts } from './parts.js';
import type { EvaluateOptions, Evaluation, EvaluationResult } from './types.js';

/**
 * Judges every model of a run, or one checkpoint, on a corpus, clean and under the conditions asked for.
 *
 * On the corpus that it was trained on each fold's model judges its own test part alone. On another every model judges all of
 * it, over the classes that both have, and the average of the folds' probabilities beside them.
 *
 * @throws UsageError, DataError (`E_TRAINED_ON` where a model would judge what it has learnt), RuntimeError, InterruptedError
 */
export async function evaluateModel(options: EvaluateOptions): Promise<EvaluationResult> {
  const conditions = conditionsAsked(options);
  const models = await findJudges(options.model, options.folds);
  const map = options.labelMap === undefined ? undefined : await readLabelMap(options.labelMap);
  const material = await openMaterial(corpusAsked(options, models), options);
  const { corpus } = material;
  const parts = await assignParts(models, material, options.unseen);

  const known = models.judges[0]!.card.classes;
  const candidates = [...new Set(parts.parts.flatMap(({ utterances }) => utterances))];
  const labels = mapLabels(candidates, known, map);
  const present = new Set(labels.classes.values());
  const classes = known.filter((name) => present.has(name));
  if (classes.length < 2) throw tooFewClasses(models, corpus.name, classes, labels.leftOut);
  const judged = candidates.filter(({ id }) => labels.classes.has(id));

  const noise = await noiseAsked(options, material);
  await using engine = await openEngine({ threads: options.threads, device: options.device });
  const precision = await precisionOf(models, engine);
  const heard = await hearAll(options, parts.parts, conditions, async (part, onJudged) => {
    const { path, card } = part.judge;
    await using model = await openModel(engine, path, card);
    return await hear({
      model,
      store: material.store,
      utterances: part.utterances.filter(({ id }) => labels.classes.has(id)),
      classes: known.length,
      trim: card.trim,
      temperature: card.temperature ?? 1,
      precision,
      conditions,
      noise,
      signal: options.signal,
      onJudged,
    });
  });
  const otherClasses = options.otherClasses ?? 'renormalise';
  const { reports, lines, basis } = conditionReports({
    run: models.name,
    kind: parts.kind,
    conditions,
    heard: parts.parts.map(({ judge }, index) => ({ judge, conditions: heard[index]! })),
    utterances: judged,
    labels: labels.classes,
    known,
    classes,
    otherClasses,
  });
  const support = classes.map((name) => judged.filter(({ id }) => labels.classes.get(id) === name).length);
  const card = models.judges[0]!.card;
  const evaluation: Evaluation = {
    schema: 'ser-native/evaluation@1',
    created: new Date().toISOString(),
    version: packageVersion(),
    model: models.name,
    path: models.path,
    trained: { corpus: card.corpus, protocol: card.protocol, synthetic: card.synthetic, classes: known },
    corpus: {
      name: corpus.name,
      synthetic: corpus.synthetic,
      partial: corpus.partial ?? false,
      choices: corpus.choices ?? {},
      utterances: judged.length,
      speakers: new Set(judged.map(({ speaker }) => speaker)).size,
    },
    kind: parts.kind,
    basis,
    classes,
    otherClasses,
    classesLeftOut: known.filter((name) => !classes.includes(name)),
    labelsLeftOut: labels.leftOut,
    labelsMapped: labels.mapped,
    leftOut: parts.leftOut,
    chance: { ua: 1 / classes.length, wa: Math.max(...support) / judged.length },
    precision,
    ...(noise
      ? {
          noise: {
            kind: options.noiseKind ?? 'white',
            description: noise.description,
            seed: options.seed ?? 1,
          },
        }
      : {}),
    conditions: reports,
    warnings: [
      ...corpus.warnings,
      ...parts.warnings,
      ...labels.warnings,
      ...findings(parts, corpus.synthetic, card.synthetic),
    ],
  };
  for (const message of [...parts.warnings, ...labels.warnings])
    options.onEvent?.({ type: 'warning', message });
  return { evaluation, lines };
}

/** One model after the other, so that memory holds one; tells how far it is. */
async function hearAll(
  { onEvent }: EvaluateOptions,
  parts: readonly Part[],
  conditions: readonly Condition[],
  judge: (part: Part, onJudged: (utterances: number) => void) => Promise<Heard[]>,
): Promise<Heard[][]> {
  const total = parts.reduce((sum, { utterances }) => sum + utterances.length, 0) * conditions.length;
  const started = performance.now();
  let done = 0;
  const heard: Heard[][] = [];
  for (const part of parts) {
    heard.push(
      await judge(part, (utterances) => {
        done += utterances;
        const seconds = (performance.now() - started) / 1000;
        const etaSeconds = (seconds / done) * (total - done);
        onEvent?.({ type: 'judged', model: part.judge.name, done, total, etaSeconds });
      }),
    );
  }
  return heard;
}

/** The run's own arithmetic where the device has it, so that its own figures come out again; else fp32, as `predict`. */
async function precisionOf({ run }: Judges, { options }: SerEngine): Promise<'fp32' | 'bf16'> {
  return run?.config.precision === 'bf16' ? nativePrecision(options.device) : 'fp32';
}

function findings(parts: Parts, judged: boolean, trained: boolean): string[] {
  if (parts.kind === 'own' || judged === trained) return [];
  return [
    judged
      ? 'The model was trained on recordings and judged on synthetic speech: the figures say nothing about either.'
      : 'The model was trained on synthetic speech: expect nothing of it on recordings.',
  ];
}

function tooFewClasses(
  { name, judges }: Judges,
  corpus: string,
  classes: readonly string[],
  leftOut: Record<string, number>,
): DataError {
  const has = classes.length === 0 ? 'no class' : `only the class ${classes[0]}`;
  return new DataError(
    `${name} (${judges[0]!.card.classes.join(', ')}) and ${corpus} (${[...classes, ...Object.keys(leftOut)].join(', ')}) share ${has}`,
    {
      code: 'E_NO_COMMON_CLASSES',
      cure: 'Say which labels stand for which of the classes: --label-map FILE.',
    },
  );
}
