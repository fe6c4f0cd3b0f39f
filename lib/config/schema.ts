/** The configuration of a training run: every field, its unit, its default, and the check on it. */
import { z } from 'zod';
import { VALIDATIONS } from '../folds/types.js';

const fraction = z.number().min(0).max(1);
const range = z
  .tuple([z.number(), z.number()])
  .refine(([low, high]) => low <= high, 'must be [low, high] with low <= high');

/** A range, or the word that switches off what a preset brings: leaving the key out would leave the preset's. */
const rangeOrNone = z
  .union([range, z.literal('none')], { error: 'must be [low, high] with low <= high, or none' })
  .optional();

const melEncoder = z
  .strictObject({
    kind: z.literal('mel').describe('log-mel encoder, trained from scratch'),
    bands: z.int().min(8).max(256).default(80).describe('mel bands of 25 ms windows every 10 ms'),
    convChannels: z
      .int()
      .min(1)
      .max(1024)
      .default(24)
      .describe('channels of the first convolution; the second has twice, the others four times as many'),
    convLayers: z
      .int()
      .min(1)
      .max(4)
      .default(4)
      .describe('3 x 3 convolutions with batch normalisation; the first three halve time and bands'),
    width: z.int().min(8).max(4096).default(192).describe('width of a frame'),
    layers: z.int().min(0).max(64).default(2).describe('transformer or conformer blocks'),
    heads: z.int().min(1).max(64).default(4).describe('of self-attention in a block'),
    feedForward: z.int().min(8).max(16_384).default(768).describe('inner width of a block'),
    block: z.enum(['transformer', 'conformer']).default('transformer'),
    convKernel: z
      .int()
      .min(1)
      .max(255)
      .default(15)
      .describe('depthwise convolution of a conformer block, frames, odd'),
    dropout: fraction.default(0.1),
  })
  .refine((value) => value.width % value.heads === 0, 'heads must divide width')
  .refine((value) => value.convKernel % 2 === 1, 'convKernel must be odd');

const pretrainedEncoder = z
  .strictObject({
    kind: z.literal('pretrained').describe('WavLM, HuBERT, wav2vec2 or the encoder of Whisper'),
    source: z.string().min(1).describe('Hugging Face id (org/name, org/name@revision) or folder'),
    trainable: z
      .union([z.enum(['none', 'all']), z.int().min(1).max(1000)])
      .default('all')
      .describe('what of it is trained: nothing, all, or so many of its last layers'),
    trainExtractor: z
      .boolean()
      .default(false)
      .describe('train the convolutions over the waveform (wav2vec2, HuBERT, WavLM) as well'),
    hiddenStates: z
      .enum(['last', 'sum'])
      .default('last')
      .describe(
        "frames are the last layer's output, or a learned sum over all hidden states as transformers 5 counts them",
      ),
    window30: z
      .boolean()
      .default(false)
      .describe('Whisper: pad every utterance to 30 s, as transformers does'),
    rate: z
      .number()
      .positive()
      .max(1)
      .default(1)
      .describe("learning rate of its last layer as a share of optimiser.learningRate, the head's"),
    layerDecay: z
      .number()
      .positive()
      .max(1)
      .default(1)
      .describe("learning rate of a layer as a share of the next one's"),
    dropout: fraction
      .optional()
      .describe("after attention and feed-forward layers; the checkpoint's own where absent"),
    layerDrop: fraction
      .optional()
      .describe("probability of skipping a layer; the checkpoint's own where absent"),
    lora: z
      .strictObject({
        rank: z.int().min(0).max(1000).default(0).describe('of adapters on q, k, v and out; 0 = none'),
        alpha: z.number().positive().default(16),
        dropout: fraction.default(0),
      })
      .prefault({}),
    checkpointActivations: z
      .boolean()
      .default(false)
      .describe('recompute layers in the backward pass: less memory, more time'),
  })
  .refine(
    (value) => value.lora.rank === 0 || value.trainable === 'none',
    'adapters (lora.rank) need trainable: none, since the encoder itself stays frozen',
  );

