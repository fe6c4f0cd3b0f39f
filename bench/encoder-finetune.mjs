#!/usr/bin/env node
/** Audio-seconds that a fine-tuning step takes in per second, beside transformers in PyTorch, step by step in turns. See HELP. */
import { writeFile } from 'node:fs/promises';
import { freemem } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { tell } from './measure.mjs';
import {
  randomCheckpoint,
  SAMPLE_RATE,
  table,
  uniform,
  WHISPER,
  whisperCheckpoint,
} from './peers/inputs.mjs';
import {
  BenchError,
  Contestant,
  count,
  here,
  peerScript,
  processor,
  requirePython,
  runProgram,
  workFolder,
} from './peers/process.mjs';

const HELP = `Fine-tuning of pretrained encoders beside transformers in PyTorch.

  node bench/encoder-finetune.mjs wavlm [options] > bench/results/finetune-wavlm.json      (after npm run build)
  node bench/encoder-finetune.mjs whisper --data RAVDESS [options] > bench/results/finetune-whisper.json

wavlm: WavLM Base with random weights, batches of 8 utterances of noise whose lengths are drawn like IEMOCAP's (log-normal, mean
  4.5 s, 0.5 to 16 s, fixed seed), 8 classes, convolutions over the waveform frozen. Beside WavLMForSequenceClassification with
  batches as drawn ("random") and with batches of similar length ("grouped"), padded as its feature extractor does.
whisper: RAVDESS, decoded by ser-native, batches of 16 of similar length, all of the encoder trained. Beside a plain loop over
  transformers' layers at true lengths (padded to the longest of the batch, keys masked), log-mels by WhisperFeatureExtractor.

Both sides: cross-entropy, mean pooling, two linear layers, AdamW, clipping at 1, dropout and SpecAugment as config.json says, no
layer dropped (a dropped layer is work left out). The peer's bf16 is autocast.

  --steps N          that count, default 10, after 2 that do not
  --batch N          utterances, default 8 for wavlm, 16 for whisper
  --batching A,B     wavlm: random, grouped; default both
  --precisions A,B   default fp32, and bf16 where the processor multiplies it (AVX512_BF16 or AMX)
  --threads N        of each program, default 2
  --seed N           of lengths and batches, default 1
  --mask             wavlm: the peer gets an attention mask (the released Base was trained without one, and asks for none)
  --apart            all steps of one program, then all of the other, for machines whose memory does not hold both
  --only REGEXP      only programs whose name matches
  --data DIR         whisper: RAVDESS
  --whisper DIR      checkpoint; default ../shared/models/whisper-tiny.en
  --keep DIR         where the random checkpoint is kept for the next time; default: deleted
  --python PATH      Python with the packages of bench/peers/requirements.txt; default $PYTHON, else python3

The table goes to stderr, JSON to stdout. Peak memory is of the whole process, and less what was resident before the model.
`;

const PACKAGES = ['torch', 'transformers', 'safetensors', 'numpy'];
const WARMUPS = 2;
const CLASSES = 8;

