/** The command line on a GPU: training against the CPU's, the same bytes twice and after a resume, no wait inside a step. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PACKAGE_ROOT } from '../../dist/runtime/sources.js';

const MAIN = join(PACKAGE_ROOT, 'dist', 'cli', 'main.js');
/** A fold of the built-in synthetic corpus, in seconds. */
const TRAIN = ['train', '--folds=1', '--epochs=3', '--set=batch.size=32'];
/** Figures of two devices differ by roundings that training amplifies. */
const FIRST_LOSS_WITHIN = 0.02;

/** @param {string} device what is tested against the CPU */
export async function runCli(steps, device = 'cuda') {
  const folder = mkdtempSync(join(tmpdir(), 'ser-gpu-cli-'));
  const cli = (name, args, options = {}) =>
    steps.program(`cli-${name}`, process.execPath, [MAIN, ...args], {
      cwd: folder,
      timeoutS: 900,
      ...options,
    });
  const read = (path) => readFileSync(join(folder, path));
  const epochs = (run) =>
    read(`${run}/metrics.jsonl`)
      .toString()
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
  const same = (path, a, b) => {
    if (!read(`${a}/${path}`).equals(read(`${b}/${path}`)))
      throw new Error(`${path} of ${a} and ${b} differ`);
  };
  const onGpu = [...TRAIN, '--device', device];
  try {
    const trained = await steps.check('train on the GPU, nothing waits inside a step', async () => {
      await cli('train', [...onGpu, '--out', 'gpu'], { env: { SER_FORBID_SYNC: '1' } });
      return { ua: epochs('gpu').at(-1).test?.ua };
    });
    if (trained === undefined) return;
    await steps.check('train again: the same bytes', async () => {
      await cli('again', [...onGpu, '--out', 'again']);
      for (const path of ['metrics.jsonl', 'predictions.jsonl', 'fold-1/best.safetensors'])
        same(path, 'gpu', 'again');
    });
    await steps.check('stopped and resumed: the same bytes', async () => {
      let asked = false;
      await cli('stop', [...onGpu, '--out', 'stopped', '--json'], {
        codes: [130],
        onLine: (line, child) => {
          if (asked || !line.includes('"type":"checkpoint"')) return;
          asked = true;
          child.kill('SIGINT');
        },
      });
      await cli('resume', ['train', '--resume', 'stopped', '--device', device]);
      for (const path of ['metrics.jsonl', 'predictions.jsonl']) same(path, 'gpu', 'stopped');
    });
    await steps.check('float32 against the CPU', async () => {
      const exact = ['--set=precision=fp32'];
      await cli('gpu-fp32', [...onGpu, ...exact, '--out', 'gpu-fp32']);
      await cli('cpu-fp32', [...TRAIN, '--device', 'cpu', ...exact, '--out', 'cpu-fp32']);
      const [gpu, cpu] = [epochs('gpu-fp32')[0].train.total, epochs('cpu-fp32')[0].train.total];
      const off = Math.abs(gpu / cpu - 1);
      if (!(off < FIRST_LOSS_WITHIN))
        throw new Error(`mean loss of epoch 1: ${gpu} on the GPU, ${cpu} on the CPU`);
      return { gpu, cpu };
    });
    await steps.check('evaluate on both devices', async () => {
      const judge = async (on) => {
        const { output } = await cli(`evaluate-${on}`, ['evaluate', 'gpu-fp32', '--device', on, '--json']);
        return JSON.parse(output);
      };
      const [gpu, cpu] = [await judge(device), await judge('cpu')];
      return { gpu: figures(gpu), cpu: figures(cpu) };
    });
    await steps.check('profile: a trace with the kernels in it', async () => {
      await cli('profile', [...onGpu, '--profile', '3', '--out', 'profiled']);
      const profile = JSON.parse(read('profiled/profile.json'));
      if (profile.trace === null) throw new Error(profile.note);
      const { traceEvents } = JSON.parse(read('profiled/profile-trace.json'));
      const kernels = traceEvents.filter((event) => event.cat === 'kernel').length;
      if (kernels === 0) throw new Error('the trace has no kernels');
      return { kernels, millisecondsPerStep: profile.millisecondsPerStep, phases: profile.phases };
    });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** For a person to compare: rounding decides near ties, so the devices need not agree in every utterance. */
function figures(evaluation) {
  const { conditions } = evaluation.evaluations?.[0] ?? evaluation;
  return conditions?.map(({ name, overall }) => ({ name, wa: overall?.wa, ua: overall?.ua }));
}
