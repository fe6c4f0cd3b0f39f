#!/usr/bin/env node
/** Seconds of an encoder's forward pass over one clip beside transformers and ONNX Runtime, all in turns. See HELP. */
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { forwardFlops } from '../dist/bench/flops.js';
import { readEncoderConfig } from '../dist/encoder/hf-config.js';
import { median, tell } from './measure.mjs';
import {
  randomCheckpoint,
  SAMPLE_RATE,
  speechLikeNoise,
  table,
  WHISPER,
  whisperCheckpoint,
} from './peers/inputs.mjs';
import {
  BenchError,
  Contestant,
  count,
  here,
  processor,
  requirePython,
  runProgram,
  takeTurns,
  workFolder,
} from './peers/process.mjs';
import { bestRates } from './peers/rates.mjs';

const HELP = `Inference of pretrained encoders beside transformers and ONNX Runtime.

  node bench/encoder-inference.mjs [options] > bench/results/encoder-inference.json      (after npm run build)

  --models A,B     of wavlm-base, wavlm-large, hubert-base, hubert-large, wav2vec2-large (random weights of the released shape)
                   and whisper; default wavlm-base,wavlm-large,whisper
  --whisper DIR    Whisper checkpoint; default ../shared/models/whisper-tiny.en
  --seconds N      length of the clip, default 10
  --threads N      of each program, default 2
  --rounds N       default 7, after 2 that do not count; a round is a turn of every program, one awake at a time
  --turn N         seconds of a turn at least (one forward pass at least; the figure is their median), default 0.4
  --dtypes A,B     default fp32, and bf16 where the processor multiplies it (AVX512_BF16 or AMX)
  --int8           also ONNX Runtime with dynamic int8 products (no part of the ratios: its output is less exact)
  --patched        also transformers spared the attention weights that WavLM computes and throws away (no part of the ratios)
  --only REGEXP    only programs whose name matches
  --keep DIR       where checkpoints and exported models are kept for the next time; default: deleted
  --python PATH    Python with the packages of bench/peers/requirements.txt; default $PYTHON, else python3

The table goes to stderr, JSON to stdout. Times are from samples to frames: what normalises samples or computes log-mels is in
them, for all programs. GFLOP/s count products and convolutions (see docs/bench.md) over the whole time; the share is of the
fastest matrix product measured in the same rounds. transformers runs as it comes (fp32, its own choice of attention) and in bf16
as model.to(bfloat16); ONNX Runtime runs an export for this clip's length.
`;

const PACKAGES = ['torch', 'transformers', 'safetensors', 'numpy', 'onnx', 'onnxruntime'];

await runProgram(async () => {
  const { values: options } = parseArgs({
    options: {
      models: { type: 'string', default: 'wavlm-base,wavlm-large,whisper' },
      whisper: { type: 'string', default: WHISPER },
      seconds: { type: 'string', default: '10' },
      threads: { type: 'string', default: '2' },
      rounds: { type: 'string', default: '7' },
      turn: { type: 'string', default: '0.4' },
      dtypes: { type: 'string' },
      int8: { type: 'boolean', default: false },
      patched: { type: 'boolean', default: false },
      only: { type: 'string', default: '' },
      keep: { type: 'string' },
      python: { type: 'string', default: process.env.PYTHON ?? 'python3' },
      help: { type: 'boolean' },
    },
  });
  if (options.help) {
    process.stdout.write(HELP);
    return;
  }
  const { isa, bf16 } = await processor();
  const versions = await requirePython(options.python, PACKAGES);
  const settings = {
    ...options,
    threads: count(options, 'threads'),
    rounds: count(options, 'rounds'),
    seconds: Number(options.seconds),
    turn: Number(options.turn),
    dtypes: (options.dtypes ?? (bf16 ? 'fp32,bf16' : 'fp32')).split(','),
  };
  if (!(settings.seconds >= 0.025 && settings.seconds <= 30))
    throw new BenchError('--seconds takes 0.025 to 30');

  const folder = workFolder(options.keep);
  settings.audio = join(folder, 'clip.f32');
  const wave = speechLikeNoise(Math.round(settings.seconds * SAMPLE_RATE), 1);
  await writeFile(settings.audio, new Uint8Array(wave.buffer));
  const models = [];
  for (const name of options.models.split(',')) {
    process.stderr.write(`${name}: checkpoint, programs, exports ...\n`);
    const directory =
      name === 'whisper'
        ? whisperCheckpoint(resolve(options.whisper), '--whisper')
        : await randomCheckpoint(folder, name);
    const result = await compare(name, directory, folder, settings);
    models.push(result);
    process.stderr.write(`\n${summary(result, settings, isa, versions)}\n`);
  }
  tell({
    isa,
    versions,
    threads: settings.threads,
    rounds: settings.rounds,
    clipSeconds: settings.seconds,
    models,
  });
});

