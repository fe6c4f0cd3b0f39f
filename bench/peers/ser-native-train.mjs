/**
 * Fine-tuning steps by ser-native as a process of the line protocol (see protocol.mjs).
 *   node bench/peers/ser-native-train.mjs CHECKPOINT PLAN fp32|bf16 THREADS
 * PLAN is JSON: a file of int16 samples, batches of offsets, lengths and labels. Cross-entropy (the KL loss alone, labels of one
 * class), mean pooling, no mixing or augmentation but the checkpoint's own SpecAugment: what scripts/bench/transformers_peer.py does.
 */
import { readFile } from 'node:fs/promises';
import { resolveEncoder } from '../../dist/encoder/resolve.js';
import { openEngine } from '../../dist/native/engine.js';
import { memory, serve } from './protocol.mjs';

const [directory, planPath, precision, threads] = process.argv.slice(2);

await serve(async () => {
  const plan = JSON.parse(await readFile(planPath, 'utf8'));
  const found = await resolveEncoder(directory, {});
  const engine = await openEngine({ threads: Number(threads) });
  const beforeLoad = memory();
  const store = await engine.openStore(plan.path, plan.samples);
  const model = await engine.createModel(
    {
      classes: plan.classes,
      encoder: found.config,
      adapt: {
        trainableLayers: -1,
        trainExtractor: false,
        layerDecay: 1,
        layerSum: false,
        loraRank: 0,
        loraAlpha: 16,
        loraDropout: 0,
        checkpointActivations: false,
      },
      pooling: 'mean',
      poolingHeads: 1,
      embedding: plan.embedding,
      headDropout: 0,
    },
    1,
  );
  await model.loadPretrained(found.files);
  const trainer = await engine.createTrainer(model, {
    losses: { kl: 1, focal: 0, center: 0, supcon: 0 },
    gamma: 2,
    temperature: 0.1,
    weightDecay: 0.01,
    beta1: 0.9,
    beta2: 0.999,
    epsilon: 1e-8,
    clip: 1,
    averageDecay: 0,
    seed: 1,
    precision,
  });
  const { parameters } = await model.info();
  let done = 0;

  return {
    facts: {
      libtorch: engine.build.libtorch,
      capability: engine.build.capability,
      compiler: engine.build.compiler,
      threads: engine.options.threads,
      parameters,
      beforeLoad,
    },
    handlers: {
      async step({ index }) {
        const { offsets, lengths, labels } = plan.batches.all[index];
        const started = performance.now();
        const oneHot = new Float32Array(labels.length * plan.classes);
        labels.forEach((label, row) => {
          oneHot[row * plan.classes + label] = 1;
        });
        const result = await trainer.step(store, {
          rows: {
            offsets: Float64Array.from(offsets),
            lengths: Int32Array.from(lengths),
            keys: Uint32Array.from(offsets, (_, row) => index * 1000 + row),
          },
          labels: oneHot,
          step: done++,
          learningRate: plan.learningRate,
          centerLearningRate: 0,
        });
        const seconds = (performance.now() - started) / 1000;
        if (result.nonFinite) throw new Error(`step ${index}: the loss or its gradient is not finite`);
        return { seconds, loss: result.total };
      },
      memory,
    },
    async end() {
      await engine.dispose();
    },
  };
});
