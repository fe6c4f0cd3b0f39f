#!/usr/bin/env node
/**
 * Rate of matrix products on this machine with LibTorch, in fp32 and bf16, by shape and by way of calling.
 *   node bench/gemm.mjs [--threads 2] [--rounds 7] [--precisions fp32,bf16] [--python PATH]
 */
import { parseArgs } from 'node:util';
import { median, tell } from './measure.mjs';
import { Contestant, count, here, processor, requirePython, runProgram } from './peers/process.mjs';
import { bestRates } from './peers/rates.mjs';

const HELP = `Rate of matrix products on this machine with LibTorch (as PyTorch ships it).

  node bench/gemm.mjs [options] > bench/results/gemm.json

  --threads N       default 2
  --rounds N        default 7
  --precisions A,B  default: fp32, and bf16 where the processor multiplies it
  --python PATH     Python with torch and numpy; default $PYTHON, else python3
`;

await runProgram(async () => {
  const { values: options } = parseArgs({
    options: {
      threads: { type: 'string', default: '2' },
      rounds: { type: 'string', default: '7' },
      precisions: { type: 'string' },
      python: { type: 'string', default: process.env.PYTHON ?? 'python3' },
      help: { type: 'boolean' },
    },
  });
  if (options.help) {
    process.stdout.write(HELP);
    return;
  }
  const rounds = count(options, 'rounds');
  await requirePython(options.python, ['torch', 'numpy']);
  const { isa, bf16 } = await processor();
  const precisions = options.precisions ?? (bf16 ? 'fp32,bf16' : 'fp32');
  const gemm = await Contestant.start(
    'gemm',
    options.python,
    [here('gemm.py'), '--threads', options.threads, '--precisions', precisions],
    { threads: options.threads },
  );
  const answers = [];
  for (let round = 0; round < rounds; round++) answers.push(await gemm.ask({ do: 'run' }));
  gemm.kill();
  const best = bestRates(answers);
  const products = answers[0].rates.map(({ precision, shape, way }, index) => ({
    precision,
    shape,
    way,
    gflops: median(answers.map(({ rates }) => rates[index].gflops)),
  }));
  for (const [precision, { gflops, shape, way }] of Object.entries(best)) {
    process.stderr.write(`${precision}: ${gflops.toFixed(1)} GFLOP/s (${shape.join(' x ')}, ${way})\n`);
  }
  tell({
    isa,
    torch: gemm.facts.torch,
    capability: gemm.facts.capability,
    threads: gemm.facts.threads,
    best,
    products,
  });
});