await runProgram(async () => {
  const { values: options, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      steps: { type: 'string', default: '10' },
      batch: { type: 'string' },
      batching: { type: 'string', default: 'random,grouped' },
      precisions: { type: 'string' },
      threads: { type: 'string', default: '2' },
      seed: { type: 'string', default: '1' },
      mask: { type: 'boolean', default: false },
      apart: { type: 'boolean', default: false },
      only: { type: 'string', default: '' },
      data: { type: 'string' },
      whisper: { type: 'string', default: WHISPER },
      keep: { type: 'string' },
      python: { type: 'string', default: process.env.PYTHON ?? 'python3' },
      help: { type: 'boolean' },
    },
  });
  if (options.help) {
    process.stdout.write(HELP);
    return;
  }
  const [what] = positionals;
  if (positionals.length !== 1 || !['wavlm', 'whisper'].includes(what))
    throw new BenchError(`Name what to fine-tune, wavlm or whisper.\n\n${HELP}`);
  const { isa, bf16 } = await processor();
  const versions = await requirePython(options.python, PACKAGES);
  const settings = {
    ...options,
    steps: count(options, 'steps'),
    threads: count(options, 'threads'),
    seed: count(options, 'seed', 0),
    batch: options.batch === undefined ? (what === 'wavlm' ? 8 : 16) : count(options, 'batch', 2),
    precisions: (options.precisions ?? (bf16 ? 'fp32,bf16' : 'fp32')).split(','),
  };

  const folder = workFolder(options.keep);
  const { directory, plans } =
    what === 'wavlm' ? await wavlmPlans(folder, settings) : await whisperPlans(folder, settings);
  const pairs = [];
  for (const precision of settings.precisions) {
    for (const [batching, plan] of Object.entries(plans)) {
      const pair = await compare({ batching, precision, plan, directory, folder }, settings);
      pairs.push(pair);
      process.stderr.write(`\n${summary(what, pair, settings, isa)}\n`);
    }
  }
  tell({
    isa,
    versions,
    threads: settings.threads,
    task: what,
    batch: settings.batch,
    steps: settings.steps,
    seed: settings.seed,
    mask: settings.mask,
    apart: settings.apart,
    pairs,
  });
});

/** Standard normal numbers from uniform ones (Box and Muller). */
function normal(draw) {
  return Math.sqrt(-2 * Math.log(1 - draw())) * Math.cos(2 * Math.PI * draw());
}

/** Seconds like IEMOCAP's utterances: log-normal of mean 4.5 s and deviation 3.2 s, clipped. */
function utteranceSeconds(draw) {
  const sigma = Math.sqrt(Math.log(1 + (3.2 / 4.5) ** 2));
  const seconds = Math.exp(Math.log(4.5) - sigma ** 2 / 2 + sigma * normal(draw));
  return Math.min(16, Math.max(0.5, seconds));
}

/** Utterances of noise in one file; the same ones in batches as drawn and in batches of similar length. */
async function wavlmPlans(folder, { seed, steps, batch, batching }) {
  const directory = await randomCheckpoint(folder, 'wavlm-base');
  const draw = uniform(seed);
  const utterances = [];
  let offset = 0;
  for (let index = 0; index < (WARMUPS + steps) * batch; index++) {
    const length = Math.round(utteranceSeconds(draw) * SAMPLE_RATE);
    utterances.push({ offset, length, label: Math.floor(draw() * CLASSES) });
    offset += length;
  }
  const path = join(folder, 'noise.s16');
  const samples = Int16Array.from({ length: offset }, () => 3000 * (2 * draw() - 1));
  await writeFile(path, new Uint8Array(samples.buffer));

  const cut = (list) =>
    Array.from({ length: list.length / batch }, (_, index) => list.slice(index * batch, (index + 1) * batch));
  const warmups = utterances.slice(0, WARMUPS * batch);
  const counted = utterances.slice(WARMUPS * batch);
  const batches = {
    random: cut(counted),
    grouped: shuffled(cut(counted.toSorted((a, b) => a.length - b.length)), draw),
  };
  const plans = {};
  for (const name of batching.split(',')) {
    if (!batches[name]) throw new BenchError(`--batching takes random and grouped, not "${name}"`);
    plans[name] = plan(path, offset, [...cut(warmups), ...batches[name]], {
      embedding: 256,
      learningRate: 1e-5,
    });
  }
  return { directory, plans };
}