/** Whom to start for a model. `window30`: it computes the 30 s that transformers pads Whisper's input to. */
function programs(name, directory, scratch, settings) {
  const { audio, threads, python } = settings;
  const whisper = name === 'whisper';
  const all = [];
  for (const dtype of settings.dtypes) {
    for (const mode of whisper ? ['unpadded', 'window30'] : ['unpadded']) {
      all.push({
        name: `ser-native ${dtype}${whisper ? ` ${mode}` : ''}`,
        ours: true,
        dtype,
        window30: mode === 'window30',
        command: process.execPath,
        args: [here('ser-native-infer.mjs'), directory, audio, dtype, mode, String(threads)],
      });
    }
  }
  const peer = (title, dtype, args, extra = {}) =>
    all.push({
      name: `${title} ${dtype}`,
      ours: false,
      rated: true,
      dtype,
      window30: whisper,
      command: python,
      args: [
        here('infer.py'),
        directory,
        audio,
        '--dtype',
        dtype,
        '--threads',
        String(threads),
        '--scratch',
        scratch,
        ...args,
      ],
      ...extra,
    });
  for (const dtype of settings.dtypes) peer('transformers', dtype, []);
  if (settings.patched && name.startsWith('wavlm')) {
    for (const dtype of settings.dtypes)
      peer('transformers, no attention weights,', dtype, ['--no-attention-weights'], { rated: false });
  }
  // Log-mels are computed by PyTorch there; its threads must not spin while ONNX Runtime's own work.
  const quiet = { env: { OMP_WAIT_POLICY: 'PASSIVE' } };
  peer('ONNX Runtime', 'fp32', ['--runtime', 'onnxruntime'], quiet);
  if (settings.int8) peer('ONNX Runtime', 'int8', ['--runtime', 'onnxruntime'], { ...quiet, rated: false });
  return all.filter((each) => new RegExp(settings.only).test(each.name));
}

async function compare(name, directory, folder, settings) {
  const configs = {
    own: await readEncoderConfig(directory),
    window30: name === 'whisper' ? await readEncoderConfig(directory, { window30: true }) : undefined,
  };
  const scratch = join(folder, `onnx-${name}-${settings.seconds}s`);
  await mkdir(scratch, { recursive: true });
  const chosen = programs(name, directory, scratch, settings);
  if (chosen.length === 0) throw new BenchError(`--only ${settings.only} matches no program`);
  const running = new Map();
  try {
    for (const { name: title, command, args, env } of chosen)
      running.set(title, await Contestant.start(title, command, args, { threads: settings.threads, env }));
    const gemm = await Contestant.start(
      'gemm',
      settings.python,
      [here('gemm.py'), '--threads', String(settings.threads), '--precisions', settings.dtypes.join(',')],
      { threads: settings.threads },
    );
    running.set('gemm', gemm);
    const outputs = await collectOutputs(chosen, running, scratch);
    const answers = await takeTurns([...running.values()], {
      rounds: settings.rounds,
      warmups: 2,
      request: { do: 'run', seconds: settings.turn },
      onRound: (done, of) => process.stderr.write(`\r${name}: round ${done} of ${of}`),
    });
    process.stderr.write('\n');
    const peaks = bestRates(answers.gemm);
    const rows = [];
    for (const program of chosen) {
      const { facts } = running.get(program.name);
      const { total, frames } = forwardFlops(
        (program.window30 && configs.window30) || configs.own,
        settings.seconds * SAMPLE_RATE,
      );
      const turns = answers[program.name].map(({ seconds }) => median(seconds));
      const extract = answers[program.name].flatMap((answer) => answer.extract ?? []);
      const seconds = median(turns);
      const { peak } = await running
        .get(program.name)
        .ask({ do: 'memory' })
        .then((memory) => memory ?? {});
      // int8 products are set against the fp32 rate, since only the products with weights are int8.
      const rate = peaks[program.dtype] ?? peaks.fp32;
      rows.push({
        program: program.name,
        ours: program.ours,
        rated: program.rated ?? false,
        dtype: program.dtype,
        window30: program.window30,
        seconds,
        turns,
        realTimeFactor: seconds / settings.seconds,
        ...(extract.length > 0 && { frontEndSeconds: median(extract) }),
        frames,
        gflop: total / 1e9,
        gflops: total / 1e9 / seconds,
        ...(rate && { shareOfGemm: total / 1e9 / seconds / rate.gflops }),
        ...outputs[program.name],
        peakBytes: peak,
        facts,
      });
    }
    addRatios(rows);
    return {
      model: name,
      modelType: configs.own.kind === 'ssl' ? configs.own.family : configs.own.kind,
      gemm: peaks,
      rows,
    };
  } finally {
    for (const contestant of running.values()) contestant.kill();
  }
}