/** Without a kind, an object that names a source is a pretrained encoder, any other the mel encoder. */
const encoder = z
  .preprocess(
    (value) =>
      typeof value === 'object' && value !== null && !('kind' in value)
        ? { kind: 'source' in value ? 'pretrained' : 'mel', ...value }
        : value,
    z.discriminatedUnion('kind', [melEncoder, pretrainedEncoder]),
  )
  .prefault({ kind: 'mel' });

const mix = z
  .strictObject({
    kind: z.enum(['eam', 'lam', 'none']).default('eam'),
    probability: fraction.default(0.5).describe('probability that an utterance is mixed (first epoch)'),
    probabilityEnd: fraction.optional().describe('the same at the last epoch; linear in between'),
    snr: range.default([-5, 10]).describe('dB'),
    snrEnd: range.optional().describe('dB, at the last epoch'),
    segment: z.enum(['any', 'voiced']).default('any'),
  })
  .prefault({});

const augment = z
  .strictObject({
    speed: rangeOrNone.describe('speed factors, uniform; changes pitch and tempo'),
    speedProbability: fraction.default(1),
    gain: rangeOrNone.describe('dB, uniform'),
    noise: rangeOrNone.describe('SNR of white noise, dB, uniform'),
    noiseProbability: fraction.default(0.5),
    tempo: rangeOrNone.describe('tempo factors, uniform; pitch stays'),
    warp: rangeOrNone.describe('stretch of the mel axis (vocal tract length perturbation), uniform'),
    timeMasks: z.int().min(0).max(16).default(2).describe('SpecAugment time masks'),
    timeMaskFraction: fraction.default(0.1).describe('widest time mask, of the utterance'),
    bandMasks: z.int().min(0).max(16).default(2).describe('SpecAugment frequency masks'),
    bandMaskWidth: z.int().min(0).max(256).default(12).describe('widest frequency mask, bands'),
  })
  .prefault({});

const losses = z
  .strictObject({
    kl: z.number().min(0).default(1).describe('weight of the scaled loss; 0 = off'),
    focal: z.number().min(0).default(1),
    center: z.number().min(0).default(1),
    supcon: z.number().min(0).default(1),
  })
  .refine((value) => value.kl + value.focal > 0, 'kl or focal must be on: only they train the classifier')
  .prefault({});

const optimiser = z
  .strictObject({
    learningRate: z.number().positive().default(1e-3),
    centerLearningRate: z.number().positive().default(5e-3),
    schedule: z.enum(['decay', 'one-cycle', 'constant']).default('one-cycle'),
    decay: z
      .number()
      .positive()
      .max(1)
      .default(7 / 8)
      .describe('factor per epoch of schedule "decay"'),
    warmup: fraction.default(0.15).describe('share of all steps during which "one-cycle" rises'),
    weightDecay: z.number().min(0).default(0.05),
    beta1: fraction.default(0.9),
    beta2: fraction.default(0.98),
    epsilon: z.number().positive().default(1e-8),
    clip: z.number().min(0).default(5).describe('largest global gradient norm; 0 = off'),
    averageDecay: z
      .number()
      .min(0)
      .max(0.99999)
      .default(0.99)
      .describe('moving average of the weights, judged and kept; 0 = off'),
  })
  .prefault({});

const batch = z
  .strictObject({
    size: z.int().min(1).max(4096).default(16),
    maxSeconds: z.number().positive().default(160).describe('cap of a batch, seconds of audio'),
    grouping: z
      .enum(['length', 'none'])
      .default('length')
      .describe('batches of similar length waste no padding'),
    accumulate: z
      .int()
      .min(1)
      .max(4096)
      .default(1)
      .describe('parts that a batch is computed in to save memory; SupCon contrasts within a part'),
  })
  .prefault({});

