#!/usr/bin/env node
/**
 * Seconds of one pass over 1000 RAVDESS training utterances with the full method (EAM, augmentation, FLAM, four losses).
 *   node bench/train-pass.mjs DATA [PASSES] [key=value ...]      (after npm run build)
 */
import { mergeLayers, resolveConfig } from '../dist/config/resolve.js';
import { planMix } from '../dist/mix/plan.js';
import { openEngine } from '../dist/native/engine.js';
import { planBatches } from '../dist/train/batches.js';
import { learningRates } from '../dist/train/learning-rate.js';
import { modelConfig } from '../dist/train/model-card.js';
import { settlePrecision } from '../dist/train/precision.js';
import { prepare } from '../dist/train/prepare.js';
import { mixesById, stepRequest } from '../dist/train/step-request.js';
import { spectrogramBands, trainEncoder } from '../dist/train/train-encoder.js';
import { median, tell } from './measure.mjs';

const [data, passes = '3', ...settings] = process.argv.slice(2);
const config = await settlePrecision(
  resolveConfig(mergeLayers({ settings, flags: { corpus: 'ravdess', data } })).config,
);
const { corpus, store, rows } = await prepare(config, () => {});
const chosen = corpus.utterances.slice(0, 1000).map(({ id }) => ({ id, length: rows.get(id).entry.length }));
const audio = chosen.reduce((sum, { length }) => sum + length / 16_000, 0);

const engine = await openEngine();
const native = await engine.openStore(store.path, store.samples);
const encoder = await trainEncoder(config.encoder);
const model = await engine.createModel(modelConfig(config, encoder, corpus.classes.length), 1);
if (encoder.files.length > 0) await model.loadPretrained(encoder.files);
const { parameters } = await model.info();
const { optimiser } = config;
const trainer = await engine.createTrainer(model, {
  losses: config.losses,
  gamma: config.gamma,
  temperature: config.temperature,
  weightDecay: optimiser.weightDecay,
  beta1: optimiser.beta1,
  beta2: optimiser.beta2,
  epsilon: optimiser.epsilon,
  clip: optimiser.clip,
  averageDecay: optimiser.averageDecay,
  seed: 1,
  precision: config.precision,
  accumulate: config.batch.accumulate,
});
const seconds = [];
let step = 0;
for (let epoch = 1; epoch <= Number(passes) + 1; epoch++) {
  const started = performance.now();
  const key = { seed: config.seed, fold: 1, epoch };
  const mixes = mixesById(
    planMix({ settings: config.mix, ...key, epochs: config.epochs, utterances: chosen }),
  );
  const { batches } = planBatches(chosen, config.batch, key);
  const context = {
    config,
    unit: 'samples',
    bands: spectrogramBands(encoder.config),
    classes: corpus.classes.length,
    fold: 1,
    epoch,
    rates: learningRates(optimiser, 0.1, 1),
    byId: rows,
    mixes,
  };
  await Promise.all(
    batches.map((ids) => trainer.step(native, stepRequest(ids, { ...context, step: step++ }))),
  );
  if (epoch > 1) seconds.push((performance.now() - started) / 1000); // the first pass warms up
}
const each = median(seconds);
tell({
  libtorch: engine.build.libtorch,
  capability: engine.build.capability,
  threads: engine.options.threads,
  parameters,
  utterances: chosen.length,
  audioSeconds: audio,
  batch: config.batch.size,
  precision: config.precision,
  secondsPerPass: each,
  audioSecondsPerSecond: audio / each,
  passes: seconds,
});
await engine.dispose();