/** RAVDESS' utterances, untrimmed, in batches as training plans them. */
async function whisperPlans(_folder, { seed, steps, batch, data, whisper }) {
  const directory = whisperCheckpoint(resolve(whisper), '--whisper');
  if (!data) throw new BenchError('whisper needs --data DIR: the folder of RAVDESS (see docs/corpora.md)');
  const { mergeLayers, resolveConfig } = await import('../dist/config/resolve.js');
  const { prepare } = await import('../dist/train/prepare.js');
  const { planBatches } = await import('../dist/train/batches.js');
  const settings = ['trim=0', 'mix.kind=none'];
  const { config } = resolveConfig(mergeLayers({ settings, flags: { corpus: 'ravdess', data } }));
  const { corpus, store, rows } = await prepare(config, () => {});
  const sized = corpus.utterances.map(({ id }) => ({ id, length: rows.get(id).entry.length }));
  const { batches } = planBatches(
    sized,
    { ...config.batch, size: batch, grouping: 'length', maxSeconds: 1e9 },
    { seed, fold: 1, epoch: 1 },
  );
  const chosen = batches.filter((ids) => ids.length === batch).slice(0, WARMUPS + steps);
  if (chosen.length < WARMUPS + steps) throw new BenchError(`${data} is too small for ${steps} steps`);
  const utterances = chosen.map((ids) =>
    ids.map((id) => ({ ...rows.get(id).entry, label: rows.get(id).label })),
  );
  const grouped = plan(store.path, store.samples, utterances, { embedding: 64, learningRate: 1e-4 });
  return { directory, plans: { grouped } };
}

function shuffled(list, draw) {
  const result = [...list];
  for (let last = result.length - 1; last > 0; last--) {
    const other = Math.floor(draw() * (last + 1));
    [result[last], result[other]] = [result[other], result[last]];
  }
  return result;
}

function plan(path, samples, batches, { embedding, learningRate }) {
  return {
    path,
    samples,
    classes: CLASSES,
    embedding,
    learningRate,
    weightDecay: 0.01,
    clip: 1,
    batches: {
      all: batches.map((batch) => ({
        offsets: batch.map(({ offset }) => offset),
        lengths: batch.map(({ length }) => length),
        labels: batch.map(({ label }) => label),
      })),
    },
  };
}

async function compare({ batching, precision, plan, directory, folder }, settings) {
  const { threads, python, steps, mask, apart } = settings;
  const planPath = join(folder, 'plan.json');
  await writeFile(planPath, JSON.stringify(plan));
  const programs = [
    {
      name: `ser-native ${precision}`,
      command: process.execPath,
      args: [here('ser-native-train.mjs'), directory, planPath, precision, String(threads)],
    },
    {
      name: `transformers ${precision}, ${batching}`,
      command: python,
      args: [
        peerScript('transformers_peer.py'),
        directory,
        planPath,
        '--task',
        'train',
        '--dtype',
        precision,
        '--threads',
        String(threads),
        ...(mask ? ['--mask'] : []),
      ],
    },
  ].filter(({ name }) => new RegExp(settings.only).test(name));
  if (programs.length === 0) throw new BenchError(`--only ${settings.only} matches no program`);
  if (directory !== resolve(settings.whisper)) warnOfMemory(plan, settings);

  const answers = new Map(programs.map(({ name }) => [name, []]));
  const closing = new Map();
  for (const group of apart ? programs.map((program) => [program]) : [programs]) {
    const running = [];
    try {
      for (const { name, command, args } of group)
        running.push(await Contestant.start(name, command, args, { threads }));
      for (let index = 0; index < WARMUPS + steps; index++) {
        // Who goes first changes, as in takeTurns.
        for (const contestant of index % 2 === 0 ? running : running.toReversed()) {
          const answer = await contestant.ask({ do: 'step', batching: 'all', index });
          if (index >= WARMUPS) answers.get(contestant.name).push(answer);
        }
        process.stderr.write(`\r${batching} ${precision}: step ${index + 1} of ${WARMUPS + steps}`);
      }
      for (const contestant of running)
        closing.set(contestant.name, {
          memory: await contestant.ask({ do: 'memory' }),
          facts: contestant.facts,
        });
    } catch (error) {
      const free = `${(freemem() / 2 ** 30).toFixed(1)} GiB of memory are free now`;
      if (error instanceof BenchError) error.message += `\n(${free}; --apart needs less)`;
      throw error;
    } finally {
      for (const contestant of running) contestant.kill();
    }
  }
  process.stderr.write('\n');

  const counted = plan.batches.all.slice(WARMUPS);
  const seconds = (lengths) => lengths.reduce((sum, length) => sum + length, 0) / SAMPLE_RATE;
  const audio = counted.map(({ lengths }) => seconds(lengths));
  const padded = counted.map(({ lengths }) => (lengths.length * Math.max(...lengths)) / SAMPLE_RATE);
  const total = (values) => values.reduce((sum, value) => sum + value, 0);
  const rows = programs.map(({ name }) => {
    const each = answers.get(name);
    const spent = total(each.map((answer) => answer.seconds));
    const extract = each.some((answer) => answer.frontEnd !== undefined)
      ? total(each.map((answer) => answer.frontEnd))
      : undefined;
    const { memory, facts } = closing.get(name);
    return {
      program: name,
      ours: name.startsWith('ser-native'),
      seconds: spent,
      audioSecondsPerSecond: total(audio) / spent,
      // What is left of its time if waveforms were made ready beforehand.
      ...(extract !== undefined && {
        extractSeconds: extract,
        audioPerSecondWithoutExtract: total(audio) / (spent - extract),
      }),
      peakBytes: memory?.peak,
      peakOverBase: memory && facts.beforeLoad && memory.peak - facts.beforeLoad.resident,
      steps: each.map((answer) => answer.seconds),
      losses: each.map(({ loss }) => loss),
      facts,
    };
  });
  const [ours, peer] = [rows.find((row) => row.ours), rows.find((row) => !row.ours)];
  return {
    batching,
    precision,
    audioSeconds: total(audio),
    paddedSeconds: total(padded),
    longestSeconds: Math.max(...counted.flatMap(({ lengths }) => lengths)) / SAMPLE_RATE,
    rows,
    ...(ours &&
      peer && {
        speedRatio: peer.seconds / ours.seconds,
        ...(peer.extractSeconds !== undefined && {
          speedRatioWithoutExtract: (peer.seconds - peer.extractSeconds) / ours.seconds,
        }),
        ...(ours.peakBytes && {
          memoryRatio: ours.peakBytes / peer.peakBytes,
          memoryRatioOverBase: ours.peakOverBase / peer.peakOverBase,
        }),
      }),
  };
}