/** How far each output is from transformers' in fp32, so that nobody wins by computing something else. */
async function collectOutputs(chosen, running, scratch) {
  const outputs = {};
  const read = async (program) => {
    const path = join(scratch, 'output.f32');
    const { shape } = await running.get(program.name).ask({ do: 'output', path });
    const bytes = await readFile(path);
    return { shape, values: new Float32Array(bytes.buffer, bytes.byteOffset, bytes.length >> 2) };
  };
  const reference = chosen.find(({ name }) => name === 'transformers fp32');
  const expected = reference && (await read(reference));
  for (const program of chosen) {
    if (program === reference) continue;
    const { shape, values } = await read(program);
    outputs[program.name] = { shape };
    if (!expected || expected.values.length !== values.length) continue;
    let [product, own, other, largest] = [0, 0, 0, 0];
    for (let index = 0; index < values.length; index++) {
      const [a, b] = [values[index], expected.values[index]];
      product += a * b;
      own += a * a;
      other += b * b;
      largest = Math.max(largest, Math.abs(a - b));
    }
    outputs[program.name] = { shape, maxDifference: largest, cosine: product / Math.sqrt(own * other) };
  }
  return outputs;
}

/** Of ours: how many times as fast as transformers' default, and as the fastest peers; from the same round each. */
function addRatios(rows) {
  const peers = rows.filter(({ rated }) => rated).sort((a, b) => a.seconds - b.seconds);
  const over = (peer, row) => {
    if (!peer) return undefined;
    const each = row.turns.map((seconds, round) => peer.turns[round] / seconds);
    return { peer: peer.program, ratio: median(each), least: Math.min(...each), most: Math.max(...each) };
  };
  for (const row of rows.filter(({ ours }) => ours)) {
    row.overDefault = over(
      peers.find(({ program }) => program === 'transformers fp32'),
      row,
    );
    row.overFastestOfPrecision = over(
      peers.find(({ dtype }) => dtype === row.dtype),
      row,
    );
    row.overFastest = over(peers[0], row);
    row.overEach = peers.map((peer) => over(peer, row));
  }
}

function summary({ model, gemm, rows }, settings, isa, versions) {
  const libtorch = rows.find(({ ours }) => ours)?.facts.libtorch;
  const ratio = (entry) => (entry ? `${entry.ratio.toFixed(2)}x` : '');
  const lines = rows.map((row) => [
    row.program,
    row.seconds.toFixed(3),
    row.realTimeFactor.toFixed(4),
    row.frontEndSeconds === undefined ? '' : row.frontEndSeconds.toFixed(3),
    ratio(row.overDefault),
    ratio(row.overFastestOfPrecision),
    ratio(row.overFastest),
    row.gflops.toFixed(0),
    row.shareOfGemm === undefined ? '' : `${(100 * row.shareOfGemm).toFixed(0)} %`,
    row.cosine === undefined ? '' : row.cosine.toFixed(6),
  ]);
  const rates = Object.entries(gemm).map(([precision, { gflops }]) => `${precision} ${gflops.toFixed(0)}`);
  const head = `${model}, one clip of ${settings.seconds} s, ${settings.threads} threads; ${isa.join(' ')}; products at ${rates.join(', ')} GFLOP/s`;
  const header = [
    'program',
    's',
    'RTF',
    'front-end',
    'vs default',
    'vs same type',
    'vs fastest',
    'GFLOP/s',
    'of GEMM',
    'cosine',
  ];
  const note =
    model === 'whisper'
      ? `"unpadded" computes the clip's own frames, 50 a second; all others, window30 too, compute 1500 (30 s, padded): transformers takes nothing else.\n`
      : '';
  const made = `${libtorch ? `LibTorch ${libtorch} (${rows[0].facts.capability}), ` : ''}torch ${versions.torch}, transformers ${versions.transformers}, onnxruntime ${versions.onnxruntime}`;
  return `${head}\n${made}\n${table(header, lines)}${note}`;
}
