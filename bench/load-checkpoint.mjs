#!/usr/bin/env node
/** Seconds and memory that loading a large checkpoint takes, beside transformers. See HELP. */
import { readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { median, tell } from './measure.mjs';
import { randomCheckpoint, SAMPLE_RATE, speechLikeNoise, table } from './peers/inputs.mjs';
import {
  BenchError,
  Contestant,
  count,
  here,
  processor,
  requirePython,
  runProgram,
  workFolder,
} from './peers/process.mjs';

const HELP = `Loading of a WavLM Large checkpoint (random weights, 1.2 GB, fp32) beside transformers' from_pretrained.

  node bench/load-checkpoint.mjs [options] > bench/results/load-checkpoint.json      (after npm run build)

  --rounds N      default 5; each loads in a fresh process of each program, with the file in the system's cache
  --threads N     default 2
  --shape NAME    default wavlm-large; also wavlm-base, hubert-base, hubert-large, wav2vec2-large
  --dtypes A,B    default fp32, and bf16 where the processor multiplies it (AVX512_BF16 or AMX)
  --only REGEXP   only programs whose name matches
  --keep DIR      where the checkpoint is kept for the next time; default: deleted
  --python PATH   Python with the packages of bench/peers/requirements.txt; default $PYTHON, else python3

The table goes to stderr, JSON to stdout. "load" is from the folder's name to a model that is ready, with the program's libraries
loaded before. Since weights may be read or repacked only when first used, the first forward pass over 1 s of audio stands beside a
later one. Memory is what became resident since before the load, at the load's end and after the passes, and its peak; mapped pages
of the file count as resident, though the system can drop them.
`;

await runProgram(async () => {
  const { values: options } = parseArgs({
    options: {
      rounds: { type: 'string', default: '5' },
      threads: { type: 'string', default: '2' },
      shape: { type: 'string', default: 'wavlm-large' },
      dtypes: { type: 'string' },
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
  const versions = await requirePython(options.python, ['torch', 'transformers', 'safetensors', 'numpy']);
  const rounds = count(options, 'rounds');
  const threads = count(options, 'threads');
  const dtypes = (options.dtypes ?? (bf16 ? 'fp32,bf16' : 'fp32')).split(',');
  const folder = workFolder(options.keep);
  const directory = await randomCheckpoint(folder, options.shape);
  const weights = join(directory, 'model.safetensors');
  const { size } = await stat(weights);
  const audio = join(folder, 'second.f32');
  await writeFile(audio, new Uint8Array(speechLikeNoise(SAMPLE_RATE, 1).buffer));

  const programs = dtypes
    .flatMap((dtype) => [
      {
        name: `ser-native ${dtype}`,
        command: process.execPath,
        args: [here('ser-native-infer.mjs'), directory, audio, dtype, 'unpadded', String(threads)],
      },
      {
        name: `transformers ${dtype}`,
        command: options.python,
        args: [here('infer.py'), directory, audio, '--dtype', dtype, '--threads', String(threads)],
      },
    ])
    .filter(({ name }) => new RegExp(options.only).test(name));
  if (programs.length === 0) throw new BenchError(`--only ${options.only} matches no program`);

  const loads = new Map(programs.map(({ name }) => [name, []]));
  for (let round = 0; round < rounds; round++) {
    for (const { name, command, args } of programs) {
      await readFile(weights); // into the system's cache, should others have driven it out
      loads.get(name).push(await loadOnce(name, command, args, threads));
    }
    process.stderr.write(`\rround ${round + 1} of ${rounds}`);
  }
  const rows = programs.map(({ name }) => {
    const all = loads.get(name);
    const middle = (pick) => {
      const values = all.map(pick);
      return values.some((value) => value === null) ? null : median(values);
    };
    return {
      program: name,
      loadSeconds: middle(({ facts }) => facts.loadSeconds),
      firstForwardSeconds: middle(({ first }) => first),
      laterForwardSeconds: middle(({ later }) => later),
      grownByLoad: middle(({ facts }) => grown(facts, facts.memory, 'resident')),
      mappedByLoad: middle(({ facts }) => grown(facts, facts.memory, 'mapped')),
      peakOfLoad: middle(({ facts }) => facts.memory && facts.memory.peak - facts.beforeLoad.resident),
      grownAfterForward: middle(({ facts, after }) => grown(facts, after, 'resident')),
      peakAfterForward: middle(({ facts, after }) => after && after.peak - facts.beforeLoad.resident),
      loads: all.map(({ facts }) => facts.loadSeconds),
      facts: all[0].facts,
    };
  });
  const share = (bytes) => (bytes === null ? '' : `${((100 * bytes) / size).toFixed(0)} %`);
  const lines = rows.map((row) => [
    row.program,
    row.loadSeconds.toFixed(2),
    row.firstForwardSeconds.toFixed(2),
    row.laterForwardSeconds.toFixed(2),
    share(row.grownByLoad),
    share(row.mappedByLoad),
    share(row.peakOfLoad),
    share(row.grownAfterForward),
    share(row.peakAfterForward),
  ]);
  const header = [
    'program',
    'load s',
    'first 1 s',
    'later',
    'grown',
    'of it mapped',
    'peak',
    'after passes',
    'their peak',
  ];
  process.stderr.write(
    `\n\n${options.shape}, file of ${(size / 1e9).toFixed(2)} GB in the system's cache, ${threads} threads; ${isa.join(' ')}; memory as a share of the file\n${table(header, lines)}`,
  );
  tell({ isa, versions, threads, rounds, shape: options.shape, fileBytes: size, rows });
});

function grown({ beforeLoad }, memory, kind) {
  return memory && beforeLoad ? memory[kind] - beforeLoad[kind] : null;
}

async function loadOnce(name, command, args, threads) {
  const contestant = await Contestant.start(name, command, args, { threads });
  try {
    const [first] = (await contestant.ask({ do: 'run' })).seconds;
    const later = (await contestant.ask({ do: 'run', seconds: 0.2 })).seconds;
    const after = await contestant.ask({ do: 'memory' });
    return { facts: contestant.facts, first, later: median(later), after };
  } finally {
    contestant.kill();
  }
}