const trainConfigFields = z.strictObject({
  corpus: z.string().min(1).default('demo').describe('see docs/corpora.md'),
  data: z.string().optional().describe('folder or manifest of the corpus'),
  allowPartial: z.boolean().default(false).describe('accept a copy of the corpus that lacks files'),
  speakerPattern: z
    .string()
    .optional()
    .describe('corpus folder: regular expression whose group names the speaker'),
  speakers: z.literal('per-file').optional().describe('corpus folder: every file is a speaker of its own'),
  choices: z
    .record(z.string(), z.string())
    .default({})
    .describe('what a corpus leaves to choose, such as which classes; see docs/corpora.md'),
  labels: z
    .enum(['hard', 'soft'])
    .default('hard')
    .describe(
      "soft: the raters' votes, where the corpus has them; scores are against the hard label either way",
    ),
  protocol: z.string().optional().describe('how folds are made; the corpus has a default'),
  plan: z
    .string()
    .optional()
    .describe('file of a fold plan, in place of protocol and validation; see docs/folds.md'),
  folds: z
    .union([z.literal('all'), z.array(z.int().min(1)).min(1)])
    .default('all')
    .describe('to run in this sitting'),
  validation: z
    .enum(VALIDATIONS)
    .default('next-fold')
    .describe(
      'speakers that choose the epoch: of the next fold, or held out of the training part (speaker, session); none takes the last epoch',
    ),
  validationSpeakers: z
    .int()
    .min(1)
    .optional()
    .describe('validation speaker: about how many; a tenth of the training speakers'),
  trainFraction: z
    .number()
    .positive()
    .max(1)
    .default(1)
    .describe(
      'share of the training part that is used, drawn within speakers; a smaller one is part of a larger',
    ),
  classWeights: z
    .enum(['none', 'balanced'])
    .default('none')
    .describe(
      'balanced: KL and focal weigh a class by N / (C n) of the training part, so that rare ones count as much',
    ),
  seed: z.int().min(0).default(1).describe('of every random choice'),
  seeds: z
    .union([z.int().min(1).max(1000), z.array(z.int().min(0)).min(1)])
    .default(1)
    .describe('every fold is trained for each: how many, counted from `seed`, or a list'),
  device: z.enum(['auto', 'cpu', 'cuda']).default('auto'),
  precision: z
    .enum(['auto', 'fp32', 'bf16'])
    .default('auto')
    .describe('of matrix products; auto is bf16 where the processor has it, else fp32'),
  onBadAudio: z.enum(['fail', 'skip']).default('fail').describe('damaged, empty or silent files'),
  trim: z
    .number()
    .min(0)
    .max(120)
    .default(0)
    .describe('leave out leading and trailing sound this many dB below the loudest frame; 0 = off'),
  epochs: z.int().min(1).max(10_000).default(25).describe('per fold'),
  patience: z
    .int()
    .min(0)
    .default(0)
    .describe('epochs without a better validation UA before a fold ends; 0 = off'),
  final: z.boolean().default(false).describe('also fit one model on all the data'),
  encoder,
  pooling: z.enum(['flam', 'mean', 'max']).default('flam').describe('how frames become one vector'),
  poolingHeads: z
    .int()
    .min(1)
    .optional()
    .describe('heads of FLAM; the largest divisor of the frame width up to 16'),
  embedding: z.int().min(2).max(4096).default(64).describe('width of the embedding e'),
  headDropout: fraction.default(0.2).describe('dropout of the utterance vector'),
  losses,
  gamma: z.number().min(0).default(2).describe('exponent of the focal loss'),
  temperature: z.number().positive().default(0.1).describe('of SupCon'),
  mix,
  augment,
  optimiser,
  batch,
});

export const trainConfigSchema = trainConfigFields
  // Augmentation of the spectrogram's axes that only the mel encoder's front-end knows.
  .refine(
    ({ encoder: { kind }, augment: { tempo, warp } }) =>
      kind === 'mel' || [tempo, warp].every((range) => range === undefined || range === 'none'),
    {
      path: ['augment'],
      message: 'tempo and warp need the mel encoder; speed, gain and noise suit every encoder',
    },
  )
  .refine(({ plan, protocol }) => plan === undefined || protocol === undefined, {
    path: ['plan'],
    message: 'a plan brings its protocol: leave plan or protocol out',
  });

/** A resolved configuration: every field present. */
export type TrainConfig = z.output<typeof trainConfigSchema>;
/** What a user may write: any part of it. */
export type TrainConfigInput = z.input<typeof trainConfigSchema>;
