/** Wrong calls: each throws a TypeError that names the argument, before anything is enqueued, and the process survives. */
import { beforeAll, describe, expect, test } from '@jest/globals';
import type { Addon, FrameAttentionRequest, MultiLossRequest, StepRequest } from '../../bindings.js';
import { OPTIONS, rawAddon } from './addon.js';
import { labels, mixRows, modelConfig, rows, stepRequest, trainerConfig, UTTERANCE } from './requests.js';

let addon: Addon;
beforeAll(async () => {
  addon = await rawAddon();
});

type Call = (addon: Addon) => unknown;
/** `as never` stands for what a caller without types may hand over. */
const bad = (value: unknown) => value as never;
const loose = (value: object) => value as Record<string, unknown>;

function step(change: (request: StepRequest) => void): Call {
  const request = stepRequest();
  change(request);
  return (addon) => addon.trainStep(1, 1, request);
}

function mixedStep(change: (request: StepRequest & { mix: NonNullable<StepRequest['mix']> }) => void): Call {
  const request = { ...stepRequest(), mix: mixRows(), partnerLabels: labels() };
  change(request);
  return (addon) => addon.trainStep(1, 1, request);
}

function model(change: (config: ReturnType<typeof modelConfig>) => void): Call {
  const config = modelConfig();
  change(config);
  return (addon) => addon.createModel(config, 1);
}

function attention(change: (request: FrameAttentionRequest) => void): Call {
  const request: FrameAttentionRequest = {
    frames: new Float32Array(5 * 4),
    lengths: Int32Array.of(2, 3),
    width: 4,
    heads: 2,
    inputWeight: new Float32Array(48),
    inputBias: new Float32Array(12),
    outputWeight: new Float32Array(16),
    outputBias: new Float32Array(4),
    score: new Float32Array(4),
  };
  change(request);
  return (addon) => addon.frameAttention(request);
}

function losses(change: (request: MultiLossRequest) => void): Call {
  const request: MultiLossRequest = {
    logits: new Float64Array(6),
    embedding: new Float64Array(8),
    contrast: new Float64Array(8),
    labels: Float64Array.of(1, 0, 0, 0, 0.5, 0.5),
    baseClasses: Int32Array.of(0, 2),
    centers: new Float64Array(12),
    weights: { kl: 1, focal: 1, center: 1, supcon: 1 },
    gamma: 2,
    temperature: 0.1,
  };
  change(request);
  return (addon) => addon.multiLoss(request);
}

const mixSamples = (samples: number): Call => {
  const request = { samples: new Int16Array(samples), rows: rows(2), mix: mixRows(2) };
  return (addon) => addon.mixSamples(request);
};