/** As seen of transformers with WavLM Base: 1.5 GiB of weights and optimiser, 0.1 GiB for each second of a padded batch. */
function warnOfMemory({ batches: { all } }, { apart, only }) {
  const longest = Math.max(
    ...all.map(({ lengths }) => (lengths.length * Math.max(...lengths)) / SAMPLE_RATE),
  );
  const need = (1.5 + 0.1 * longest) * (apart || only !== '' ? 1 : 1.5);
  const free = freemem() / 2 ** 30;
  if (need > free) {
    process.stderr.write(
      `This may need ${need.toFixed(0)} GiB of memory, of which ${free.toFixed(0)} are free; --apart or a smaller --batch needs less.\n`,
    );
  }
}

function summary(what, pair, settings, isa) {
  const gib = (bytes) => (bytes ? (bytes / 2 ** 30).toFixed(2) : '');
  const fixed = (value, digits) => (value === undefined ? '' : value.toFixed(digits));
  const lines = pair.rows.map((row) => [
    row.program,
    row.seconds.toFixed(2),
    row.audioSecondsPerSecond.toFixed(2),
    fixed(row.audioPerSecondWithoutExtract, 2),
    gib(row.peakBytes),
    gib(row.peakOverBase),
  ]);
  const head = `${what}, ${settings.steps} steps of ${settings.batch}, ${pair.batching} batches, ${pair.audioSeconds.toFixed(0)} s of audio (${pair.paddedSeconds.toFixed(0)} s with padding), ${settings.threads} threads; ${isa.join(' ')}`;
  const header = ['program', 's', 'audio s/s', 'less front-end', 'peak GiB', 'over base'];
  const ratio =
    pair.speedRatio === undefined
      ? ''
      : `ser-native: ${pair.speedRatio.toFixed(2)}x the speed${pair.speedRatioWithoutExtract ? ` (${pair.speedRatioWithoutExtract.toFixed(2)}x less the peer's front-end)` : ''}, ${fixed(pair.memoryRatio && 100 * pair.memoryRatio, 0)} % of the peak memory (${fixed(pair.memoryRatioOverBase && 100 * pair.memoryRatioOverBase, 0)} % over base)\n`;
  return `${head}\n${table(header, lines)}${ratio}`;
}