const WRONG: [message: string, call: Call][] = [
  ['options must be an object, found undefined', (a) => a.start(bad(undefined))],
  ['options must be an object, found null', (a) => a.start(bad(null))],
  ['options.threads must be an integer in 1..1024, found undefined', (a) => a.start(bad({}))],
  ['options.threads must be an integer in 1..1024, found 1.5', (a) => a.start({ ...OPTIONS, threads: 1.5 })],
  ["options.device must be 'cpu' or 'cuda', found 'tpu'", (a) => a.start({ ...OPTIONS, device: bad('tpu') })],
  [
    "options.deterministic must be true or false, found 'yes'",
    (a) => a.start({ ...OPTIONS, deterministic: bad('yes') }),
  ],
  ['job must be an integer in 1..2^53 - 1, found -1', (a) => a.cancel(-1)],

  ['path must be a path, found 3', (a) => a.openStore(bad(3), 1)],
  ["path must be a path that is not empty, found ''", (a) => a.openStore('', 1)],
  ['path must be a path without NUL characters', (a) => a.openStore('a\0b', 1)],
  ['samples must be an integer in 1..2^53 - 1, found NaN', (a) => a.openStore('a', Number.NaN)],
  ['samples must be an integer in 1..2^53 - 1, found 0', (a) => a.openStore('a', 0)],
  ['samples must be an integer in 1..2^53 - 1, found a bigint', (a) => a.openStore('a', bad(5n))],

  ['model must be a handle (a positive integer), found 0', (a) => a.modelInfo(0)],
  ['model must be a handle (a positive integer), found undefined', (a) => a.modelInfo(bad(undefined))],
  ['handle must be a handle (a positive integer), found 4294967296', (a) => a.release(2 ** 32)],
  [
    'handle must be a handle (a positive integer), found a promise (is an await missing?)',
    (a) => a.release(bad(Promise.resolve(1))),
  ],
  ['metadata must be an object of strings, found undefined', (a) => a.saveModel(1, 'x', bad(undefined))],
  ['metadata.epoch must be a string, found 3', (a) => a.saveModel(1, 'x', bad({ epoch: 3 }))],
  ['model must be a handle', (a) => a.copyAverage(1, bad({}))],

  ['config must be an object, found an array', (a) => a.createModel(bad([]), 1)],
  ['seed must be an integer in 0..2^53 - 1, found -1', (a) => a.createModel(modelConfig(), -1)],
  [
    'config.classes must be an integer in 2..65536, found 1',
    model((c) => {
      c.classes = 1;
    }),
  ],
  [
    'config.encoder must be an object, found undefined',
    model((c) => {
      delete loose(c).encoder;
    }),
  ],
  [
    "config.encoder.kind must be 'mel' or 'whisper' or 'ssl', found 'wavlm'",
    model((c) => {
      c.encoder.kind = bad('wavlm');
    }),
  ],
  [
    'config.encoder.heads must be a divisor of width = 32, found 5',
    model((c) => {
      c.encoder.heads = 5;
    }),
  ],
  [
    'config.encoder.dropout must be a number in [0, 1), found 1',
    model((c) => {
      c.encoder.dropout = 1;
    }),
  ],
  [
    'config.encoder.convKernel must be odd, found 14',
    model((c) => {
      Object.assign(c.encoder, { block: 'conformer', convKernel: 14 });
    }),
  ],
  [
    "config.pooling must be 'flam' or 'mean' or 'max', found a symbol",
    model((c) => {
      c.pooling = bad(Symbol('flam'));
    }),
  ],
  [
    'config.poolingHeads must be a divisor of encoder.width = 32, found 3',
    model((c) => {
      c.poolingHeads = 3;
    }),
  ],
  [
    'config.losses.center must be a finite number of at least 0, found -1',
    (a) => a.createTrainer(1, { ...trainerConfig(), losses: { kl: 1, focal: 1, center: -1, supcon: 1 } }),
  ],
  [
    'config.temperature must be a finite number above 0, found 0',
    (a) => a.createTrainer(1, { ...trainerConfig(), temperature: 0 }),
  ],
  [
    'config.beta2 must be a number in [0, 1), found 1',
    (a) => a.createTrainer(1, { ...trainerConfig(), beta2: 1 }),
  ],
  [
    "config.precision must be 'fp32' or 'bf16', found 'fp16'",
    (a) => a.createTrainer(1, { ...trainerConfig(), precision: bad('fp16') }),
  ],

  ['request must be an object, found undefined', (a) => a.trainStep(1, 1, bad(undefined))],
  [
    'request.rows must be an object, found undefined',
    step((r) => {
      delete loose(r).rows;
    }),
  ],
  [
    'request.rows.offsets must be a Float64Array of B elements, found Int32Array of 6',
    step((r) => {
      r.rows.offsets = bad(new Int32Array(6));
    }),
  ],
  [
    'request.rows.offsets must be of at least one utterance, found an empty array',
    step((r) => {
      r.rows.offsets = new Float64Array(0);
    }),
  ],
  [
    'request.rows.offsets[1] must be an integer in 0..2^53 - 1, found -3',
    step((r) => {
      r.rows.offsets[1] = -3;
    }),
  ],
  [
    'request.rows.offsets[0] must be an integer in 0..2^53 - 1, found NaN',
    step((r) => {
      r.rows.offsets[0] = Number.NaN;
    }),
  ],
  [
    'request.rows.offsets[0] must be an integer in 0..2^53 - 1, found 0.5',
    step((r) => {
      r.rows.offsets[0] = 0.5;
    }),
  ],
  [
    'request.rows.offsets[0] must be an integer in 0..2^53 - 1, found Infinity',
    step((r) => {
      r.rows.offsets[0] = Number.POSITIVE_INFINITY;
    }),
  ],
  [
    'request.rows.lengths must be an Int32Array of B = 6 elements, found Int32Array of 5',
    step((r) => {
      r.rows.lengths = new Int32Array(5);
    }),
  ],
  [
    'request.rows.lengths[2] must be at least 400, found 399',
    step((r) => {
      r.rows.lengths[2] = 399;
    }),
  ],
  [
    'request.rows.keys must be a Uint32Array of B = 6 elements, found an array',
    step((r) => {
      r.rows.keys = bad([1, 2, 3, 4, 5, 6]);
    }),
  ],
  [
    'request.labels must be of B x C elements with B = 6 and C of at least 2, found 17 elements',
    step((r) => {
      r.labels = new Float32Array(17);
    }),
  ],
  [
    'request.labels must be rows of sum 1, found a row 0 of sum 0',
    step((r) => {
      r.labels[0] = 0;
    }),
  ],
  [
    'request.labels[1] must be a probability in [0, 1], found NaN',
    step((r) => {
      r.labels[1] = Number.NaN;
    }),
  ],
  [
    'request.step must be an integer in 0..2^53 - 1, found -1',
    step((r) => {
      r.step = -1;
    }),
  ],
  [
    'request.learningRate must be a finite number of at least 0, found Infinity',
    step((r) => {
      r.learningRate = Number.POSITIVE_INFINITY;
    }),
  ],
  [
    'request.centerLearningRate must be a finite number of at least 0, found undefined',
    step((r) => {
      delete loose(r).centerLearningRate;
    }),
  ],
  [
    'request.partnerLabels must be absent without request.mix',
    step((r) => {
      r.partnerLabels = labels();
    }),
  ],
  [
    'request.augment must be an object, found true',
    step((r) => {
      r.augment = bad(true);
    }),
  ],
  [
    'request.augment.speed[0] must be a factor in [0.25, 4], found 0',
    step((r) => {
      r.augment = { speed: new Float32Array(6) };
    }),
  ],
  [
    'request.augment.gain must be a Float32Array of B = 6 elements, found Float32Array of 1',
    step((r) => {
      r.augment = { gain: new Float32Array(1) };
    }),
  ],
  [
    'request.augment.noise[0] must be finite, in dB, or NaN for none, found Infinity',
    step((r) => {
      r.augment = { noise: new Float32Array(6).fill(Number.POSITIVE_INFINITY) };
    }),
  ],
  [
    'request.augment.timeMasks must be of B x n x 2 elements with B = 6, found 13 elements',
    step((r) => {
      r.augment = { timeMasks: new Float32Array(13) };
    }),
  ],
  [
    'request.augment.bandMasks[3] must be at least 0, found -1',
    step((r) => {
      r.augment = { bandMasks: Int32Array.of(0, 0, 0, -1, 0, 0, 0, 0, 0, 0, 0, 0) };
    }),
  ],

  [
    "request.mix.kind must be 'eam' or 'lam', found 'none'",
    mixedStep((r) => {
      r.mix.kind = bad('none');
    }),
  ],
  [
    'request.mix.active[1] must be 0 or 1, found 2',
    mixedStep((r) => {
      r.mix.active[1] = 2;
    }),
  ],
  [
    'request.mix.starts[1] must be at most 2200, so that the segment ends within the utterance, found 2201',
    mixedStep((r) => {
      r.mix.starts[1] = 2201;
    }),
  ],
  [
    'request.mix.partnerStarts[1] must be at most 2200, so that the segment ends within the partner, found 2147483647',
    mixedStep((r) => {
      r.mix.partnerStarts[1] = 2 ** 31 - 1;
    }),
  ],
  [
    'request.mix.starts[1] must be at least 0, found -1',
    mixedStep((r) => {
      r.mix.starts[1] = -1;
    }),
  ],
  [
    'request.mix.segmentLengths[1] must be at least 1, found 0',
    mixedStep((r) => {
      r.mix.segmentLengths[1] = 0;
    }),
  ],
  [
    'request.mix.snr[1] must be finite, in dB, found NaN',
    mixedStep((r) => {
      r.mix.snr[1] = Number.NaN;
    }),
  ],
  [
    'request.mix.lambda[1] must be a weight in [0, 1], found 1.25',
    mixedStep((r) => {
      r.mix.lambda[1] = 1.25;
    }),
  ],
  [
    'request.partnerLabels must be a Float32Array of B x C = 18 elements, found undefined',
    mixedStep((r) => {
      delete r.partnerLabels;
    }),
  ],

  ['rows.lengths must be', (a) => a.forwardRows(1, 1, { ...rows(), lengths: new Int32Array(1) }, {})],
  ['options.weights must be true or false, found 1', (a) => a.forwardRows(1, 1, rows(), { weights: bad(1) })],
  [
    'samples must be an array of Float32Array, found Float32Array of 500',
    (a) => a.forwardSamples(1, bad(new Float32Array(500)), {}),
  ],
  ['samples must be of at least one utterance, found an empty array', (a) => a.forwardSamples(1, [], {})],
  [
    'samples[1] must be a Float32Array of at least 400 elements, found Float32Array of 399',
    (a) => a.forwardSamples(1, [new Float32Array(400), new Float32Array(399)], {}),
  ],
  [
    'samples[0][7] must be finite, found NaN',
    (a) => a.forwardSamples(1, [new Float32Array(400).fill(Number.NaN, 7, 8)], {}),
  ],

  [
    'request.samples must be an Int16Array of n elements, found Float32Array of 9',
    (a) => a.mixSamples({ samples: bad(new Float32Array(9)), rows: rows(), mix: mixRows() }),
  ],
  [
    'request.rows.offsets[1] must be such that its 3200 samples end within the 6399 samples given, found 3200',
    mixSamples(2 * UTTERANCE - 1),
  ],

  [
    'request.heads must be a divisor of width = 4, found 3',
    attention((r) => {
      r.heads = 3;
    }),
  ],
  [
    'request.lengths[1] must be at least 1, found 0',
    attention((r) => {
      r.lengths[1] = 0;
    }),
  ],
  [
    'request.frames must be a Float32Array or a Float64Array, found Int16Array of 1',
    attention((r) => {
      r.frames = bad(new Int16Array(1));
    }),
  ],
  [
    'request.frames must be a Float32Array of sum(lengths) x D = 20 elements, found Float32Array of 19',
    attention((r) => {
      r.frames = new Float32Array(19);
    }),
  ],
  [
    'request.score must be a Float32Array of D = 4 elements, found Float64Array of 4',
    attention((r) => {
      r.score = new Float64Array(4);
    }),
  ],
  [
    'request.upstream must be a Float32Array of B x D = 8 elements, found Float32Array of 4',
    attention((r) => {
      r.upstream = new Float32Array(4);
    }),
  ],

  [
    'request.contrast must be a Float64Array of B x E = 8 elements, found Float32Array of 8',
    losses((r) => {
      r.contrast = new Float32Array(8);
    }),
  ],
  [
    'request.baseClasses[1] must be a class in 0..2, found 3',
    losses((r) => {
      r.baseClasses[1] = 3;
    }),
  ],
  [
    'request.labels must be rows of sum 1, found a row 1 of sum 0.5',
    losses((r) => {
      r.labels[4] = 0;
    }),
  ],
  [
    'request.centers must be a Float64Array of C x E = 12 elements, found Float64Array of 8',
    losses((r) => {
      r.centers = new Float64Array(8);
    }),
  ],
  [
    'request.weights.focal must be a finite number of at least 0, found undefined',
    losses((r) => {
      delete loose(r.weights).focal;
    }),
  ],
  [
    'request.temperature must be a finite number above 0, found NaN',
    losses((r) => {
      r.temperature = Number.NaN;
    }),
  ],
];

describe('a wrong argument', () => {
  test.each(WRONG)('%s', (message, call) => {
    const before = addon.lastJob();
    let thrown: (Error & { code?: string }) | undefined;
    try {
      call(addon);
    } catch (error) {
      thrown = error as Error;
    }
    expect(thrown?.message).toContain(message);
    expect(thrown?.name).toBe('TypeError');
    expect(thrown?.code).toBe('E_ARGUMENT');
    expect(addon.lastJob()).toBe(before);
  });

  test("lets an error of the caller's own getter through", () => {
    const config = {
      get classes(): number {
        throw new RangeError('mine');
      },
    };
    expect(() => addon.createModel(bad(config), 1)).toThrow('mine');
  });

  test('does not hinder the calls that follow', async () => {
    addon.start(OPTIONS);
    expect(Number.isFinite(await addon.selfTest())).toBe(true);
    addon.stop();
  });
});
